//! A disk that fails, and works again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use redb::StorageBackend;
use redb::backends::FileBackend;

use super::{FileStore, Handle, open};
use crate::change::Change;
use crate::{KvError, OpenError};

/// What the disk does not do at the moment.
#[derive(Clone, Debug, Default)]
struct Failing {
    writes: Arc<AtomicBool>,
    flushes: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingDisk {
    file: FileBackend,
    failing: Failing,
}

impl StorageBackend for FailingDisk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        fail_if(&self.failing.writes)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        fail_if(&self.failing.flushes)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        fail_if(&self.failing.writes)?;
        self.file.write(offset, data)
    }
}

fn fail_if(failing: &AtomicBool) -> io::Result<()> {
    if failing.load(Ordering::SeqCst) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

fn open_failing(path: &Path, failing: &Failing) -> Result<redb::Database, OpenError> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    let disk = FailingDisk {
        file: FileBackend::new(file).unwrap(),
        failing: failing.clone(),
    };
    open::open_backend(path, disk, true)
}

fn store(path: PathBuf, failing: Failing) -> FileStore {
    let database = open_failing(&path, &failing).unwrap();
    FileStore::start(Handle::new(database, move || open_failing(&path, &failing))).unwrap()
}

async fn increment(store: &FileStore) -> Result<i64, KvError> {
    let change = Change::Increment {
        key: Bytes::from_static(b"k"),
        delta: 1,
    };
    store.change("n", change).await.map(|outcome| outcome.sum)
}

#[tokio::test]
async fn the_store_recovers_when_the_disk_does() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Failing::default();
    let store = store(folder.path().join("kv"), failing.clone());
    let mut sum = increment(&store).await.unwrap();
    for what in [&failing.writes, &failing.flushes] {
        what.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let error = increment(&store).await.unwrap_err();
            assert!(matches!(error, KvError::Disk { .. }), "{error}");
        }
        what.store(false, Ordering::SeqCst);
        let value = store.get("n", b"k").await.unwrap().unwrap();
        let next = increment(&store).await.unwrap();
        assert_eq!(value, (next - 1).to_string());
        // What failed while it was flushed may be done.
        assert!(next > sum && next <= sum + 4, "{sum} {next}");
        sum = next;
    }
}
