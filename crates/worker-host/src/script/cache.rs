//! `Cache`: the key-value storage of wws 1.7, which a request sees and changes as one transaction.
//!
//! A key is read when the script asks for it, and its value then stays for this request. What is
//! written is kept back until the script has answered; then all of it is done if all that was read
//! is still so, and nothing otherwise.

use bytes::Bytes;
use kv::{
    Commit, Exclusive, KEY_BYTES_MAX, KvError, Namespace, TRANSACTION_BYTES_MAX, Transaction,
    VALUE_BYTES_MAX,
};
use script_abi::{CacheOperation, Outcome, encode};

use super::state::{OpenRequest, ScriptState};
use super::store::{NO_STORE, code_of};

/// What a request has read and wants to write.
pub(crate) struct CacheRun {
    namespace: Namespace,
    transaction: Transaction,
    bytes: usize,
    /// While others repeat their runs, this one waits for them, and they for it.
    _turn: Option<Exclusive>,
}

impl CacheRun {
    async fn new(namespace: &Namespace, is_repeated: bool) -> Self {
        // A run that is repeated has its turn already.
        let turn = match !is_repeated && namespace.is_exclusive() {
            true => Some(namespace.exclusive().await),
            false => None,
        };
        Self {
            namespace: namespace.clone(),
            transaction: Transaction::default(),
            bytes: 0,
            _turn: turn,
        }
    }

    /// Does what the request has written, if what it has read is still so. What a script that
    /// failed wanted to write is not done; but what it has read may be of different moments, and
    /// then it may not have failed otherwise.
    pub(crate) async fn commit(mut self, has_answer: bool) -> Result<Commit, KvError> {
        if !has_answer {
            self.transaction.writes.clear();
        }
        let Transaction { reads, writes, .. } = &self.transaction;
        // One value alone is of one moment.
        match writes.is_empty() && reads.len() <= 1 {
            true => Ok(Commit::Done),
            false => self.namespace.commit(&self.transaction).await,
        }
    }

    async fn get(&mut self, key: Bytes) -> Result<Option<Bytes>, CacheError> {
        let Transaction { reads, writes, .. } = &mut self.transaction;
        if let Some(value) = writes.get(&key).or_else(|| reads.get(&key)) {
            return Ok(value.clone());
        }
        let value = self.namespace.get(&key).await?;
        let bytes = key.len() + value.as_ref().map_or(0, Bytes::len);
        self.transaction.reads.insert(key, value.clone());
        self.count(bytes)?;
        Ok(value)
    }

    fn set(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), CacheError> {
        let length = value.map_or(0, <[u8]>::len);
        if key.len() > KEY_BYTES_MAX {
            return Err(KvError::KeyTooLong { bytes: key.len() }.into());
        }
        if length > VALUE_BYTES_MAX {
            return Err(KvError::ValueTooLong { bytes: length }.into());
        }
        self.count(key.len() + length)?;
        self.transaction.writes.insert(copy(key), value.map(copy));
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), CacheError> {
        self.bytes += bytes;
        match self.bytes > TRANSACTION_BYTES_MAX {
            true => Err(CacheError::TooMuch),
            false => Ok(()),
        }
    }
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// Why `Cache` does not do something.
#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error("{NO_STORE}")]
    NoStore,
    #[error(
        "Cache belongs to one request, and the instances of this worker are shared by several \
         ([worker] reuse): use kv"
    )]
    Shared,
    #[error("Cache ends with the answer: use kv for what comes after it")]
    Over,
    #[error(
        "one request reads and writes more than {TRANSACTION_BYTES_MAX} bytes with Cache: use kv"
    )]
    TooMuch,
    #[error(transparent)]
    Store(#[from] KvError),
}

impl CacheError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::Shared => "shared",
            Self::Over => "over",
            Self::TooMuch => "too-much",
            Self::Store(error) => code_of(error),
        }
    }
}

/// Does it, which may take as long as the store does; gives its [`Outcome`].
pub(crate) async fn perform(state: &mut ScriptState, operation: CacheOperation<'_>) -> Vec<u8> {
    let result = match run(state).await {
        Ok(run) => match operation {
            CacheOperation::Get(key) => {
                let value = run.get(copy(key)).await;
                value.map(|value| encode(&Outcome::Values(vec![value.as_deref()])))
            }
            CacheOperation::Set(key, value) => run.set(key, value).map(|()| encode(&Outcome::Done)),
        },
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        let outcome = Outcome::Failed {
            code: error.code(),
            message: &error.to_string(),
        };
        let outcome = encode(&outcome);
        if let CacheError::Store(error) = error {
            let id = state.requests.first().map_or(0, |request| request.id);
            state.note_store_failure(id, error);
        }
        outcome
    })
}

/// What the request that goes on has read and written so far.
async fn run(state: &mut ScriptState) -> Result<&mut CacheRun, CacheError> {
    let Some(settings) = state.worker.as_ref().map(|worker| &worker.0.settings) else {
        return Err(CacheError::Over);
    };
    let Some(kv) = &settings.kv else {
        return Err(CacheError::NoStore);
    };
    if settings.reuse > 1 {
        return Err(CacheError::Shared);
    }
    let is_answered = state.held.is_some();
    if is_answered || state.requests.iter().all(OpenRequest::has_answer) {
        return Err(CacheError::Over);
    }
    if state.cache.is_none() {
        let run = CacheRun::new(&kv.namespace, state.is_repeated).await;
        state.cache = Some(Box::new(run));
    }
    state.cache.as_deref_mut().ok_or(CacheError::Over)
}
