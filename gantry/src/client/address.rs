//! The name servers' addresses, as people write them.

use std::fmt;
use std::str::FromStr;

/// The port that a name server listens on unless it is told otherwise.
pub const DEFAULT_PORT: u16 = 9876;

/// One or more `host:port`, `;` separated; a missing port is 9876.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServerList(Vec<String>);

/// Why a list of addresses was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Nothing between the separators.
    #[error("no address in {0:?}: write host:port, several with ; between them")]
    Empty(String),
    /// No host, or a port that is no number up to 65535.
    #[error("{0:?} is not host:port, as in 127.0.0.1:9876")]
    Malformed(String),
    /// A URL.
    #[error("{0:?} is a URL: name servers are given as host:port, as in 127.0.0.1:9876")]
    Url(String),
}

impl NameServerList {
    /// The addresses, each `host:port`.
    #[must_use]
    pub fn addrs(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for NameServerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(";"))
    }
}

impl FromStr for NameServerList {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let entries = text.split([';', ',']).map(str::trim).filter(|entry| !entry.is_empty());
        let addrs = entries.map(host_and_port).collect::<Result<Vec<_>, _>>()?;
        if addrs.is_empty() { Err(BadAddress::Empty(text.to_owned())) } else { Ok(Self(addrs)) }
    }
}

fn host_and_port(entry: &str) -> Result<String, BadAddress> {
    let malformed = || BadAddress::Malformed(entry.to_owned());
    if entry.contains("://") {
        return Err(BadAddress::Url(entry.to_owned()));
    }
    if entry.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(malformed());
    }
    // A bracketed IPv6 address may stand without a port; a bare one cannot be told from a host with a port.
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| malformed())?),
        _ => (entry, DEFAULT_PORT),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || port == 0 || (host.contains(':') && !bracketed) {
        return Err(malformed());
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        text.parse::<NameServerList>().unwrap().addrs().to_vec()
    }

    #[test]
    fn several_addresses_are_read_and_ports_completed() {
        assert_eq!(parsed("127.0.0.1:9876"), ["127.0.0.1:9876"]);
        assert_eq!(parsed(" a:1; b ;c.example:2;"), ["a:1", "b:9876", "c.example:2"]);
        assert_eq!(parsed("[::1]:7;[fe80::1]"), ["[::1]:7", "[fe80::1]:9876"]);
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_form_it_should_have() {
        assert!(matches!("".parse::<NameServerList>(), Err(BadAddress::Empty(_))));
        assert!(matches!(" ; ".parse::<NameServerList>(), Err(BadAddress::Empty(_))));
        assert!(matches!("http://x:1".parse::<NameServerList>(), Err(BadAddress::Url(_))));
        for text in ["a:", ":1", "a:70000", "a:0", "a b:1", "a/b", "fe80::1:9876"] {
            assert!(matches!(text.parse::<NameServerList>(), Err(BadAddress::Malformed(_))), "{text}");
        }
    }
}
