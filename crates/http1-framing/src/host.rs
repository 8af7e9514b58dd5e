//! The value of `Host`, and the authority of an absolute target.

use std::net::Ipv6Addr;

/// Whether this is a host with or without a port: `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986,
/// 3.2.2).
///
/// An empty host is none: an `http` URI without one is to be rejected (RFC 9110, 4.2.1). Neither
/// is one with user information (4.2.4), with an empty port, or an address of a future version.
#[must_use]
pub fn is_host(value: &[u8]) -> bool {
    if let Some(rest) = value.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|&byte| byte == b']') else {
            return false;
        };
        return is_ipv6(&rest[..end]) && is_end(&rest[end + 1..]);
    }
    let length = value.iter().take_while(|byte| NAMES[usize::from(**byte)]);
    let (name, end) = value.split_at(length.count());
    !name.is_empty() && has_whole_escapes(name) && is_end(end)
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Nothing, or a port with its colon.
fn is_end(text: &[u8]) -> bool {
    let [b':', digits @ ..] = text else {
        return text.is_empty();
    };
    let add = |port: u16, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        port.checked_mul(10)?.checked_add(digit)
    };
    !digits.is_empty() && digits.iter().try_fold(0, add).is_some()
}

/// Whether two digits follow each `%`.
fn has_whole_escapes(name: &[u8]) -> bool {
    let mut pieces = name.split(|&byte| byte == b'%');
    pieces.next();
    pieces.all(|piece| match piece {
        [a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    })
}

/// What may stand in a `reg-name`, which IPv4 addresses are too.
const NAMES: [bool; 256] = {
    let mut names = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        // unreserved, sub-delims, and escapes
        names[byte] = matches!(byte, 0x30..=0x39 | 0x41..=0x5a | 0x61..=0x7a | 0x2d | 0x2e | 0x5f
            | 0x7e | 0x21 | 0x24 | 0x26..=0x2c | 0x3b | 0x3d | 0x25);
        byte += 1;
    }
    names
};

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

    #[test]
    fn names_have_the_bytes_of_the_rfc() {
        for byte in 0..=255_u8 {
            let want = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
            assert_eq!(NAMES[usize::from(byte)], want, "{byte:#x}");
        }
    }
}
