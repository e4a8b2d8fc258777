//! A host as a record stores it: 4 or 16 address bytes and the port as a 32-bit integer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The born or store host of a record.
///
/// IPv4-mapped IPv6 addresses are kept as IPv4: Go and C++ clients read the IPv4 layout only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Host(SocketAddr);

impl Host {
    /// Takes a socket address, folding `::ffff:a.b.c.d` to IPv4.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
    }

    /// The address.
    #[must_use]
    pub fn addr(self) -> SocketAddr {
        self.0
    }

    /// Bytes this host takes in a record: 8 for IPv4, 20 for IPv6.
    #[must_use]
    pub fn encoded_len(self) -> usize {
        if self.0.is_ipv4() { 8 } else { 20 }
    }

    /// True where the record's sysFlag needs the matching IPv6 bit.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        self.0.is_ipv6()
    }

    /// Writes address and port through `put`.
    pub fn write(self, mut put: impl FnMut(&[u8])) {
        match self.0.ip() {
            IpAddr::V4(ip) => put(&ip.octets()),
            IpAddr::V6(ip) => put(&ip.octets()),
        }
        put(&i32::from(self.0.port()).to_be_bytes());
    }

    /// Reads a host of `ipv6` layout; `None` when `bytes` has another length. A port beyond 16 bits is truncated:
    /// it comes from no socket, and is no reason to lose the record that it is in.
    #[must_use]
    pub fn read(bytes: &[u8], ipv6: bool) -> Option<Self> {
        let (ip, port): (IpAddr, &[u8]) = if ipv6 {
            let (ip, port) = bytes.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*ip).into(), port)
        } else {
            let (ip, port) = bytes.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*ip).into(), port)
        };
        let port = i32::from_be_bytes(port.try_into().ok()?);
        Some(Self(SocketAddr::new(ip, (port & 0xFFFF) as u16)))
    }
}

impl From<SocketAddr> for Host {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_ipv4() {
        let host = Host::new("[::ffff:10.1.2.3]:10911".parse().unwrap());
        assert!(!host.is_ipv6());
        assert_eq!(host.addr().to_string(), "10.1.2.3:10911");
    }
}
