//! From a name to addresses.
//!
//! A resolver in Rust, since the program is linked statically and glibc's cannot be. It reads
//! `/etc/hosts` and `/etc/resolv.conf` when the first name is asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::OnceCell;

use crate::error::CallError;

/// Who resolves names.
pub(crate) struct Names {
    server: Option<SocketAddr>,
    resolver: OnceCell<TokioResolver>,
}

impl Names {
    /// Asks the given server, or else those of `/etc/resolv.conf`.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            resolver: OnceCell::new(),
        }
    }

    /// The addresses of a name, at least one.
    ///
    /// # Errors
    /// [`CallError::Dns`] and [`CallError::NoDnsServer`].
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, CallError> {
        if is_this_machine(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let failed = |reason: String| CallError::Dns {
            host: name.to_owned(),
            reason,
        };
        let resolver = self.resolver.get_or_try_init(|| self.start()).await?;
        let found = resolver.lookup_ip(name).await;
        let addresses: Vec<IpAddr> = found
            .map_err(|error| failed(reason(&error)))?
            .iter()
            .collect();
        match addresses.is_empty() {
            true => Err(failed(NO_ADDRESS.to_owned())),
            false => Ok(addresses),
        }
    }

    async fn start(&self) -> Result<TokioResolver, CallError> {
        let no_server = |error: NetError| CallError::NoDnsServer {
            reason: error.to_string(),
        };
        let (config, mut options) = match self.server {
            Some(server) => (single(server), ResolverOpts::default()),
            None => read_system_conf().map_err(no_server)?,
        };
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(no_server)
    }
}

const NO_ADDRESS: &str = "there is no such name, or it has no address";

/// Names of this machine, of which no server is asked (RFC 6761, 6.3).
fn is_this_machine(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn single(server: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    ResolverConfig::from_parts(None, Vec::new(), vec![server])
}

fn reason(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => NO_ADDRESS.to_owned(),
        NetError::Timeout => "the DNS server does not answer".to_owned(),
        error => error.to_string(),
    }
}
