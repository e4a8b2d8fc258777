//! What is said when everything runs: where it is, and three lines to copy.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The servers, as they are told about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Banner<'a> {
    /// The name server, as clients reach it.
    pub(super) name_server: SocketAddr,
    /// The broker, too.
    pub(super) broker: SocketAddr,
    pub(super) data: &'a Path,
    pub(super) auto_create_topics: bool,
}

/// The address that commands use when they are told nothing.
const DEFAULT: (IpAddr, u16) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9876);

impl Banner<'_> {
    pub(super) fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let Self { name_server, broker, data, .. } = self;
        let option = if (name_server.ip(), name_server.port()) == DEFAULT {
            String::new()
        } else {
            format!(" -n {name_server}")
        };
        let topics = if self.auto_create_topics {
            "a first message makes its topic"
        } else {
            "topics have to be made before they are used"
        };
        format!(
            "Gantry {version} is ready.\n\
             \n\
             \x20 name server   {name_server}   (what clients are given)\n\
             \x20 broker        {broker}   ({topics})\n\
             \x20 data          {}\n\
             \n\
             Copy into another terminal:\n\
             \x20 gantry send hello 'Hello, Gantry'{option}\n\
             \x20 gantry consume hello --from-beginning{option}\n\
             Java clients:\n\
             \x20 -Drocketmq.namesrv.addr={name_server}\n\
             \n\
             Ctrl-C stops it; what was stored stays.\n",
            data.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(addr: &str) -> String {
        Banner {
            name_server: addr.parse().unwrap(),
            broker: "127.0.0.1:10911".parse().unwrap(),
            data: Path::new(".gantry"),
            auto_create_topics: true,
        }
        .text()
    }

    #[test]
    fn the_lines_to_copy_work_as_they_are() {
        let usual = text("127.0.0.1:9876");
        assert!(usual.contains("\n  gantry consume hello --from-beginning\n"), "{usual}");
        assert!(usual.contains("\n  -Drocketmq.namesrv.addr=127.0.0.1:9876\n"), "{usual}");
        assert!(usual.contains("broker        127.0.0.1:10911 "), "{usual}");
        let other = text("192.0.2.17:19876");
        assert!(other.contains("\n  gantry send hello 'Hello, Gantry' -n 192.0.2.17:19876\n"), "{other}");
    }
}
