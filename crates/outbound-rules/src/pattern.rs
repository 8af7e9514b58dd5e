//! An entry of `allowed_hosts`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::pattern_error::HostPatternError;

/// An entry of `allowed_hosts`.
///
/// | entry | allows |
/// |---|---|
/// | `example.com`, `1.2.3.4`, `[::1]`, `localhost` | that host at the usual port of the scheme: 443 of `https`, 80 of `http` |
/// | `example.com:8443`, `[::1]:8080` | that host at that port alone |
/// | `*.example.com`, `*.example.com:8443` | every name below `example.com`, at any depth, but not itself |
/// | `*` | every host at every port |
/// | `*:8443` | every host at that port |
///
/// Which addresses may be called, and whether `http` may be used, is decided by other rules.
/// In files it is the text; reading one parses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Hosts {
    Any,
    One(Host),
    /// Every name below this one.
    Below(String),
}

impl HostPattern {
    /// Parses an entry of `allowed_hosts`. Case does not matter, nor does a dot at the end.
    ///
    /// # Errors
    /// Everything that is no host, with the right form where there is one.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        HostPatternError::check_characters(text)?;
        let (host, port) = split_port(text)?;
        let hosts = match host.strip_prefix('*') {
            Some("") => Hosts::Any,
            Some(rest) => Hosts::Below(suffix(text, rest)?),
            None => Hosts::One(single(text, host)?),
        };
        Ok(Self { hosts, port })
    }

    /// Whether a host may be called at a port; `usual_port` is that of the scheme.
    pub(crate) fn matches(&self, host: &Host, port: u16, usual_port: u16) -> bool {
        let port_wanted = match self.hosts {
            Hosts::Any => self.port.unwrap_or(port),
            Hosts::One(_) | Hosts::Below(_) => self.port.unwrap_or(usual_port),
        };
        port == port_wanted && self.hosts.contain(host)
    }
}

impl Hosts {
    fn contain(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::One(one), host) => one == host,
            (Self::Below(_), Host::Address(_)) => false,
            (Self::Below(suffix), Host::Name(name)) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }
}

/// Host and port of an entry, the host with its brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), HostPatternError> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(HostPatternError::NoBrackets {
            text: text.to_owned(),
        });
    }
    // Colons before a bracket are those of an address.
    let from = text.rfind(']').unwrap_or(0);
    let Some(colon) = text[from..].rfind(':').map(|at| from + at) else {
        return Ok((text, None));
    };
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if is_number && port > 0 => Ok((host, Some(port))),
        _ => Err(HostPatternError::BadPort {
            text: text.to_owned(),
            host: host.to_owned(),
        }),
    }
}

/// The name after `*.`.
fn suffix(text: &str, rest: &str) -> Result<String, HostPatternError> {
    let refused = || HostPatternError::MisplacedStar {
        text: text.to_owned(),
    };
    let name = rest.strip_prefix('.').ok_or_else(refused)?;
    match single(text, name)? {
        Host::Name(name) => Ok(name),
        Host::Address(_) => Err(refused()),
    }
}

fn single(text: &str, host: &str) -> Result<Host, HostPatternError> {
    if host.contains('*') {
        return Err(HostPatternError::MisplacedStar {
            text: text.to_owned(),
        });
    }
    let parsed = Host::parse(host).map_err(|_| HostPatternError::NoHost {
        text: text.to_owned(),
    })?;
    match parsed {
        // Whoever reads `2130706433` in a list should not have to know what it is.
        Host::Address(IpAddr::V4(address)) if address.to_string() != host => {
            Err(HostPatternError::OddAddress {
                text: text.to_owned(),
                address: address.into(),
            })
        }
        parsed => Ok(parsed),
    }
}

/// The text that parses to the same entry.
impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Any => out.write_str("*")?,
            Hosts::One(host) => write!(out, "{host}")?,
            Hosts::Below(suffix) => write!(out, "*.{suffix}")?,
        }
        match self.port {
            Some(port) => write!(out, ":{port}"),
            None => Ok(()),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, HostPatternError> {
        Self::parse(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}
