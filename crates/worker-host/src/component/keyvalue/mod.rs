//! `wasi:keyvalue` over the namespace of a worker: 0.2.0-draft, which wasmtime has, and
//! 0.2.0-draft2, which adds compare-and-swap.
//!
//! Every operation is atomic by itself, `set-many` and `delete-many` too. Keys are text there; a key
//! that is none was written by another kind of worker, and is not listed.

mod draft;
mod draft2;

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{KvError, Namespace, Page};
use wasmtime::component::{HasData, Linker, ResourceTable, ResourceTableError};
use wasmtime_wasi::WasiView;

use crate::state::State;
use crate::worker::KvSettings;

/// Keys in one answer to `list-keys`.
const KEYS_LISTED_MAX: usize = 1000;

/// What an operation on the store of one instance needs.
pub(crate) struct KeyValue<'s> {
    settings: Option<&'s KvSettings>,
    table: &'s mut ResourceTable,
}

struct HasKeyValue;

impl HasData for HasKeyValue {
    type Data<'s> = KeyValue<'s>;
}

/// An open namespace.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Bucket {
    namespace: Namespace,
    /// After which keys the guest may go on listing, in the order in which it was told.
    cursors: Vec<Bytes>,
}

/// Why an operation failed, as both drafts have it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Error {
    NoSuchStore,
    Other(String),
}

impl From<ResourceTableError> for Error {
    fn from(error: ResourceTableError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<KvError> for Error {
    fn from(error: KvError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Both drafts.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    draft::add_to_linker(linker, of_state)?;
    draft2::add_to_linker(linker, of_state)
}

fn of_state(state: &mut State) -> KeyValue<'_> {
    KeyValue {
        settings: state.worker.0.settings.kv.as_ref(),
        table: WasiView::ctx(&mut state.wasi).table,
    }
}

impl KeyValue<'_> {
    /// The one namespace that a worker has, under any of the names that mean it.
    fn open_bucket(&self, identifier: &str) -> Result<Bucket, Error> {
        let settings = self.settings.ok_or_else(|| {
            Error::Other(
                "this worker has no key-value store; give it one in its TOML file: [data.kv] \
                 namespace = \"name\""
                    .to_owned(),
            )
        })?;
        if !["", "default", settings.namespace.name()].contains(&identifier) {
            return Err(Error::NoSuchStore);
        }
        Ok(Bucket {
            namespace: settings.namespace.clone(),
            cursors: Vec::new(),
        })
    }
}

impl Bucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value = self.namespace.get(key.as_bytes()).await?;
        Ok(value.map(Vec::from))
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        Ok(self.namespace.set(key.as_bytes(), value.into()).await?)
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.namespace.delete(key.as_bytes()).await?;
        Ok(())
    }

    async fn list(&self, after: Option<&[u8]>) -> Result<(Vec<String>, Option<Bytes>), Error> {
        let Page { keys, next } = self.namespace.list(b"", after, KEYS_LISTED_MAX).await?;
        let text = |key: Bytes| String::from_utf8(key.into()).ok();
        Ok((keys.into_iter().filter_map(text).collect(), next))
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let keys: Vec<Bytes> = keys.iter().cloned().map(Bytes::from).collect();
        let values = self.namespace.get_many(&keys).await?;
        let owned = |value: Option<Bytes>| value.map(Vec::from);
        Ok(values.into_iter().map(owned).collect())
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let write = |(key, value): (String, Vec<u8>)| (key.into(), Some(value.into()));
        let writes: BTreeMap<Bytes, Option<Bytes>> = entries.into_iter().map(write).collect();
        Ok(self.namespace.write_many(writes).await?)
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let writes = keys.into_iter().map(|key| (key.into(), None)).collect();
        Ok(self.namespace.write_many(writes).await?)
    }
}
