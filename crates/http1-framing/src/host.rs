//! The value of `Host`, and the authority of an absolute target.

use std::net::Ipv6Addr;

/// Whether this is a host with or without a port: `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986,
/// 3.2.2).
///
/// An empty host is none: an `http` URI without one is to be rejected (RFC 9110, 4.2.1). Neither
/// is one with user information (4.2.4), with an empty port, or an address of a future version.
#[must_use]
pub fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else {
                return false;
            };
            let (address, port) = (&rest[..end], &rest[end + 1..]);
            return is_ipv6(address) && (port.is_empty() || is_port_after_colon(port));
        }
        None => match value.iter().position(|&byte| byte == b':') {
            Some(at) => value.split_at(at),
            None => (value, &value[value.len()..]),
        },
    };
    is_name(host) && (port.is_empty() || is_port_after_colon(port))
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_port_after_colon(text: &[u8]) -> bool {
    text.strip_prefix(b":").is_some_and(|digits| {
        let number = std::str::from_utf8(digits).ok().map(str::parse::<u16>);
        digits.iter().all(u8::is_ascii_digit) && matches!(number, Some(Ok(_)))
    })
}

/// `reg-name`, which IPv4 addresses are too, and not empty.
fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => match after {
                [a, b, after @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => after,
                _ => return false,
            },
            _ if is_name_byte(byte) => after,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// `unreserved` or `sub-delims`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in [
            "a",
            "localhost",
            "example.com",
            "example.com.",
            "a_b.example",
            "xn--bcher-kva.example",
            "127.0.0.1",
            "127.0.0.1:80",
            "a:0",
            "a:65535",
            "a:00080",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::1]:443",
            "[::ffff:1.2.3.4]",
            "a%20b",
            "~!$&'()*+,;=",
            "..",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for host in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:-1",
            "a:+1",
            "user@a",
            "user:pw@a",
            "a b",
            "a\tb",
            "a/b",
            "/",
            "a?b",
            "a#b",
            "a\\b",
            "http://a",
            "a%",
            "a%2",
            "a%zz",
            "a,\"b\"",
            "a<b>",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[::1]]",
            "[127.0.0.1]",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "[::1]:65536",
            "a\0",
            "a\u{7f}",
            "\u{e4}",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(b"a\xff"));
    }
}
