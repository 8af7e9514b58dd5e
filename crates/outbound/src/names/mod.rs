//! From a name to addresses.
//!
//! A resolver in Rust, since the program is linked statically and glibc's cannot be. It is a stub
//! (RFC 1034, 5.3.1): the servers that it asks do the walking from zone to zone. `/etc/hosts` and
//! `/etc/resolv.conf` are read when the first name is asked for. A name goes through these steps:
//!
//! 1. names of this machine, and those of `hosts`, need no server;
//! 2. `cache` has what was said lately, and lets callers of the same name share one lookup;
//! 3. `lookup` tries the name with the search list, asks for both families of addresses side by
//!    side, and goes from server to server;
//! 4. `exchange` sends one `question` to one server, and takes the `answer` that belongs to it.
//!
//! Not here: DNSSEC, DNS over TLS, and records that are no addresses.

mod answer;
mod cache;
mod exchange;
mod failure;
mod hosts;
mod lookup;
mod question;
mod settings;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::error::CallError;
use cache::Cache;
use hosts::Hosts;
use lookup::Resolver;
use settings::{Settings, SettingsError};

pub use answer::addresses_in_answer;

/// More addresses of one name are not kept: nobody tries as many.
const ADDRESSES_MAX: usize = 64;

/// Who resolves names.
pub(crate) struct Names {
    server: Option<SocketAddr>,
    started: OnceCell<Started>,
}

/// What there is from the first name on.
struct Started {
    hosts: Hosts,
    cache: Cache,
    resolver: Resolver,
}

impl Names {
    /// Asks the given server, or else those of `/etc/resolv.conf`.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            started: OnceCell::new(),
        }
    }

    /// The addresses of a name, at least one and at most 64. One that ends in a dot is tried as it
    /// is; the search list is for others.
    ///
    /// # Errors
    /// [`CallError::Dns`] and [`CallError::NoDnsServer`].
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, CallError> {
        let asked = name.to_ascii_lowercase();
        if is_this_machine(&asked) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let started = self
            .started
            .get_or_try_init(|| Started::read(self.server))
            .await?;
        let found = started.addresses(&asked).await;
        found.map_err(|failure| CallError::Dns {
            host: name.to_owned(),
            reason: failure.to_string(),
        })
    }
}

impl Started {
    async fn read(server: Option<SocketAddr>) -> Result<Self, CallError> {
        let read = move || match server {
            Some(server) => Ok((Settings::asking(server), Hosts::read())),
            None => Ok((Settings::read()?, Hosts::read())),
        };
        let (settings, hosts) = spawn_blocking(read)
            .await
            .map_err(io::Error::from)
            .map_err(SettingsError::Unreadable)
            .flatten()
            .map_err(|error| CallError::NoDnsServer {
                reason: error.to_string(),
            })?;
        Ok(Self::new(settings, hosts))
    }

    fn new(settings: Settings, hosts: Hosts) -> Self {
        Self {
            hosts,
            cache: Cache::default(),
            resolver: Resolver::new(settings),
        }
    }

    /// Of a name in lower case.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, failure::Failure> {
        if let Some(addresses) = self.hosts.addresses(name) {
            return Ok(addresses.to_vec());
        }
        let kept = self.cache.get(name, Instant::now());
        let resolution = kept.get_or_init(|| self.resolver.resolve(name)).await;
        resolution.result.clone()
    }
}

/// Names of this machine, of which no server is asked (RFC 6761, 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// All of a file of the system, if it is no longer than that.
fn read_file(path: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?
        .take(bytes_max + 1)
        .read_to_end(&mut content)?;
    match content.len() as u64 > bytes_max {
        true => Err(io::Error::other(format!(
            "it has more than {bytes_max} bytes"
        ))),
        false => Ok(content),
    }
}
