//! Which other origins may read the answers of a site (the Fetch standard, "CORS protocol").

use serde::{Deserialize, Serialize};

use crate::field::is_token;
use crate::pattern::is_label;

/// `[cors]` of `wws.toml`, or `--cors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Who may.
    pub origins: Origins,
    /// Which methods, in the order written.
    pub methods: Vec<String>,
    /// Which fields of a request; `None`: those that it asks for.
    pub headers: Option<Vec<String>>,
    /// Whether with cookies and the like; never with [`Origins::Any`].
    pub credentials: bool,
}

/// Origins that may read answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origins {
    /// Every one.
    Any,
    /// These, each as browsers send it.
    Listed(Vec<String>),
}

/// Why origins and credentials do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorsError {
    /// `*` with credentials.
    #[error(
        "\"*\" with credentials would let every site read what users see here; list the origins"
    )]
    AnyWithCredentials,
    /// `*` among others.
    #[error("\"*\" stands for every origin; write it alone, or list the origins without it")]
    AnyAmongOthers,
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No scheme.
    #[error("{text:?} is no origin; write scheme and host, as in https://app.example.com, or *")]
    NoScheme {
        /// What was written.
        text: String,
    },
    /// More than an origin.
    #[error("{text:?} has more than scheme, host and port; write {instead}")]
    Path {
        /// What was written.
        text: String,
        /// The right form.
        instead: String,
    },
    /// A host that is none.
    #[error("{text:?} has no host; write one, as in https://app.example.com")]
    Host {
        /// What was written.
        text: String,
    },
    /// `https://*.example.com`.
    #[error("{text:?} has a * in it; list the origins one by one")]
    Star {
        /// What was written.
        text: String,
    },
    /// Browsers leave the usual port out.
    #[error("{text:?} names the usual port, which browsers leave out; write {instead}")]
    UsualPort {
        /// What was written.
        text: String,
        /// The right form.
        instead: String,
    },
    /// No number from 1 to 65535.
    #[error("{text:?} has no port from 1 to 65535 after its colon")]
    Port {
        /// What was written.
        text: String,
    },
    /// `null`, which any page can be.
    #[error("\"null\" is what every sandboxed page of every site is called; list real origins")]
    Null,
}

/// What may be done if nothing is said: what forms and scripts of an API do.
const METHODS_DEFAULT: [&str; 6] = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"];

impl Cors {
    /// These origins, all usual methods, all fields, no credentials.
    pub fn of(origins: Origins) -> Self {
        Self {
            origins,
            methods: METHODS_DEFAULT.map(str::to_owned).to_vec(),
            headers: None,
            credentials: false,
        }
    }

    /// Refuses what browsers refuse, and what nobody should want.
    pub fn check(&self) -> Result<(), CorsError> {
        match (&self.origins, self.credentials) {
            (Origins::Any, true) => Err(CorsError::AnyWithCredentials),
            _ => Ok(()),
        }
    }
}

impl Origins {
    /// What a list of origins and `*` means; each was parsed by [`parse_origin`].
    pub fn of_list(mut list: Vec<String>) -> Result<Self, CorsError> {
        match list.as_slice() {
            [only] if only == "*" => Ok(Self::Any),
            all if all.iter().any(|origin| origin == "*") => Err(CorsError::AnyAmongOthers),
            _ => {
                list.sort();
                list.dedup();
                Ok(Self::Listed(list))
            }
        }
    }

    /// Whether that origin, as a browser sends it, may read answers.
    pub fn allow(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(list) => list.iter().any(|listed| listed.as_bytes() == origin),
        }
    }
}

/// An origin in the form in which browsers send it, or `*`.
///
/// # Errors
/// [`OriginError`] says what to write instead.
pub fn parse_origin(text: &str) -> Result<String, OriginError> {
    let whole = || text.to_owned();
    match text {
        "*" => return Ok(whole()),
        "null" => return Err(OriginError::Null),
        _ => {}
    }
    let lower = text.to_ascii_lowercase();
    let Some((scheme, rest)) = lower
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
    else {
        return Err(OriginError::NoScheme { text: whole() });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if authority.contains('*') {
        return Err(OriginError::Star { text: whole() });
    }
    if authority.contains('@') {
        return Err(OriginError::Host { text: whole() });
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_host(host) {
        return Err(OriginError::Host { text: whole() });
    }
    let instead = match port {
        Some(port) => match (scheme, port.parse::<u16>()) {
            (_, Err(_) | Ok(0)) => return Err(OriginError::Port { text: whole() }),
            ("https", Ok(443)) | ("http", Ok(80)) => {
                let instead = format!("{scheme}://{host}");
                return Err(OriginError::UsualPort {
                    text: whole(),
                    instead,
                });
            }
            (_, Ok(port)) => format!("{scheme}://{host}:{port}"),
        },
        None => format!("{scheme}://{host}"),
    };
    match end == rest.len() {
        true => Ok(instead),
        false => Err(OriginError::Path {
            text: whole(),
            instead,
        }),
    }
}

/// RFC 3986, 3.1; apps have schemes of their own.
fn is_scheme(text: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_rest)
}

fn is_host(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    }
}

/// Whether a text is a method; methods have capital letters.
pub fn check_method(text: &str) -> bool {
    is_token(text)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

/// Whether a text is the name of a field.
pub fn check_header_name(text: &str) -> bool {
    is_token(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn origins_have_the_form_that_browsers_send() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            match parse_origin(text) {
                Ok(origin) => assert_eq!(origin, want),
                Err(error) => assert!(error.to_string().contains(want), "{error}"),
            }
        }
        check("*", "*");
        check("https://Example.com", "https://example.com");
        check("http://localhost:3000", "http://localhost:3000");
        check("http://[::1]:3000", "http://[::1]:3000");
        check("capacitor://localhost", "capacitor://localhost");
        check("example.com", "write scheme and host");
        check("https://example.com/", "write https://example.com");
        check("https://example.com/a?b", "write https://example.com");
        check("https://u:p@example.com", "no host");
        check("https://example.com:443", "write https://example.com");
        check("http://example.com:80", "write http://example.com");
        check("https://example.com:0", "no port from 1");
        check("https://example.com:x", "no port from 1");
        check("https://*.example.com", "one by one");
        check("https://", "no host");
        check("https://a b", "no host");
        check("null", "sandboxed");
    }

    #[test]
    fn any_origin_stands_alone_and_without_credentials() {
        let list = |list: &[&str]| Origins::of_list(list.iter().map(|&o| o.to_owned()).collect());
        assert_eq!(list(&["*"]), Ok(Origins::Any));
        assert_eq!(list(&["*", "https://a"]), Err(CorsError::AnyAmongOthers));
        let listed = list(&["https://b", "https://a", "https://b"]).unwrap();
        assert!(listed.allow(b"https://a") && !listed.allow(b"https://c"));
        let mut cors = Cors::of(Origins::Any);
        assert_eq!(cors.check(), Ok(()));
        cors.credentials = true;
        assert_eq!(cors.check(), Err(CorsError::AnyWithCredentials));
    }

    proptest! {
        #[test]
        fn a_parsed_origin_is_one(text in "[a-z]{0,3}:?/?/?[ -~]{0,10}") {
            if let Ok(origin) = parse_origin(&text) {
                prop_assert_eq!(parse_origin(&origin), Ok(origin.clone()));
                prop_assert!(origin.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
