//! The one thread that writes.

use bytes::Bytes;
use redb::{Database, ReadableTable, Table};
use tokio::sync::{mpsc, oneshot};

use crate::KvError;
use crate::change::{Change, Outcome, View};
use crate::file::handle::{Handle, commit_failed, disk};
use crate::file::layout::{ENTRIES, NAMESPACES, Place, Row};
use crate::file::reading;

/// The most changes that share a transaction of `redb`.
const BATCH_JOBS_MAX: usize = 1024;

/// A transaction of `redb` gets no further change once it carries this much.
const BATCH_BYTES_MAX: usize = 32 << 20;

/// A change that waits.
pub(super) struct Job {
    pub(super) namespace: String,
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<Outcome, KvError>>,
}

/// A change of a named namespace.
type Task = (String, Change);

/// Works until nobody can queue anything any more.
pub(super) fn run(handle: &Handle, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let (tasks, replies) = gather(first, &mut queue);
        let results = handle.with(|database| apply_all(database, tasks));
        answer(replies, results);
    }
}

/// Everything that waits, up to the bounds.
fn gather(
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
) -> (Vec<Task>, Vec<oneshot::Sender<Result<Outcome, KvError>>>) {
    let (mut tasks, mut replies, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut next = Some(first);
    while let Some(job) = next {
        bytes += job.change.bytes();
        tasks.push((job.namespace, job.change));
        replies.push(job.reply);
        let is_full = tasks.len() >= BATCH_JOBS_MAX || bytes >= BATCH_BYTES_MAX;
        next = if is_full { None } else { queue.try_recv().ok() };
    }
    (tasks, replies)
}

/// Who no longer waits for an answer gets none.
fn answer(
    replies: Vec<oneshot::Sender<Result<Outcome, KvError>>>,
    results: Result<Vec<Result<Outcome, KvError>>, KvError>,
) {
    match results {
        Ok(results) => {
            for (reply, result) in replies.into_iter().zip(results) {
                drop(reply.send(result));
            }
        }
        Err(error) => {
            for reply in replies {
                drop(reply.send(Err(error.clone())));
            }
        }
    }
}

/// Each change sees what the ones before it have written. All are on the disk, or, after a failure
/// of the disk, none is.
fn apply_all(
    database: &Database,
    tasks: Vec<Task>,
) -> Result<Vec<Result<Outcome, KvError>>, KvError> {
    let writing = database.begin_write().map_err(disk)?;
    let mut results = Vec::with_capacity(tasks.len());
    let mut is_changed = false;
    {
        let mut tables = Tables {
            entries: writing.open_table(ENTRIES).map_err(disk)?,
            namespaces: writing.open_table(NAMESPACES).map_err(disk)?,
        };
        for (namespace, change) in tasks {
            match tables.apply(&namespace, change) {
                Ok((outcome, has_written)) => {
                    is_changed |= has_written;
                    results.push(Ok(outcome));
                }
                Err(error @ KvError::Disk { .. }) => return Err(error),
                Err(error) => results.push(Err(error)),
            }
        }
    }
    if is_changed {
        writing.commit().map_err(commit_failed)?;
    } else {
        writing.abort().map_err(disk)?;
    }
    Ok(results)
}

/// The tables of a transaction of `redb`.
struct Tables<'a> {
    entries: Table<'a, &'static [u8], &'static [u8]>,
    namespaces: Table<'a, &'static [u8], &'static [u8]>,
}

impl Tables<'_> {
    /// What became of a change, and whether anything was written.
    fn apply(&mut self, namespace: &str, change: Change) -> Result<(Outcome, bool), KvError> {
        let space = Space {
            tables: self,
            namespace,
        };
        let decision = change.decide(&space)?;
        let has_written = !decision.writes.is_empty();
        if has_written {
            self.write(namespace, &decision.writes)?;
        }
        Ok((decision.outcome, has_written))
    }

    fn write(&mut self, namespace: &str, writes: &[(Bytes, Option<Bytes>)]) -> Result<(), KvError> {
        let Row { version, mut bytes } = reading::row(&self.namespaces, namespace)?;
        let mut place = Place::new(namespace);
        for (key, new) in writes {
            // Added first: taken away first, it could be below 0 for a moment.
            bytes += new.as_ref().map_or(0, |new| sum(key, new));
            bytes -= self.put(&mut place, key, new.as_deref())?;
        }
        let row = Row {
            version: version + 1,
            bytes,
        };
        self.namespaces
            .insert(namespace.as_bytes(), &row.to_bytes()[..])
            .map_err(disk)?;
        Ok(())
    }

    /// The bytes of the entry that was there.
    fn put(&mut self, place: &mut Place, key: &[u8], new: Option<&[u8]>) -> Result<u64, KvError> {
        let at = place.of(key);
        let old = match new {
            Some(new) => self.entries.insert(at, new),
            None => self.entries.remove(at),
        }
        .map_err(disk)?;
        Ok(old.map_or(0, |old| sum(key, old.value())))
    }
}

struct Space<'a, 'b> {
    tables: &'a Tables<'b>,
    namespace: &'a str,
}

impl View for Space<'_, '_> {
    fn value(&self, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        let mut place = Place::new(self.namespace);
        let value = self.tables.entries.get(place.of(key)).map_err(disk)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn version(&self) -> Result<u64, KvError> {
        Ok(reading::row(&self.tables.namespaces, self.namespace)?.version)
    }
}

fn sum(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}
