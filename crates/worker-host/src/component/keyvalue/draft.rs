//! `wasi:keyvalue` 0.2.0-draft.

use wasmtime::component::{Linker, Resource};

use super::{Bucket, Error, HasKeyValue, KeyValue};
use crate::state::State;

mod generated {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue-draft",
        world: "imports",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::component::keyvalue::Bucket,
        },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::component::keyvalue::Error,
        },
    });
}

use generated::wasi::keyvalue::{atomics, batch, store};

pub(super) fn add_to_linker(
    linker: &mut Linker<State>,
    of_state: fn(&mut State) -> KeyValue<'_>,
) -> wasmtime::Result<()> {
    store::add_to_linker::<_, HasKeyValue>(linker, of_state)?;
    atomics::add_to_linker::<_, HasKeyValue>(linker, of_state)?;
    batch::add_to_linker::<_, HasKeyValue>(linker, of_state)
}

impl store::Host for KeyValue<'_> {
    async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, Error> {
        let bucket = self.open_bucket(&identifier)?;
        Ok(self.table.push(bucket)?)
    }

    fn convert_error(&mut self, error: Error) -> wasmtime::Result<store::Error> {
        Ok(match error {
            Error::NoSuchStore => store::Error::NoSuchStore,
            Error::Other(text) => store::Error::Other(text),
        })
    }
}

impl store::HostBucket for KeyValue<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.table.get(&bucket)?.get(&key).await
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        self.table.get(&bucket)?.set(&key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), Error> {
        self.table.get(&bucket)?.delete(&key).await
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, Error> {
        Ok(self.table.get(&bucket)?.get(&key).await?.is_some())
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, Error> {
        let bucket = self.table.get_mut(&bucket)?;
        // A cursor is a number here: the place of the key that it stands for.
        let after = match cursor.map(usize::try_from) {
            None => None,
            Some(place) => {
                let key = place.ok().and_then(|place| bucket.cursors.get(place));
                let unknown = || Error::Other("there is no such cursor".to_owned());
                Some(key.ok_or_else(unknown)?.clone())
            }
        };
        let (keys, next) = bucket.list(after.as_deref()).await?;
        let cursor = next.map(|key| {
            bucket.cursors.push(key);
            bucket.cursors.len() as u64 - 1
        });
        Ok(store::KeyResponse { keys, cursor })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KeyValue<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, Error> {
        let bucket = self.table.get(&bucket)?;
        let too_large = |_| Error::Other(format!("{delta} is more than can be added at once"));
        let delta = i64::try_from(delta).map_err(too_large)?;
        let sum = bucket.namespace.increment(key.as_bytes(), delta).await?;
        let negative = |_| Error::Other(format!("the sum is {sum}, which is no u64"));
        u64::try_from(sum).map_err(negative)
    }
}

impl batch::Host for KeyValue<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Error> {
        let values = self.table.get(&bucket)?.get_many(&keys).await?;
        Ok(keys
            .into_iter()
            .zip(values)
            .map(|(key, value)| Some((key, value?)))
            .collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        self.table.get(&bucket)?.set_many(entries).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        self.table.get(&bucket)?.delete_many(keys).await
    }
}
