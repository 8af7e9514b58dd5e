//! Writes an app: stub, bundle, and the headers that make them one executable.
//!
//! The file appears whole or not at all: it is written beside its place, synced, and renamed.

use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bundle_format::PAGE;
use bundle_format::elf::{ElfError, Stub};
use tempfile::NamedTempFile;

use crate::pack::{Ingredients, PackError, Packed, pack};

/// Why an app was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The path is a folder, or in the site.
    #[error("the output {} {problem}", path.display())]
    Output {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The disk.
    #[error("cannot write {}: {reason}", path.display())]
    Io {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The stub was built wrongly.
    #[error("the stub in this wws is unusable: {0}")]
    Stub(#[from] ElfError),
    /// The bundle.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// Refuses an output path that cannot be, before anything is done. `flag` is where it was given.
pub fn check_output(output: &Path, flag: &str, site: &Path) -> Result<(), WriteError> {
    let refuse = |problem: String| {
        Err(WriteError::Output {
            path: output.to_owned(),
            problem,
        })
    };
    if output.is_dir() {
        return refuse(format!("is a folder; name a file with {flag}"));
    }
    if output.metadata().is_ok_and(|found| !found.is_file()) {
        return refuse(format!("is no regular file; name another one with {flag}"));
    }
    if output.file_name().is_none() {
        return refuse(format!("has no file name; name a file with {flag}"));
    }
    let folder = folder_of(output);
    let io = |reason| WriteError::Io {
        path: output.to_owned(),
        reason,
    };
    let folder = folder.canonicalize().map_err(io)?;
    if !folder.is_dir() {
        return refuse(format!(
            "does not lie in a folder; name another file with {flag}"
        ));
    }
    if site
        .canonicalize()
        .is_ok_and(|site| folder.starts_with(site))
    {
        let problem =
            "lies inside the site and would be bundled the next time; put it elsewhere".to_owned();
        return refuse(problem);
    }
    Ok(())
}

fn folder_of(output: &Path) -> &Path {
    output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A file beside the place where it is to be, which is gone unless it is put there.
pub struct Staged {
    file: NamedTempFile,
    output: PathBuf,
}

impl Staged {
    /// An empty file.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn new(output: &Path) -> Result<Self, WriteError> {
        let file = tempfile::Builder::new()
            .prefix(".wws-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder_of(output));
        match file {
            Ok(file) => Ok(Self {
                file,
                output: output.to_owned(),
            }),
            Err(reason) => Err(WriteError::Io {
                path: output.to_owned(),
                reason,
            }),
        }
    }

    /// Its contents.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// What is wrong with the disk, in words that name the file.
    pub fn error(&self, reason: io::Error) -> WriteError {
        WriteError::Io {
            path: self.output.clone(),
            reason,
        }
    }

    /// Everything is written: gives its length.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn finish(&mut self, mode: u32) -> Result<u64, WriteError> {
        let finished = set_mode_and_sync(self.file.as_file(), mode);
        finished.map_err(|reason| self.error(reason))
    }

    /// Puts it into its place, where something else may be.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn put(self) -> Result<(), WriteError> {
        let Self { file, output } = self;
        match file.persist(&output) {
            Ok(_) => Ok(()),
            Err(error) => Err(WriteError::Io {
                path: output,
                reason: error.error,
            }),
        }
    }
}

fn set_mode_and_sync(file: &File, mode: u32) -> io::Result<u64> {
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Writes an app. Gives its length too.
pub fn write_app(
    staged: &mut Staged,
    ingredients: &Ingredients<'_>,
    done: impl FnMut(u64),
) -> Result<(Packed, u64), WriteError> {
    let stub = ingredients.hosting.stub();
    let stub_bytes = stub.map_err(|reason| staged.error(reason))?;
    let stub = Stub::parse(&stub_bytes, PAGE)?;
    let begun = write_stub(staged.file(), &stub_bytes, stub.bundle_offset());
    begun.map_err(|reason| staged.error(reason))?;
    let packed = pack(staged.file(), ingredients, done)?;
    let attachment = stub.attach(packed.bundle_bytes)?;
    let attached = attach(staged.file(), &attachment);
    attached.map_err(|reason| staged.error(reason))?;
    let length = staged.finish(0o755)?;
    Ok((packed, length))
}

fn write_stub(file: &mut File, stub: &[u8], bundle_offset: u64) -> io::Result<()> {
    file.write_all(stub)?;
    file.seek(SeekFrom::Start(bundle_offset))?;
    Ok(())
}

fn attach(file: &mut File, attachment: &bundle_format::elf::Attachment) -> io::Result<()> {
    file.write_all(&attachment.tail)?;
    attachment
        .patches
        .iter()
        .try_for_each(|(offset, bytes)| file.write_all_at(bytes, *offset))
}
