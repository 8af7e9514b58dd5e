//! Large bodies as files in memory, so that the kernel can send their pages without copying them.
//!
//! sendfile(2) needs a file, and an app opens none: not even itself. A body that is asked for is
//! written once into an anonymous file (memfd_create(2)) and sent from there; the kernel keeps its
//! pages for as long as they are on their way, even when the cache has let go of them.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::asset::EntityTag;

/// Below this, copying costs less than a second system call.
pub(crate) const BYTES_MIN: usize = 32 << 10;

/// Above this, one body would fill a part of the cache, and be written anew each time.
const BYTES_MAX: usize = 4 << 20;

/// All that the cache holds.
const CACHE_BYTES: u64 = 64 << 20;

/// What the cache expects; each is an open file.
const CACHE_ENTRIES: usize = 256;

/// A body in memory that the kernel can send.
#[derive(Clone)]
pub(crate) struct MemoryFile {
    file: Arc<std::fs::File>,
    length: u64,
}

/// An entity tag as it goes out.
type Tag = [u8; EntityTag::BYTES];

/// Bodies that were asked for lately, by their entity tags, which are hashes of them.
pub(crate) struct MemoryFiles {
    cache: Cache<Tag, MemoryFile, ByLength>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Tag, MemoryFile> for ByLength {
    fn weight(&self, _: &Tag, file: &MemoryFile) -> u64 {
        file.length.max(1)
    }
}

impl MemoryFiles {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, ByLength),
        }
    }

    /// Whether a body of so many bytes is worth a file.
    pub(crate) fn takes(length: usize) -> bool {
        (BYTES_MIN..=BYTES_MAX).contains(&length)
    }

    /// The file of a body with that entity tag; `None` where sending the bytes is as good, or the
    /// system gives no file.
    pub(crate) fn of(&self, etag: &str, body: &[u8]) -> Option<MemoryFile> {
        if !Self::takes(body.len()) {
            return None;
        }
        let etag: Tag = etag.as_bytes().try_into().ok()?;
        self.cache
            .get_or_insert_with(&etag, || MemoryFile::with(body))
            .ok()
    }
}

impl MemoryFile {
    fn with(body: &[u8]) -> std::io::Result<Self> {
        let mut file = std::fs::File::from(memfd_create("asset", MemfdFlags::CLOEXEC)?);
        file.write_all(body)?;
        Ok(Self {
            file: Arc::new(file),
            length: body.len() as u64,
        })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
