//! The option that every client command has.

use crate::client::address::NameServerList;
use crate::route::NameServers;
use std::time::Duration;

/// Which name servers to ask.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NameServerArgs {
    /// Name server address; several with ; between them
    #[arg(
        long,
        short = 'n',
        value_name = "HOST:PORT",
        env = "GANTRY_NAMESRV",
        default_value = "127.0.0.1:9876"
    )]
    pub(crate) namesrv: NameServerList,
}

/// The longest that one name server is waited for.
const LONGEST: Duration = Duration::from_secs(3);

impl NameServerArgs {
    /// A client of them that waits no longer than `timeout`.
    pub(crate) fn connect(&self, timeout: Duration) -> NameServers {
        NameServers::new(self.namesrv.clone(), timeout.min(LONGEST))
    }
}
