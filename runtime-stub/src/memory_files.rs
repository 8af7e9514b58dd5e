//! Large bodies as files in memory, so that the kernel can send their pages without copying them.
//!
//! sendfile(2) needs a file, and an app opens none: not even itself. A body that is asked for is
//! written once into an anonymous file (memfd_create(2)) and sent from there; the kernel keeps its
//! pages for as long as they are on their way, even when the cache has let go of them.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use http::HeaderValue;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rustix::fs::{MemfdFlags, memfd_create};

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

/// Bodies that were asked for lately, by their entity tags, which are hashes of them.
pub(crate) struct MemoryFiles {
    cache: Cache<HeaderValue, MemoryFile, ByLength>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<HeaderValue, MemoryFile> for ByLength {
    fn weight(&self, _: &HeaderValue, file: &MemoryFile) -> u64 {
        file.length.max(1)
    }
}

impl MemoryFiles {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, ByLength),
        }
    }

    /// The file of a body with that entity tag; `None` where sending the bytes is as good, or the
    /// system gives no file.
    pub(crate) fn of(&self, etag: &HeaderValue, body: &[u8]) -> Option<MemoryFile> {
        if !(BYTES_MIN..=BYTES_MAX).contains(&body.len()) {
            return None;
        }
        self.cache
            .get_or_insert_with(etag, || MemoryFile::with(body))
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
