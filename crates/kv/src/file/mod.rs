//! Entries in a file of `redb`, which survives a crash at any moment.
//!
//! One thread writes (`writer`): what waits goes into one transaction of `redb`, so that a flush of
//! the disk is shared, and is answered once that is on the disk. Since nothing else writes, what it
//! checks before it writes still holds when it does. Reads see what is on the disk.

mod handle;
mod layout;
mod open;
mod reading;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use crate::change::{Change, Outcome};
use crate::file::handle::Handle;
use crate::file::writer::Job;
use crate::namespace::Listing;
use crate::{KvError, OpenError, Page, Snapshot};

/// Changes that wait for the writer; one more waits before it is queued.
const QUEUE_JOBS: usize = 1024;

/// A store in a file.
pub(crate) struct FileStore {
    handle: Arc<Handle>,
    /// `None` only while the store is closed.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl FileStore {
    /// Opens the file, or creates it. Repairs what a crash has left.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, OpenError> {
        let failed = path.clone();
        tokio::task::spawn_blocking(move || Self::open_blocking(path))
            .await
            .unwrap_or_else(|panic| {
                Err(OpenError::Damaged {
                    path: failed,
                    reason: panic.to_string(),
                })
            })
    }

    fn open_blocking(path: PathBuf) -> Result<Self, OpenError> {
        let database = open::open(&path, open::Absent::Create)?;
        let failed = path.clone();
        let handle = Handle::new(database, move || open::open(&path, open::Absent::Fail));
        Self::start(handle).map_err(|source| OpenError::Io {
            path: failed,
            source,
        })
    }

    fn start(handle: Handle) -> std::io::Result<Self> {
        let handle = Arc::new(handle);
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        let of_writer = handle.clone();
        let writer = std::thread::Builder::new()
            .name("kv-writer".to_owned())
            .spawn(move || writer::run(&of_writer, queue))?;
        Ok(Self {
            handle,
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    pub(crate) async fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        let (namespace, key) = (namespace.to_owned(), key.to_vec());
        self.read(move |database| reading::get(database, &namespace, &key))
            .await
    }

    pub(crate) async fn get_many(
        &self,
        namespace: &str,
        keys: &[Bytes],
    ) -> Result<Vec<Option<Bytes>>, KvError> {
        let (namespace, keys) = (namespace.to_owned(), keys.to_vec());
        self.read(move |database| reading::get_many(database, &namespace, &keys))
            .await
    }

    pub(crate) async fn list(&self, namespace: &str, listing: Listing) -> Result<Page, KvError> {
        let namespace = namespace.to_owned();
        self.read(move |database| reading::list(database, &namespace, &listing))
            .await
    }

    pub(crate) async fn snapshot(
        &self,
        namespace: &str,
        bytes_max: u64,
    ) -> Result<Snapshot, KvError> {
        let namespace = namespace.to_owned();
        self.read(move |database| reading::snapshot(database, &namespace, bytes_max))
            .await
    }

    /// Done, and on the disk, when it returns.
    pub(crate) async fn change(&self, namespace: &str, change: Change) -> Result<Outcome, KvError> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            namespace: namespace.to_owned(),
            change,
            reply,
        };
        let jobs = self.jobs.as_ref().ok_or_else(|| stopped(false))?;
        jobs.send(job).await.map_err(|_| stopped(false))?;
        answer.await.map_err(|_| stopped(true))?
    }

    /// A read can wait for the disk, so it runs where nothing else is kept waiting.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, KvError> + Send + 'static,
    ) -> Result<T, KvError> {
        let handle = self.handle.clone();
        tokio::task::spawn_blocking(move || handle.with(work))
            .await
            .unwrap_or_else(|_| Err(stopped(false)))
    }
}

/// Waits for the writer: once the store is dropped, somebody else can open the file.
impl Drop for FileStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // It ends by itself, since nothing can be queued any more. It catches all panics.
            drop(writer.join());
        }
    }
}

fn stopped(maybe_done: bool) -> KvError {
    KvError::Unavailable {
        reason: "the program is about to end".to_owned(),
        maybe_done,
    }
}
