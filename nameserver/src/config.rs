use gantry_remoting::server::Limits;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a name server is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A second port, for clients that reach brokers by their external addresses only.
    pub external_listen: Option<SocketAddr>,
    /// Where probes and metrics are served by HTTP.
    pub probe_listen: Option<SocketAddr>,
    /// Folder for `kvConfig.json` and `namesrv.properties`; made when absent, used by one name server at a time.
    pub data: PathBuf,
    /// Settings that win over those in the data folder, as names and values: `("orderMessageEnable", "true")`.
    pub settings: Vec<(String, String)>,
    /// What connections may take.
    pub limits: Limits,
}

impl Config {
    /// A name server on `listen` that keeps its files in `data`; everything else as Apache has it.
    #[must_use]
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            external_listen: None,
            probe_listen: None,
            data: data.into(),
            settings: Vec::new(),
            limits: Limits::default(),
        }
    }
}
