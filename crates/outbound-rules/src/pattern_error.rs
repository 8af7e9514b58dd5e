//! Why a text is no entry of `allowed_hosts`, and what to write instead.

use std::net::IpAddr;

/// Why a text is no [`HostPattern`](crate::HostPattern).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// Nothing, or nothing but spaces.
    #[error("\"\" names no host; write one, such as \"example.com\"")]
    Empty,
    /// A URL.
    #[error("\"{}\" is a URL; write the host alone: \"{instead}\"", text.escape_debug())]
    Url {
        /// What was written.
        text: String,
        /// The right form.
        instead: String,
    },
    /// A host with a path, a query or a fragment.
    #[error("\"{}\" has a path, but a host is allowed as a whole; write the host alone: \"{instead}\"", text.escape_debug())]
    Path {
        /// What was written.
        text: String,
        /// The right form.
        instead: String,
    },
    /// A user name or password.
    #[error("\"{}\" has a user before \"@\"; write the host alone: \"{instead}\"", text.escape_debug())]
    User {
        /// What was written.
        text: String,
        /// The right form.
        instead: String,
    },
    /// Spaces, commas: likely more than one host.
    #[error("\"{}\" has a space or a comma in it; write one host in each entry, as in [\"a.example\", \"b.example\"]", text.escape_debug())]
    Several {
        /// What was written.
        text: String,
    },
    /// Letters beyond ASCII.
    #[error("\"{}\" has letters that are not ASCII; write the form that the name has in the DNS, which begins with \"xn--\"", text.escape_debug())]
    NotAscii {
        /// What was written.
        text: String,
    },
    /// An IPv6 address without brackets.
    #[error("\"{text}\" is an IPv6 address; write it in brackets: \"[{text}]\"")]
    NoBrackets {
        /// What was written.
        text: String,
    },
    /// An IPv4 address in an uncommon spelling.
    #[error("\"{}\" means the address {address}; write it as \"{address}\"", text.escape_debug())]
    OddAddress {
        /// What was written.
        text: String,
        /// What it means.
        address: IpAddr,
    },
    /// A port that is no number from 1 to 65535.
    #[error("\"{}\" has no port from 1 to 65535 after its colon; write \"{host}:8443\", or \"{host}\" for the usual port", text.escape_debug())]
    BadPort {
        /// What was written.
        text: String,
        /// The part before the colon.
        host: String,
    },
    /// A `*` that does not stand for whole labels at the beginning.
    #[error("\"{}\" has a * where none may be; write \"*.example.com\" for all names below example.com, or \"*\" for every host", text.escape_debug())]
    MisplacedStar {
        /// What was written.
        text: String,
    },
    /// Neither a name nor an address.
    #[error("\"{}\" is no host; write a name such as \"example.com\", or an address such as \"192.0.2.1\" or \"[2001:db8::1]\", with \":8443\" after it for a port", text.escape_debug())]
    NoHost {
        /// What was written.
        text: String,
    },
}

impl HostPatternError {
    /// Finds what is not of a host, and says it by the most telling name.
    pub(crate) fn check_characters(text: &str) -> Result<(), Self> {
        let whole = text.to_owned();
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(Self::Empty);
        }
        if let Some((_, rest)) = trimmed.split_once("://") {
            let instead = authority(rest);
            return Err(Self::Url {
                text: whole,
                instead,
            });
        }
        if trimmed.contains(['/', '?', '#', '\\']) {
            let instead = authority(trimmed);
            return Err(Self::Path {
                text: whole,
                instead,
            });
        }
        if trimmed.contains('@') {
            let instead = authority(trimmed);
            return Err(Self::User {
                text: whole,
                instead,
            });
        }
        if text.contains(|c: char| c.is_whitespace() || c == ',') {
            return Err(Self::Several { text: whole });
        }
        match text.is_ascii() {
            true => Ok(()),
            false => Err(Self::NotAscii { text: whole }),
        }
    }
}

/// Host and port of a URL without its scheme; an example where it has none.
fn authority(rest: &str) -> String {
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    match authority.rsplit('@').next() {
        Some(host) if !host.is_empty() => host.escape_debug().to_string(),
        _ => "example.com".to_owned(),
    }
}
