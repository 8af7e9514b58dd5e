//! What a host in a URL means: an address, in whatever spelling, or a name.
//!
//! Spellings of IPv4 addresses are those of the WHATWG URL standard (3.5, the IPv4 parser), which
//! are those of C libraries: `127.1`, `0x7f.1`, `0177.0.0.1`, `2130706433`. A name is ASCII only,
//! so what else URL parsers turn into digits (full-width ones, percent-encoded ones) is no host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of the DNS, in its text form (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host of a URL, in its one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address; one of IPv4 in the clothes of IPv6 is one of IPv4.
    Address(IpAddr),
    /// A name in lower case, without a dot at its end.
    Name(String),
}

/// A text that is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is no host", .0.escape_debug())]
pub struct NotAHost(pub String);

impl Host {
    /// Parses the host of a URL, an IPv6 address with brackets or without.
    ///
    /// # Errors
    /// Neither an address nor a name of letters, digits, `-`, `_` and dots.
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        let refused = || NotAHost(text.to_owned());
        if let Some(address) = ipv6(text) {
            return Ok(Self::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if ends_in_number(&name) {
            let address = ipv4(&name).ok_or_else(refused)?;
            return Ok(Self::Address(address.into()));
        }
        match is_name(&name) {
            true => Ok(Self::Name(name)),
            false => Err(refused()),
        }
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

/// As it stands in a URL: an IPv6 address in brackets.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => write!(out, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(out, "[{address}]"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

/// The address that a host of a URL spells, if it spells one; such a host is never looked up.
pub fn literal_address(host: &str) -> Option<IpAddr> {
    Host::parse(host).ok()?.address()
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(text).parse().ok()
}

/// Whether a name can only be an address: no top-level domain is a number.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let all_digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    all_digits || number(last).is_some()
}

fn ipv4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = name.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let mut bits = 0;
    for part in first {
        bits = bits << 8 | part;
    }
    // The last part fills all bytes that the ones before it leave.
    let left = 8 * (4 - first.len());
    if last >> left != 0 {
        return None;
    }
    u32::try_from(bits << left | last).ok().map(Ipv4Addr::from)
}

/// A part of an address: decimal, octal after `0`, hexadecimal after `0x`. `None` as well for what
/// is too big for any address.
fn number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.strip_prefix("0x").or(part.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
        None if part.is_empty() => return None,
        None => (part, 10),
    };
    digits.chars().try_fold(0_u64, |value, digit| {
        let digit = digit.to_digit(radix)?;
        let value = value * u64::from(radix) + u64::from(digit);
        (value <= u64::from(u32::MAX)).then_some(value)
    })
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let found = match Host::parse(text) {
            Ok(host) => host.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.0x0.0x0.0x1",
            "0x7f.1",
            "0177.0.0.1",
            "0000000000177.1",
            "017700000001",
            "127.0x.00.1",
            "::ffff:127.0.0.1",
            "[::ffff:7f00:1]",
        ] {
            check(text, "127.0.0.1");
            assert_eq!(
                literal_address(text),
                Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                "{text}"
            );
        }
        check("[::1]", "[::1]");
        check("0:0:0:0:0:0:0:1", "[::1]");
        check("0", "0.0.0.0");
        check("0x", "0.0.0.0");
    }

    #[test]
    fn a_name_has_one_form() {
        check("Example.COM.", "example.com");
        check("my_app", "my_app");
        check("xn--bcher-kva.example", "xn--bcher-kva.example");
        check("0x7g.example", "0x7g.example");
        check("1password.com", "1password.com");
    }

    #[test]
    fn anything_else_is_no_host() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a.b..",
            "256.0.0.1",
            "1.2.3.4.5",
            "1.2.3.256",
            "127.0.0.08",
            "4294967296",
            "99999999999999999999999",
            "example.1",
            "example.0x1",
            "%31.0.0.1",
            "１27.0.0.1",
            "bücher.example",
            "a b",
            "a/b",
            "user@a",
            "a:80",
            "[::1",
            "::1]",
            "[127.0.0.1]",
            "[fe80::1%eth0]",
            "[]",
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
    }
}
