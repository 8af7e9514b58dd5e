//! An open store, whichever it is.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;

use crate::change::{Change, Outcome};
use crate::counts::OperationCounts;
use crate::exclusive::Turns;
use crate::file::FileStore;
use crate::memory::MemoryStore;
use crate::namespace::Listing;
use crate::redis_store::RedisStore;
use crate::{KvError, Location, Namespace, OpenError, Page, Snapshot};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Finds the addresses of a host name.
pub type Resolve = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What a store on a server needs from its surroundings.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Finds the addresses of host names. Without it a server is given by an address.
    pub resolve: Option<Resolve>,
    /// Authorities that a server's certificate may come from, beside those that browsers trust.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// An open store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    turns: Arc<Turns>,
    counts: Arc<OperationCounts>,
}

/// Where the entries are.
#[derive(Clone)]
pub(crate) enum Backend {
    Memory(Arc<MemoryStore>),
    File(Arc<FileStore>),
    Redis(Arc<RedisStore>),
}

impl Store {
    /// Opens a store. A Redis server must be there and let us in.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(location: &Location) -> Result<Self, OpenError> {
        Self::open_with(location, OpenOptions::default()).await
    }

    /// Opens a store with what it needs from its surroundings.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_with(location: &Location, options: OpenOptions) -> Result<Self, OpenError> {
        let (store, failure) = Self::open_optional(location, options).await?;
        failure.map_or(Ok(store), Err)
    }

    /// Opens a store, also if its Redis server is not there yet: then it comes with the reason,
    /// operations fail with [`KvError::Unavailable`] until the server is there, and nothing has to
    /// be done for that.
    ///
    /// # Errors
    /// See [`OpenError`]; only for a file, which does not come later.
    pub async fn open_optional(
        location: &Location,
        options: OpenOptions,
    ) -> Result<(Self, Option<OpenError>), OpenError> {
        Ok(match location {
            Location::Memory => (Self::on(Backend::Memory(Arc::default())), None),
            Location::File(path) => {
                let store = FileStore::open(path.clone()).await?;
                (Self::on(Backend::File(Arc::new(store))), None)
            }
            Location::Redis(location) => {
                let (store, failure) = RedisStore::open(location.clone(), options).await;
                (Self::on(Backend::Redis(Arc::new(store))), failure)
            }
        })
    }

    /// A namespace; it need not exist yet.
    pub fn namespace(&self, name: &str) -> Namespace {
        let counts = Arc::clone(&self.counts);
        Namespace::new(name, self.backend.clone(), self.turns.of(name), counts)
    }

    /// How many operations there were.
    pub fn counts(&self) -> &OperationCounts {
        &self.counts
    }

    /// Whether the store can be reached: reads a key that is nobody's. Not counted.
    ///
    /// # Errors
    /// As those of [`Namespace::get`].
    pub async fn probe(&self) -> Result<(), KvError> {
        self.backend.get("", b"").await.map(drop)
    }

    fn on(backend: Backend) -> Self {
        Self {
            backend,
            turns: Arc::default(),
            counts: Arc::default(),
        }
    }
}

impl Backend {
    pub(crate) async fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        match self {
            Self::Memory(store) => Ok(store.get(namespace, key)),
            Self::File(store) => store.get(namespace, key).await,
            Self::Redis(store) => store.get(namespace, key).await,
        }
    }

    pub(crate) async fn get_many(
        &self,
        namespace: &str,
        keys: &[Bytes],
    ) -> Result<Vec<Option<Bytes>>, KvError> {
        match self {
            Self::Memory(store) => store.get_many(namespace, keys),
            Self::File(store) => store.get_many(namespace, keys).await,
            Self::Redis(store) => store.get_many(namespace, keys).await,
        }
    }

    pub(crate) async fn list(&self, namespace: &str, listing: Listing) -> Result<Page, KvError> {
        match self {
            Self::Memory(store) => Ok(store.list(namespace, &listing)),
            Self::File(store) => store.list(namespace, listing).await,
            Self::Redis(store) => store.list(namespace, &listing).await,
        }
    }

    pub(crate) async fn snapshot(
        &self,
        namespace: &str,
        bytes_max: u64,
    ) -> Result<Snapshot, KvError> {
        match self {
            Self::Memory(store) => store.snapshot(namespace, bytes_max),
            Self::File(store) => store.snapshot(namespace, bytes_max).await,
            Self::Redis(store) => store.snapshot(namespace, bytes_max).await,
        }
    }

    pub(crate) async fn change(&self, namespace: &str, change: Change) -> Result<Outcome, KvError> {
        match self {
            Self::Memory(store) => store.change(namespace, change),
            Self::File(store) => store.change(namespace, change).await,
            Self::Redis(store) => store.change(namespace, change).await,
        }
    }
}
