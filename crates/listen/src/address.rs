//! What users write as the place to listen at.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port.
    Tcp {
        /// Of which interface.
        host: Host,
        /// 0 is any free one.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// The interface whose port is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// One address; `0.0.0.0` and `::` are all interfaces.
    Ip(IpAddr),
    /// A name, which has to be resolved.
    Name(String),
}

/// Why a text is no place to listen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither of the forms.
    #[error("write HOST:PORT, such as 127.0.0.1:8080 or [::]:8080, or unix:/path")]
    Form,
    /// After the last colon.
    #[error("a port is a number from 0 to 65535")]
    Port,
    /// `unix:` alone, or with a byte that ends a path.
    #[error("write a path after unix:, such as unix:/run/app.sock")]
    Path,
}

impl Host {
    /// An address, with or without the brackets of IPv6, or any other name. `localhost` is
    /// 127.0.0.1, and asked of nobody.
    pub fn parse(text: &str) -> Self {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        match bare.unwrap_or(text).parse() {
            Ok(address) => Self::Ip(address),
            Err(_) if text.eq_ignore_ascii_case("localhost") => Self::Ip([127, 0, 0, 1].into()),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.is_empty() || path.contains('\0') {
                true => Err(AddressError::Path),
                false => Ok(Self::Unix(path.into())),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::Form)?;
        // Without brackets nobody can tell where an IPv6 address ends.
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || (host.contains([':', '[', ']']) && !is_bracketed) {
            return Err(AddressError::Form);
        }
        let host = Host::parse(host);
        if matches!(&host, Host::Name(name) if !is_name(name)) {
            return Err(AddressError::Form);
        }
        let port = port.parse().map_err(|_| AddressError::Port)?;
        Ok(Self::Tcp { host, port })
    }
}

/// Whether a text could be the name of a host.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_place_is_a_port_or_a_path() {
        #[track_caller]
        fn check(text: &str, want: Result<&str, AddressError>) {
            let found = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(found, want.map(str::to_owned), "{text:?}");
        }
        check("127.0.0.1:8080", Ok("127.0.0.1:8080"));
        check("localhost:0", Ok("127.0.0.1:0"));
        check("[::]:80", Ok("[::]:80"));
        check("[::1]:65535", Ok("[::1]:65535"));
        check("web.example:80", Ok("web.example:80"));
        check("unix:/run/a:b", Ok("unix:/run/a:b"));
        check("unix:app.sock", Ok("unix:app.sock"));
        for bad in [
            "",
            "8080",
            ":8080",
            "::1:80",
            "[::1:80",
            "a b:80",
            "[x]:80",
            "http://a:80",
        ] {
            check(bad, Err(AddressError::Form));
        }
        for bad in [
            "127.0.0.1:",
            "127.0.0.1:http",
            "127.0.0.1:65536",
            "[::1]:-1",
        ] {
            check(bad, Err(AddressError::Port));
        }
        for bad in ["unix:", "unix:/a\0b"] {
            check(bad, Err(AddressError::Path));
        }
    }

    #[test]
    fn a_host_is_an_address_with_or_without_brackets_or_a_name() {
        #[track_caller]
        fn check(text: &str, is_address: bool) {
            let found = Host::parse(text);
            assert_eq!(matches!(found, Host::Ip(_)), is_address, "{text:?}");
        }
        check("::1", true);
        check("[::1]", true);
        check("10.0.0.1", true);
        check("LOCALHOST", true);
        check("[::1", false);
        check("web", false);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_so_that_it_is_read_again(text in ".{0,40}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
