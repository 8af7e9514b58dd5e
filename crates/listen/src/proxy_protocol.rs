//! The header of the PROXY protocol, in which a load balancer says whose connection it passes on.
//!
//! | version | looks like | length |
//! |---|---|---|
//! | 1 | `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n` | up to 107 bytes |
//! | 2 | 12 bytes of signature, version and command, family, length, addresses, further fields | 16 bytes and what the length says |
//!
//! After "The PROXY protocol, versions 1 & 2" of HAProxy. A header says as well that it is about nobody
//! (`UNKNOWN`, or the command `LOCAL`): the balancer itself asks then whether we are well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How every header of version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;

/// The longest line of version 1, its end included (section 2.1).
const LINE_BYTES_MAX: usize = 107;

/// The longest header that is read: the addresses of version 2 take up to 216 bytes, and who appends
/// fields to them appends few.
pub const HEADER_BYTES_MAX: usize = 2048;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose connection it is; `None` if the balancer speaks for itself, or for no address.
    pub source: Option<SocketAddr>,
    /// How many bytes it has.
    pub length: usize,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole header.
    Whole(Header),
    /// The beginning of one, and nothing else yet.
    Part,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    /// They begin otherwise.
    #[error("the connection does not begin with a header of the PROXY protocol")]
    Missing,
    /// The line, or the block, holds something that it must not.
    #[error("the header of the PROXY protocol is malformed")]
    Malformed,
    /// It is longer than [`HEADER_BYTES_MAX`].
    #[error("the header of the PROXY protocol is longer than {HEADER_BYTES_MAX} bytes")]
    TooLong,
}

/// Reads the header at the beginning of `bytes`.
///
/// # Errors
/// See [`ProxyHeaderError`]; no further bytes make a header of these.
pub fn proxy_header(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    match bytes.first() {
        None => Ok(Parsed::Part),
        Some(b'P') => version_1(bytes),
        Some(_) => version_2(bytes),
    }
}

fn version_1(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    const BEGIN: &[u8] = b"PROXY ";
    let begins = BEGIN.iter().zip(bytes).all(|(want, byte)| want == byte);
    if !begins {
        return Err(ProxyHeaderError::Missing);
    }
    let seen = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    match seen.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let source = line_source(&seen[..end])?;
            let length = end + 1;
            Ok(Parsed::Whole(Header { source, length }))
        }
        None if bytes.len() < LINE_BYTES_MAX => Ok(Parsed::Part),
        None => Err(ProxyHeaderError::Malformed),
    }
}

/// The source of a line, which still has its CR.
fn line_source(line: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let line = line.strip_suffix(b"\r").map(std::str::from_utf8);
    let Some(Ok(line)) = line else {
        return Err(ProxyHeaderError::Malformed);
    };
    let words: Vec<&str> = line.split(' ').collect();
    // What follows `UNKNOWN` is to be ignored.
    if words[1] == "UNKNOWN" {
        return Ok(None);
    }
    let found = match words[..] {
        [_, "TCP4", source, target, source_port, target_port] => {
            let target = target.parse::<Ipv4Addr>().is_ok() && port(target_port).is_some();
            let source = source.parse().ok().map(IpAddr::V4);
            source.zip(port(source_port)).filter(|_| target)
        }
        [_, "TCP6", source, target, source_port, target_port] => {
            let target = target.parse::<Ipv6Addr>().is_ok() && port(target_port).is_some();
            let source = source.parse().ok().map(IpAddr::V6);
            source.zip(port(source_port)).filter(|_| target)
        }
        _ => None,
    };
    let source = found.map(SocketAddr::from);
    source.map(Some).ok_or(ProxyHeaderError::Malformed)
}

/// A port in digits alone, which is more than parsing a number asks for.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn version_2(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let begins = SIGNATURE.iter().zip(bytes).all(|(want, byte)| want == byte);
    if !begins {
        return Err(ProxyHeaderError::Missing);
    }
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED_BYTES) else {
        return Ok(Parsed::Part);
    };
    let is_proxied = match fixed[12] {
        0x20 => false,
        0x21 => true,
        _ => return Err(ProxyHeaderError::Malformed),
    };
    let block = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let length = FIXED_BYTES + block;
    if length > HEADER_BYTES_MAX {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(block) = rest.get(..block) else {
        return Ok(Parsed::Part);
    };
    let source = match is_proxied {
        true => block_source(fixed[13], block)?,
        false => None,
    };
    Ok(Parsed::Whole(Header { source, length }))
}

/// The source of an address block; there is none for sockets without addresses, or of other protocols.
fn block_source(family: u8, block: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    match family {
        0x11 => match block.first_chunk::<12>() {
            Some([a, b, c, d, .., high, low, _, _]) => {
                let source = Ipv4Addr::new(*a, *b, *c, *d);
                let port = u16::from_be_bytes([*high, *low]);
                Ok(Some((source, port).into()))
            }
            None => Err(ProxyHeaderError::Malformed),
        },
        0x21 => match block.first_chunk::<36>() {
            Some(block @ [.., high, low, _, _]) => {
                let octets = *block
                    .first_chunk::<16>()
                    .ok_or(ProxyHeaderError::Malformed)?;
                let port = u16::from_be_bytes([*high, *low]);
                Ok(Some((Ipv6Addr::from(octets), port).into()))
            }
            None => Err(ProxyHeaderError::Malformed),
        },
        // Unspecified, datagrams, Unix sockets.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Ok(None),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::ProxyHeaderError::{Malformed, Missing, TooLong};
    use super::*;
    use proptest::prelude::*;

    /// A header of version 2 with this command, family and block.
    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, block].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x01, 0xbb];

    fn ipv6() -> [u8; 36] {
        let mut block = [0; 36];
        block[15] = 1;
        block[32..].copy_from_slice(&[0x12, 0x67, 0x01, 0xbb]);
        block
    }

    #[test]
    fn a_header_says_whose_connection_it_is_and_where_it_ends() {
        #[track_caller]
        fn check(header: &[u8], want: Option<&str>) {
            let rest = b"GET / HTTP/1.1\r\n\r\nPROXY TCP4 \r\n";
            let found = proxy_header(&[header, rest].concat()).unwrap();
            let source = want.map(|source| source.parse().unwrap());
            let length = header.len();
            assert_eq!(found, Parsed::Whole(Header { source, length }));
            // Every beginning of it is one, and nothing but that.
            for end in 0..length {
                assert_eq!(proxy_header(&header[..end]), Ok(Parsed::Part), "{end}");
            }
        }
        check(
            b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n",
            Some("192.0.2.1:4711"),
        );
        check(b"PROXY TCP6 ::1 ::2 4711 443\r\n", Some("[::1]:4711"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff::1 what ever\r\n", None);
        check(&binary(0x21, 0x11, &IPV4), Some("192.0.2.1:4711"));
        check(
            &binary(0x21, 0x11, &[&IPV4[..], &[4, 0, 1, 0]].concat()),
            Some("192.0.2.1:4711"),
        );
        check(&binary(0x21, 0x21, &ipv6()), Some("[::1]:4711"));
        check(&binary(0x20, 0x11, &IPV4), None);
        check(&binary(0x20, 0, b""), None);
        check(&binary(0x21, 0, b""), None);
        check(&binary(0x21, 0x31, &[0; 216]), None);
    }

    #[test]
    fn anything_else_is_refused() {
        #[track_caller]
        fn check(bytes: &[u8], want: ProxyHeaderError) {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(proxy_header(bytes), Err(want), "{shown:?}");
        }
        check(b"GET / HTTP/1.1\r\n", Missing);
        check(b"POST / HTTP/1.1\r\n", Missing);
        check(b"PRI * HTTP/2.0\r\n", Missing);
        check(b"\x16\x03\x01", Missing);
        check(b"\r\n\r\n\0\r\nQUIX", Missing);
        for line in [
            "",
            "TCP4",
            "TCP4 192.0.2.1 192.0.2.2 1",
            "TCP4 192.0.2.1 192.0.2.2 1 2 3",
            "TCP4 ::1 ::2 1 2",
            "TCP6 192.0.2.1 192.0.2.2 1 2",
            "TCP4 192.0.2.1 192.0.2.2 65536 1",
            "TCP4 192.0.2.1 192.0.2.2 +1 1",
            "TCP4 192.0.2.1 192.0.2.2 1 -1",
            "TCP4  192.0.2.1 192.0.2.2 1 1",
            "UDP4 192.0.2.1 192.0.2.2 1 2",
        ] {
            check(format!("PROXY {line}\r\n").as_bytes(), Malformed);
        }
        check(b"PROXY UNKNOWN\n", Malformed);
        check(b"PROXY TCP4 \xff\r\n", Malformed);
        check(
            format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes(),
            Malformed,
        );
        check(&binary(0x11, 0x11, &IPV4), Malformed);
        check(&binary(0x22, 0x11, &IPV4), Malformed);
        check(&binary(0x21, 0x13, &IPV4), Malformed);
        check(&binary(0x21, 0x11, &IPV4[1..]), Malformed);
        check(&binary(0x21, 0x21, &IPV4), Malformed);
        check(&binary(0x21, 0x11, &[0; HEADER_BYTES_MAX]), TooLong);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for begin in [&b""[..], b"PROXY ", SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"] {
                let bytes = [begin, &bytes].concat();
                match proxy_header(&bytes) {
                    Ok(Parsed::Whole(header)) => prop_assert!(header.length <= bytes.len()),
                    Ok(Parsed::Part) => prop_assert!(bytes.len() < HEADER_BYTES_MAX),
                    Err(_) => {}
                }
            }
        }
    }
}
