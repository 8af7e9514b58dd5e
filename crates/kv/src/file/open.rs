//! From a path to an open file of our format, or a reason in words.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableError};

use crate::OpenError;
use crate::file::layout::{self, ENTRIES, FORMAT, FORMAT_KEY, FORMAT_TABLE, NAMESPACES};

/// The first bytes of every file of `redb`.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// What `redb` keeps in memory of a file.
const CACHE_BYTES: usize = 64 << 20;

/// Up to this size, all of a file is checked when it is opened, which takes well under a second.
/// Above, only what a crash has left is; damage from outside then shows when it is read.
const CHECKED_BYTES_MAX: u64 = 64 << 20;

/// The longest that a file can be that a crash has left while it was created.
const UNFINISHED_BYTES_MAX: u64 = 16 << 20;

/// What to do where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Create,
    Fail,
}

/// Opens or creates the file.
pub(super) fn open(path: &Path, absent: Absent) -> Result<Database, OpenError> {
    let file = open_file(path, absent)?;
    lock(path, &file)?;
    let bytes = check_content(path, &file)?;
    let backend = FileBackend::new(file).map_err(|error| from_redb(path, error))?;
    open_backend(path, backend, bytes <= CHECKED_BYTES_MAX)
}

/// Opens what has been locked and looked at. A damaged file can make `redb` panic.
pub(super) fn open_backend(
    path: &Path,
    backend: impl StorageBackend,
    check: bool,
) -> Result<Database, OpenError> {
    catch_unwind(AssertUnwindSafe(|| {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(check)
            .create_with_backend(backend)
            .map_err(|error| from_redb(path, error))?;
        check_format(path, &database)?;
        Ok(database)
    }))
    .unwrap_or_else(|_| Err(damaged(path, "it contradicts itself".to_owned())))
}

/// Only for its owner: what a site keeps is nobody else's business.
fn open_file(path: &Path, absent: Absent) -> Result<File, OpenError> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(absent == Absent::Create)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| from_io(path, error))?;
    let metadata = file.metadata().map_err(|error| from_io(path, error))?;
    if !metadata.is_file() {
        return Err(OpenError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// Before the first look: who is about to create the file is not to be disturbed. `redb` takes the
/// same lock again, which is the same one since it is the same open file.
fn lock(path: &Path, file: &File) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(from_io(path, error)),
    }
}

/// The length of the file, if its first bytes are those of `redb` or it is new.
fn check_content(path: &Path, file: &File) -> Result<u64, OpenError> {
    let bytes = file.metadata().map_err(|error| from_io(path, error))?.len();
    let mut start = [0; 16];
    let read = file
        .read_at(&mut start, 0)
        .map_err(|error| from_io(path, error))?;
    if read == 0 || start.starts_with(&MAGIC) {
        return Ok(bytes);
    }
    if is_unfinished(&start, bytes) {
        file.set_len(0).map_err(|error| from_io(path, error))?;
        return Ok(0);
    }
    Err(OpenError::NotAStore {
        path: path.to_owned(),
    })
}

/// Whether a crash came while `redb` created the file: it writes the magic last, so that there are
/// zeros in its place, and then the page size or nothing yet. There was no entry in it.
fn is_unfinished(start: &[u8; 16], bytes: u64) -> bool {
    let is_page_size = matches!(start[12..], [0, 0, 0, 0] | [0, 0x10, 0, 0]);
    start[..MAGIC.len()] == [0; MAGIC.len()] && is_page_size && bytes <= UNFINISHED_BYTES_MAX
}

fn check_format(path: &Path, database: &Database) -> Result<(), OpenError> {
    match read_format(database).map_err(|error| from_storage(path, error))? {
        Found::Format(FORMAT) => Ok(()),
        Found::Format(found) => Err(OpenError::OtherVersion {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }),
        Found::Nothing => write_format(database).map_err(|error| from_storage(path, error)),
        Found::Foreign => Err(OpenError::NotAStore {
            path: path.to_owned(),
        }),
    }
}

/// What the tables of a file say.
enum Found {
    Format(u64),
    /// No table at all: it has just been created.
    Nothing,
    /// Tables of something else.
    Foreign,
}

fn read_format(database: &Database) -> Result<Found, redb::Error> {
    let reading = database.begin_read()?;
    let table = match reading.open_table(FORMAT_TABLE) {
        Ok(table) => table,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(TableError::TableTypeMismatch { table, key, value })
            if layout::is_format_1(&table, &key, &value) =>
        {
            return Ok(Found::Format(1));
        }
        Err(TableError::TableDoesNotExist(_))
            if reading.list_tables()?.next().is_none()
                && reading.list_multimap_tables()?.next().is_none() =>
        {
            return Ok(Found::Nothing);
        }
        Err(_) => return Ok(Found::Foreign),
    };
    let format = table.get(FORMAT_KEY)?;
    let format = format.and_then(|format| layout::number(format.value()));
    Ok(format.map_or(Found::Foreign, Found::Format))
}

/// The tables are made here, so that whoever reads need not ask whether they exist.
fn write_format(database: &Database) -> Result<(), redb::Error> {
    let writing = database.begin_write()?;
    writing
        .open_table(FORMAT_TABLE)?
        .insert(FORMAT_KEY, &FORMAT.to_be_bytes()[..])?;
    writing.open_table(NAMESPACES)?;
    writing.open_table(ENTRIES)?;
    writing.commit()?;
    Ok(())
}

fn from_io(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::NoPermission { path }
        }
        ErrorKind::NotFound => OpenError::NoFolder { path },
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => OpenError::NotAFile { path },
        _ => OpenError::Io { path, source },
    }
}

fn from_redb(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
            path: path.to_owned(),
        },
        DatabaseError::Storage(StorageError::Io(error)) if !is_damage(&error) => {
            from_io(path, error)
        }
        other => damaged(path, other.to_string()),
    }
}

fn from_storage(path: &Path, error: redb::Error) -> OpenError {
    match error {
        redb::Error::Io(error) if !is_damage(&error) => from_io(path, error),
        other => damaged(path, other.to_string()),
    }
}

/// What `redb` says of a file that does not hold what it should.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput
    )
}

fn damaged(path: &Path, reason: String) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        reason,
    }
}
