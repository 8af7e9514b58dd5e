//! A store of each kind, empty, and gone after the test.

use kv::{Location, Store};
use tempfile::TempDir;

use crate::server::Server;

/// A store and what it stands on.
pub(crate) struct Place {
    pub(crate) store: Store,
    _folder: Option<TempDir>,
    _server: Option<Server>,
}

impl Place {
    pub(crate) async fn memory() -> Option<Self> {
        Some(Self {
            store: Store::open(&Location::Memory).await.unwrap(),
            _folder: None,
            _server: None,
        })
    }

    pub(crate) async fn file() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("kv"));
        Some(Self {
            store: Store::open(&location).await.unwrap(),
            _folder: Some(folder),
            _server: None,
        })
    }

    /// `None` where there is no `redis-server`.
    pub(crate) async fn redis() -> Option<Self> {
        let server = Server::start(&[])?;
        Some(Self {
            store: Store::open(&server.location("redis")).await.unwrap(),
            _folder: None,
            _server: Some(server),
        })
    }
}

/// Each function is a test of each kind of store. It gets an empty one.
macro_rules! on_all_stores {
    ($($name:ident),+ $(,)?) => {
        crate::place::on_all_stores!(@ memory: $($name),+);
        crate::place::on_all_stores!(@ file: $($name),+);
        crate::place::on_all_stores!(@ redis: $($name),+);
    };
    (@ $place:ident: $($name:ident),+) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(place) = crate::place::Place::$place().await {
                        super::$name(place.store.clone()).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_all_stores;
