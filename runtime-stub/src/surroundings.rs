//! What the workers of an app share beyond the engine: the HTTP client and the key-value store.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bundle_format::Meta;
use bundle_format::meta::WorkerRecord;
use kv::{BoxFuture, KvError, Location, OpenError, OpenOptions, OperationCounts, Store};
use limits::WorkerLimits;
use outbound::{CallCounts, Caller, Client, ClientOptions};
use outbound_rules::Rules;
use worker_host::KvSettings;

use crate::log;
use crate::settings::{OutboundOptions, StoreOptions};

/// The client and the store of an app.
pub(crate) struct Surroundings {
    client: Client,
    /// Opened only where a worker has a namespace.
    store: Option<Store>,
}

/// Why there is no client or no store.
#[derive(Debug, thiserror::Error)]
pub enum SurroundingsError {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The file of `--outbound-ca`.
    #[error("the certificates in {path:?} cannot be used: {reason}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// In words.
        reason: String,
    },
}

impl Surroundings {
    /// Opens the store, if a worker has a use for one. The client opens nothing before its first
    /// call.
    pub(crate) async fn open(
        meta: &Meta,
        store: &StoreOptions,
        outbound: &OutboundOptions,
    ) -> Result<Self, SurroundingsError> {
        let extra_roots = match &outbound.ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let client = Client::new(ClientOptions {
            dns_server: outbound.dns_server,
            extra_roots: extra_roots.clone(),
        });
        let is_used = meta.workers.iter().any(|worker| worker.kv.is_some());
        if !is_used {
            if store.location != Location::Memory {
                let reason = "no worker has [data.kv] in its TOML file";
                log::line("kv_not_opened", &[("reason", &reason)]);
            }
            return Ok(Self {
                client,
                store: None,
            });
        }
        let store = open_store(store, client.clone(), extra_roots).await?;
        Ok(Self {
            client,
            store: Some(store),
        })
    }

    /// How many calls the workers have made.
    pub(crate) fn call_counts(&self) -> &CallCounts {
        self.client.counts()
    }

    /// How many operations there were on the store, if there is one.
    pub(crate) fn operation_counts(&self) -> Option<&OperationCounts> {
        self.store.as_ref().map(Store::counts)
    }

    /// Whether the store can be reached, if there is one.
    pub(crate) async fn probe_store(&self) -> Result<(), KvError> {
        match &self.store {
            Some(store) => store.probe().await,
            None => Ok(()),
        }
    }

    /// The client as a worker may use it.
    pub(crate) fn caller(&self, rules: &Rules, limits: &WorkerLimits) -> Caller {
        let limits = outbound::Limits {
            connect: limits.outbound_connect.0,
            total: limits.outbound_time.0,
            response_bytes: limits.outbound_response.0,
            concurrent: limits.outbound_calls,
        };
        self.client.caller(rules.clone(), limits)
    }

    /// The namespace of a worker.
    pub(crate) fn kv(&self, worker: &WorkerRecord) -> Option<KvSettings> {
        let record = worker.kv.as_ref()?;
        let namespace = self.store.as_ref()?.namespace(&record.namespace);
        Some(KvSettings {
            namespace,
            may_retry: worker.may_retry(),
        })
    }
}

async fn open_store(
    options: &StoreOptions,
    client: Client,
    extra_roots: Vec<Vec<u8>>,
) -> Result<Store, OpenError> {
    let location = match &options.location {
        Location::Redis(redis) => Location::Redis(
            redis
                .clone()
                .with_credentials(options.user.clone(), options.password.clone()),
        ),
        other => other.clone(),
    };
    let resolve = move |host: String| -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let client = client.clone();
        Box::pin(async move {
            let addresses = client.resolve(&host).await;
            addresses.map_err(std::io::Error::other)
        })
    };
    let open = OpenOptions {
        resolve: Some(Arc::new(resolve)),
        extra_roots: extra_roots.into_iter().map(Into::into).collect(),
    };
    if !options.optional {
        return Store::open_with(&location, open).await;
    }
    let (store, failure) = Store::open_optional(&location, open).await?;
    if let Some(failure) = failure {
        log::line("kv_unavailable", &[("reason", &failure)]);
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, SurroundingsError> {
    let problem = |reason: String| SurroundingsError::Certificates {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    outbound::roots_from_pem(&pem).map_err(|error| problem(error.to_string()))
}
