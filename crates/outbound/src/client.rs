//! What all workers of an app share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use outbound_rules::{Rules, literal_address};

use crate::caller::{Caller, Limits};
use crate::counts::CallCounts;
use crate::error::CallError;
use crate::names::Names;
use crate::pool::Pool;
use crate::tls::Trust;

/// How names are resolved, and other things of the whole app.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Asked instead of the servers of `/etc/resolv.conf`.
    pub dns_server: Option<SocketAddr>,
    /// Certificates (DER) that are trusted beside those of the browsers, as
    /// [`roots_from_pem`](crate::roots_from_pem) gives them.
    pub extra_roots: Vec<Vec<u8>>,
}

/// The client of an app. Cheap to clone; nothing is opened or read before the first call.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) names: Names,
    pub(crate) trust: Trust,
    pub(crate) pool: Arc<Pool>,
    pub(crate) counts: Arc<CallCounts>,
}

impl Client {
    /// A client.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                names: Names::new(options.dns_server),
                trust: Trust::new(options.extra_roots),
                pool: Arc::default(),
                counts: Arc::default(),
            }),
        }
    }

    /// The addresses of a host, at least one, whatever they are: no rules apply. For what the app
    /// itself connects to.
    ///
    /// # Errors
    /// [`CallError::Dns`] and [`CallError::NoDnsServer`].
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, CallError> {
        match literal_address(host) {
            Some(address) => Ok(vec![address]),
            None => self.shared.names.addresses(host).await,
        }
    }

    /// How many calls there were.
    pub fn counts(&self) -> &CallCounts {
        &self.shared.counts
    }

    /// For a worker.
    pub fn caller(&self, rules: Rules, limits: Limits) -> Caller {
        Caller::new(Arc::clone(&self.shared), rules, limits)
    }
}
