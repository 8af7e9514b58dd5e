//! From a name to addresses.
//!
//! A stub resolver (RFC 1034, 5.3.1), since the program is linked statically and glibc's cannot be;
//! general ones are a twelfth of the whole program. It reads `/etc/hosts` and `/etc/resolv.conf` when
//! the first name is asked for.

mod cache;
mod exchange;
mod message;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::Name;
use tokio::sync::OnceCell;

use self::cache::Cache;
use self::exchange::{Silence, ask};
use self::message::{Answer, Family};
use self::system::System;
use crate::error::CallError;

/// Who resolves names.
pub(crate) struct Names {
    server: Option<SocketAddr>,
    system: OnceCell<System>,
    cache: Cache,
}

/// Why a name has no address.
enum Unresolved {
    /// Whoever is asked says so.
    NoAddress,
    /// Nobody who was asked could say.
    Failed(String),
}

const NO_ADDRESS: &str = "there is no such name, or it has no address";

impl Names {
    /// Asks the given server, or else those of `/etc/resolv.conf`.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            system: OnceCell::new(),
            cache: Cache::default(),
        }
    }

    /// The addresses of a name, at least one.
    ///
    /// # Errors
    /// [`CallError::Dns`] and [`CallError::NoDnsServer`].
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, CallError> {
        let name = name.to_ascii_lowercase();
        if is_this_machine(&name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if let Some(kept) = self.cache.get(&name) {
            return Ok(kept);
        }
        let system = self.system.get_or_try_init(|| self.start()).await?;
        if let Some(addresses) = system.hosts(&name) {
            return Ok(addresses.to_vec());
        }
        match resolve(system, &name).await {
            Ok((addresses, time)) => {
                self.cache.put(&name, &addresses, time);
                Ok(addresses)
            }
            Err(unresolved) => Err(CallError::Dns {
                host: name,
                reason: match unresolved {
                    Unresolved::NoAddress => NO_ADDRESS.to_owned(),
                    Unresolved::Failed(reason) => reason,
                },
            }),
        }
    }

    async fn start(&self) -> Result<System, CallError> {
        if let Some(server) = self.server {
            return Ok(System::of_server(server));
        }
        let read = tokio::task::spawn_blocking(System::read).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        read.map_err(|reason| CallError::NoDnsServer { reason })
    }
}

/// Names of this machine, of which no server is asked (RFC 6761, 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The addresses of the first of the full names that has some.
async fn resolve(system: &System, name: &str) -> Result<(Vec<IpAddr>, Duration), Unresolved> {
    let mut failure = None;
    for candidate in system.candidates(name) {
        match both_families(system, &candidate).await {
            Err(Unresolved::NoAddress) => {}
            // Another completion may be known to a server that still answers.
            Err(Unresolved::Failed(reason)) => failure = Some(reason),
            found => return found,
        }
    }
    Err(failure.map_or(Unresolved::NoAddress, Unresolved::Failed))
}

/// Addresses of IPv4 first: where IPv6 leads nowhere, that is told sooner or later only.
async fn both_families(
    system: &System,
    name: &Name<Vec<u8>>,
) -> Result<(Vec<IpAddr>, Duration), Unresolved> {
    let (v4, v6) = tokio::join!(
        one_family(system, name, Family::V4),
        one_family(system, name, Family::V6)
    );
    match (v4, v6) {
        (Ok((mut v4, time)), Ok((v6, other))) => {
            v4.extend(v6);
            Ok((v4, time.min(other)))
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(Unresolved::Failed(reason)), _) | (_, Err(Unresolved::Failed(reason))) => {
            Err(Unresolved::Failed(reason))
        }
        (Err(Unresolved::NoAddress), Err(Unresolved::NoAddress)) => Err(Unresolved::NoAddress),
    }
}

/// Asks the servers in turn until one of them can say.
async fn one_family(
    system: &System,
    name: &Name<Vec<u8>>,
    family: Family,
) -> Result<(Vec<IpAddr>, Duration), Unresolved> {
    let mut reason = "no DNS server was asked".to_owned();
    for _ in 0..system.attempts {
        for server in &system.servers {
            reason = match ask(*server, name, family, system.timeout).await {
                Ok(Answer::Addresses(found, time)) if !found.is_empty() => {
                    return Ok((found, time));
                }
                Ok(Answer::Addresses(..) | Answer::NoName) => return Err(Unresolved::NoAddress),
                Ok(Answer::Failed(code)) => format!("the DNS server {server} answers {code}"),
                Ok(Answer::Truncated) | Err(Silence::Nonsense) => {
                    format!("the DNS server {server} answers with what is no answer")
                }
                Err(Silence::Late) => "the DNS server does not answer".to_owned(),
                Err(Silence::Io(error)) => format!("the DNS server {server}: {error}"),
                Err(Silence::Name) => return Err(Unresolved::NoAddress),
            };
        }
    }
    Err(Unresolved::Failed(reason))
}
