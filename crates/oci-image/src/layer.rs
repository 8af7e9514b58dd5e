//! The one layer: a tar with the executable.

use std::io::{self, Read, Seek, SeekFrom};

use crate::blob::Digest;

/// Where the executable is in the image.
pub(crate) const APP_PATH: &str = "app";

/// The user that owns it and runs it: what images without a user of their own have agreed on.
pub(crate) const USER: u32 = 65532;

/// A tar consists of blocks, and ends with two of zeros.
const BLOCK: u64 = 512;

/// The layer, not yet written.
pub(crate) struct Layer<'a, R> {
    app: &'a mut R,
    header: tar::Header,
    app_bytes: u64,
    /// Of the whole layer.
    pub(crate) digest: Digest,
    /// Of the whole layer.
    pub(crate) length: u64,
}

impl<'a, R: Read + Seek> Layer<'a, R> {
    /// Reads the executable once, for its hash.
    pub(crate) fn measure(app: &'a mut R, modified: u64) -> io::Result<Self> {
        let app_bytes = app.seek(SeekFrom::End(0))?;
        let mut header = tar::Header::new_ustar();
        header.set_path(APP_PATH)?;
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o755);
        header.set_uid(USER.into());
        header.set_gid(USER.into());
        header.set_size(app_bytes);
        header.set_mtime(modified);
        header.set_cksum();
        let mut layer = Self {
            app,
            header,
            app_bytes,
            digest: Digest::of(&[]),
            length: 0,
        };
        (layer.digest, layer.length) = Digest::of_reader(layer.reader()?)?;
        Ok(layer)
    }

    /// All bytes of the layer, from its beginning.
    pub(crate) fn reader(&mut self) -> io::Result<impl Read> {
        self.app.seek(SeekFrom::Start(0))?;
        let padding = self.app_bytes.next_multiple_of(BLOCK) - self.app_bytes + 2 * BLOCK;
        Ok(self
            .header
            .as_bytes()
            .chain(self.app.take(self.app_bytes))
            .chain(io::repeat(0).take(padding)))
    }
}
