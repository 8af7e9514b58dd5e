//! `wasi:keyvalue` 0.2.0-draft2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use bytes::Bytes;
use kv::{KvError, Namespace};
use wasmtime::component::{Linker, Resource};

use super::{Bucket, Error, HasKeyValue, KeyValue};
use crate::state::State;

mod generated {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue-draft2",
        world: "imports",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::component::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": super::Cas,
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
        cursor: Option<String>,
    ) -> Result<store::KeyResponse, Error> {
        let after = cursor.as_deref().map(decode_cursor).transpose()?;
        let bucket = self.table.get(&bucket)?;
        let (keys, next) = bucket.list(after.as_deref()).await?;
        let cursor = next.map(|key| BASE64.encode(key));
        Ok(store::KeyResponse { keys, cursor })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

/// A key and the value that was found under it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Cas {
    namespace: Namespace,
    key: Bytes,
    found: Option<Bytes>,
}

impl Cas {
    async fn new(namespace: Namespace, key: Bytes) -> Result<Self, KvError> {
        let found = namespace.get(&key).await?;
        Ok(Self {
            namespace,
            key,
            found,
        })
    }
}

impl atomics::Host for KeyValue<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<i64, Error> {
        let bucket = self.table.get(&bucket)?;
        Ok(bucket.namespace.increment(key.as_bytes(), delta).await?)
    }

    async fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let cas = self.table.delete(cas)?;
        match swap(cas, value.into()).await {
            Ok(None) => Ok(Ok(())),
            Ok(Some(newer)) => {
                let newer = self.table.push(newer)?;
                Ok(Err(atomics::CasError::CasFailed(newer)))
            }
            Err(error) => {
                let error = store::Error::Other(error.to_string());
                Ok(Err(atomics::CasError::StoreError(error)))
            }
        }
    }
}

/// Sets the value, or says what is there instead of what was found.
async fn swap(cas: Cas, value: Bytes) -> Result<Option<Cas>, KvError> {
    let Cas {
        namespace,
        key,
        found,
    } = cas;
    match namespace
        .compare_and_set(&key, found.as_deref(), Some(value))
        .await?
    {
        true => Ok(None),
        false => Cas::new(namespace, key).await.map(Some),
    }
}

impl atomics::HostCas for KeyValue<'_> {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Resource<Cas>, Error> {
        let namespace = self.table.get(&bucket)?.namespace.clone();
        let cas = Cas::new(namespace, key.into()).await?;
        Ok(self.table.push(cas)?)
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.table.get(&cas)?.found.clone().map(Vec::from))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

fn decode_cursor(cursor: &str) -> Result<Vec<u8>, Error> {
    let bad = |_| Error::Other("this is no cursor".to_owned());
    BASE64.decode(cursor).map_err(bad)
}

impl batch::Host for KeyValue<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        let values = self.table.get(&bucket)?.get_many(&keys).await?;
        Ok(keys.into_iter().zip(values).collect())
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
