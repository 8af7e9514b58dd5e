//! Entries on a Redis server.
//!
//! | key                      | kind       | what                                       |
//! |--------------------------|------------|--------------------------------------------|
//! | `wws:{NAMESPACE}:entries` | hash       | the entries                                |
//! | `wws:{NAMESPACE}:keys`    | sorted set | the keys in the order of their bytes       |
//! | `wws:{NAMESPACE}:meta`    | hash       | `version`, and `bytes` of all entries      |
//!
//! The braces stand in the keys, so that a cluster keeps a namespace in one place. In a name, `%`,
//! `{` and `}` are written as `%XX`, and the empty one as `%`. Every change is one script (`scripts`),
//! which Redis runs alone and whole.

mod connect;
mod failure;
mod link;
mod scripts;
mod tls;

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::{Cmd, Value};

use crate::change::{Change, Outcome, after_prefix};
use crate::namespace::{Listing, Transaction};
use crate::redis_store::connect::Endpoint;
use crate::redis_store::failure::{Effect, unexpected};
use crate::redis_store::link::Link;
use crate::redis_store::scripts::{Call, Scripts};
use crate::{
    ANSWER_BYTES_MAX, KvError, OpenError, OpenOptions, Page, RedisLocation, Snapshot,
    VALUE_BYTES_MAX, number,
};

/// As many keys can be asked for without counting first.
const UNCOUNTED_KEYS: usize = ANSWER_BYTES_MAX / VALUE_BYTES_MAX;

/// A store on a Redis server.
pub(crate) struct RedisStore {
    link: Link,
    scripts: Scripts,
}

impl RedisStore {
    /// A store that is connected, or says why it is not yet.
    pub(crate) async fn open(
        location: RedisLocation,
        options: OpenOptions,
    ) -> (Self, Option<OpenError>) {
        let (link, failure) = Link::open(Endpoint::new(location, options)).await;
        let scripts = Scripts::new();
        (Self { link, scripts }, failure)
    }

    pub(crate) async fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        let mut command = Cmd::new();
        command
            .arg("HGET")
            .arg(Names::of(namespace).entries)
            .arg(key);
        value(self.link.read(&command).await?)
    }

    pub(crate) async fn get_many(
        &self,
        namespace: &str,
        keys: &[Bytes],
    ) -> Result<Vec<Option<Bytes>>, KvError> {
        let names = Names::of(namespace);
        let reply = if keys.len() <= UNCOUNTED_KEYS {
            let mut command = Cmd::new();
            command.arg("HMGET").arg(names.entries);
            for key in keys {
                command.arg(&key[..]);
            }
            self.link.read(&command).await?
        } else {
            let mut call = Call::new(&self.scripts.get_many, &names);
            call.arg(ANSWER_BYTES_MAX.to_string());
            keys.iter().for_each(|key| call.arg(&key[..]));
            self.link.run(call, Effect::Reads).await?
        };
        match reply {
            Value::Nil => Err(KvError::AnswerTooLarge),
            reply => array(reply)?.into_iter().map(value).collect(),
        }
    }

    pub(crate) async fn list(&self, namespace: &str, listing: &Listing) -> Result<Page, KvError> {
        let mut command = Cmd::new();
        command
            .arg("ZRANGEBYLEX")
            .arg(Names::of(namespace).keys)
            .arg(lower_end(listing))
            .arg(upper_end(listing))
            .arg("LIMIT")
            .arg(0)
            .arg(listing.limit + 1);
        let reply = self.link.read(&command).await?;
        let keys = array(reply)?
            .into_iter()
            .map(bytes)
            .collect::<Result<_, _>>()?;
        Ok(Page::of(keys, listing.limit))
    }

    pub(crate) async fn snapshot(
        &self,
        namespace: &str,
        bytes_max: u64,
    ) -> Result<Snapshot, KvError> {
        let mut call = Call::new(&self.scripts.snapshot, &Names::of(namespace));
        call.arg(bytes_max.to_string());
        let reply = match self.link.run(call, Effect::Reads).await? {
            Value::Nil => return Err(KvError::SnapshotTooLarge { limit: bytes_max }),
            reply => array(reply)?,
        };
        let [version, entries] = <[Value; 2]>::try_from(reply).map_err(|_| unexpected())?;
        let version = String::from_utf8(bytes(version)?.into()).map_err(|_| unexpected())?;
        Ok(Snapshot {
            entries: pairs(array(entries)?)?,
            version: version.parse().map_err(|_| unexpected())?,
        })
    }

    pub(crate) async fn change(&self, namespace: &str, change: Change) -> Result<Outcome, KvError> {
        let call = self.call(&Names::of(namespace), &change);
        let reply = self.link.run(call, Effect::Writes).await?;
        match reply {
            Value::Int(applied) => Ok(Outcome::applied(applied != 0)),
            reply => increment_outcome(reply),
        }
    }

    /// The script of a change and what it is given.
    fn call(&self, names: &Names, change: &Change) -> Call<'_> {
        let scripts = &self.scripts;
        match change {
            Change::Put { key, value } => {
                let mut call = Call::new(&scripts.write, names);
                call.arg(&key[..]);
                call.optional(Some(value));
                call
            }
            Change::Write(writes) => {
                let mut call = Call::new(&scripts.write, names);
                call.entries(writes);
                call
            }
            Change::Delete { key } => {
                let mut call = Call::new(&scripts.delete, names);
                call.arg(&key[..]);
                call
            }
            Change::Increment { key, delta } => {
                let mut call = Call::new(&scripts.increment, names);
                call.arg(&key[..]);
                call.arg(delta.to_string());
                call
            }
            Change::CompareAndSet { key, expected, new } => {
                let mut call = Call::new(&scripts.compare_and_set, names);
                call.arg(&key[..]);
                call.optional(expected.as_ref());
                call.optional(new.as_ref());
                call
            }
            Change::Commit(transaction) => self.commit_call(names, transaction),
        }
    }

    fn commit_call(&self, names: &Names, transaction: &Transaction) -> Call<'_> {
        let mut call = Call::new(&self.scripts.commit, names);
        let snapshot = transaction.snapshot;
        call.arg(snapshot.map_or(String::new(), |version| version.to_string()));
        call.arg(transaction.reads.len().to_string());
        call.entries(&transaction.reads);
        call.entries(&transaction.writes);
        call
    }
}

/// The Redis keys of a namespace.
struct Names {
    entries: String,
    keys: String,
    meta: String,
}

impl Names {
    fn of(namespace: &str) -> Self {
        let tag = escape(namespace);
        let name = |part| format!("wws:{{{tag}}}:{part}");
        Self {
            entries: name("entries"),
            keys: name("keys"),
            meta: name("meta"),
        }
    }
}

/// Without braces and never empty: either would end the part by which a cluster places a key.
fn escape(namespace: &str) -> String {
    if namespace.is_empty() {
        return "%".to_owned();
    }
    namespace
        .replace('%', "%25")
        .replace('{', "%7B")
        .replace('}', "%7D")
}

fn lower_end(listing: &Listing) -> Vec<u8> {
    match &listing.after {
        Some(after) if *after >= listing.prefix => [b"(", &after[..]].concat(),
        _ => [b"[", &listing.prefix[..]].concat(),
    }
}

fn upper_end(listing: &Listing) -> Vec<u8> {
    match after_prefix(&listing.prefix) {
        Some(end) => [b"(", &end[..]].concat(),
        None => b"+".to_vec(),
    }
}

/// `sum` with the number as text, or why there is none.
fn increment_outcome(reply: Value) -> Result<Outcome, KvError> {
    let reply: Vec<Bytes> = array(reply)?
        .into_iter()
        .map(bytes)
        .collect::<Result<_, _>>()?;
    match reply.iter().map(|part| &part[..]).collect::<Vec<_>>()[..] {
        [b"sum", sum] => Ok(Outcome {
            applied: true,
            sum: number::add(Some(sum), 0)?,
        }),
        [b"overflow"] => Err(number::too_large()),
        [b"no number"] => Err(number::not_a_number()),
        _ => Err(unexpected()),
    }
}

fn pairs(flat: Vec<Value>) -> Result<BTreeMap<Bytes, Bytes>, KvError> {
    let mut flat = flat.into_iter();
    let mut entries = BTreeMap::new();
    while let Some(key) = flat.next() {
        let value = flat.next().ok_or_else(unexpected)?;
        entries.insert(bytes(key)?, bytes(value)?);
    }
    Ok(entries)
}

fn array(reply: Value) -> Result<Vec<Value>, KvError> {
    match reply {
        Value::Array(values) => Ok(values),
        _ => Err(unexpected()),
    }
}

fn value(reply: Value) -> Result<Option<Bytes>, KvError> {
    match reply {
        Value::Nil => Ok(None),
        reply => bytes(reply).map(Some),
    }
}

fn bytes(reply: Value) -> Result<Bytes, KvError> {
    match reply {
        Value::BulkString(bytes) => Ok(bytes.into()),
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart_and_keep_their_tag() {
        assert_eq!(Names::of("a").entries, "wws:{a}:entries");
        assert_eq!(Names::of("").keys, "wws:{%}:keys");
        assert_eq!(Names::of("}{%7D").meta, "wws:{%7D%7B%257D}:meta");
    }
}
