//! The tar file around everything.

use std::io::{self, Read, Write};

/// Where blobs lie.
const BLOBS: [&str; 2] = ["blobs/", "blobs/sha256/"];

/// A tar whose entries have one date, one owner, and the order in which they are added.
pub(crate) struct Archive<W: Write> {
    tar: tar::Builder<W>,
    modified: u64,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W, modified: u64) -> Self {
        Self {
            tar: tar::Builder::new(out),
            modified,
        }
    }

    /// Adds the folders that blobs are in.
    pub(crate) fn add_folders(&mut self) -> io::Result<()> {
        for path in BLOBS {
            let mut header = self.header(tar::EntryType::Directory, 0o755, 0);
            self.tar.append_data(&mut header, path, io::empty())?;
        }
        Ok(())
    }

    /// Adds a file of exactly `length` bytes.
    ///
    /// # Errors
    ///
    /// Those of the disk; and if `contents` ends elsewhere, since the archive would be damaged.
    pub(crate) fn add(&mut self, path: &str, length: u64, contents: impl Read) -> io::Result<()> {
        let mut header = self.header(tar::EntryType::Regular, 0o644, length);
        let mut counted = Counted {
            inner: contents.take(length),
            count: 0,
        };
        self.tar.append_data(&mut header, path, &mut counted)?;
        match counted.count == length {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Writes the end.
    pub(crate) fn finish(self) -> io::Result<W> {
        self.tar.into_inner()
    }

    fn header(&self, kind: tar::EntryType, mode: u32, length: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.modified);
        header.set_size(length);
        header
    }
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}
