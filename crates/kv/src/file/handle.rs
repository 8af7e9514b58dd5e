//! The open file. After a failure of the disk, `redb` refuses everything until the file is opened
//! again: that is done here, so that the store recovers when the disk does.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::Database;

use crate::{KvError, OpenError};

type Reopen = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// An open file that is opened again after it has failed.
pub(super) struct Handle {
    /// `None` from a failure to the next use.
    database: RwLock<Option<Database>>,
    reopen: Reopen,
}

impl Handle {
    pub(super) fn new(
        database: Database,
        reopen: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            database: RwLock::new(Some(database)),
            reopen: Box::new(reopen),
        }
    }

    /// Works with the open file. A [`KvError::Disk`] closes it, and the next call opens it anew.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let result = self.with_open(work);
        if matches!(result, Err(KvError::Disk { .. })) {
            self.close();
        }
        result
    }

    fn with_open<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let mut open = self.read();
        if open.is_none() {
            drop(open);
            self.open_again()?;
            open = self.read();
        }
        let Some(database) = open.as_ref() else {
            return Err(damaged("it has failed again".to_owned()));
        };
        // `redb` may panic where a file was damaged from outside.
        catch_unwind(AssertUnwindSafe(|| work(database)))
            .unwrap_or_else(|_| Err(damaged("the file is damaged".to_owned())))
    }

    fn open_again(&self) -> Result<(), KvError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            let opened = (self.reopen)().map_err(|error| not_opened(&error))?;
            *database = Some(opened);
        }
        Ok(())
    }

    /// Waits for those who work with it.
    fn close(&self) {
        let closed = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(closed);
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failure of `redb` before anything could be on the disk.
pub(super) fn disk(error: impl Into<redb::Error>) -> KvError {
    KvError::Disk {
        reason: error.into().to_string(),
        maybe_done: false,
    }
}

/// A failure of the last step, which the disk may have done all the same.
pub(super) fn commit_failed(error: redb::CommitError) -> KvError {
    KvError::Disk {
        reason: redb::Error::from(error).to_string(),
        maybe_done: true,
    }
}

/// What stands in the file cannot have been written there.
pub(super) fn damaged(reason: String) -> KvError {
    KvError::Disk {
        reason,
        maybe_done: true,
    }
}

fn not_opened(error: &OpenError) -> KvError {
    let cause = error
        .source()
        .map_or(String::new(), |cause| format!(": {cause}"));
    KvError::Disk {
        reason: format!("{error}{cause}"),
        maybe_done: false,
    }
}
