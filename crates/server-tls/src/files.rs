//! The two files.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Stat, stat};

/// No certificate and no key is longer, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificates, that of the server first.
    pub certificate: PathBuf,
    /// Its private key; may be the same file.
    pub key: PathBuf,
}

/// Tells files from those that were there before: which they are behind all links, how long, and when
/// they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([Option<Print>; 2]);

/// Device, number, length, seconds and nanoseconds.
type Print = (u64, u64, i64, i64, u64);

impl Files {
    /// As they are now; what cannot be looked at is a state of its own.
    pub fn fingerprint(&self) -> Fingerprint {
        let print = |path: &Path| stat(path).ok().map(|found| print(&found));
        Fingerprint([print(&self.certificate), print(&self.key)])
    }
}

fn print(found: &Stat) -> Print {
    (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime,
        found.st_mtime_nsec,
    )
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    std::fs::read(path)
}

/// Whether others than its owner and its group may read a file.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    const READ_BY_OTHERS: u32 = 0o004;
    stat(path).is_ok_and(|found| found.st_mode & READ_BY_OTHERS != 0)
}
