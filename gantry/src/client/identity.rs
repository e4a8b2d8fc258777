//! Who a client is to the broker: `ip@pid#nanos`, as Apache's clients call themselves.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

/// A client id that no other process has. Members of a group are sorted by it.
#[must_use]
pub fn client_id(name_server: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}@{}#{nanos}", address_towards(name_server), std::process::id())
}

/// The address that this machine uses to talk to `peer`. Connecting a UDP socket sends nothing.
fn address_towards(peer: &str) -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(peer)?;
        socket.local_addr()
    });
    socket.map_or_else(|_| Ipv4Addr::LOCALHOST.into(), |addr| addr.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_address_and_process() {
        let id = client_id("127.0.0.1:9876");
        assert!(id.starts_with(&format!("127.0.0.1@{}#", std::process::id())), "{id}");
        assert_ne!(id, client_id("127.0.0.1:9876"));
        assert!(client_id("no such host").starts_with("127.0.0.1@"));
    }
}
