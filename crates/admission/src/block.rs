//! Which addresses are one client.

use std::net::IpAddr;

/// The addresses that one client can choose from: one of IPv4, or a /64 of IPv6, which is the
/// least that a customer of a provider is given (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientBlock(u64);

/// No client has an address in ff00::/8 (RFC 4291, 2.7): there is room for those of IPv4.
const IPV4: u64 = 0xffff << 48;

impl From<IpAddr> for ClientBlock {
    /// An IPv4 address in IPv6 is that address.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IPV4 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let segments = [a, b, c, d].map(u64::from);
                Self(
                    segments
                        .iter()
                        .fold(0, |block, segment| block << 16 | segment),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv4_and_a_64_of_ipv6_are_one_client() {
        #[track_caller]
        fn check(one: &str, other: &str, are_same: bool) {
            let block = |text: &str| ClientBlock::from(text.parse::<IpAddr>().unwrap());
            assert_eq!(block(one) == block(other), are_same, "{one} {other}");
        }
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        check("2001:db8:1:2::1", "2001:db9:1:2::1", false);
        check("192.0.2.1", "::192.0.2.1", false);
        check("::1", "0.0.0.0", false);
    }
}
