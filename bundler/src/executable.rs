//! Writes an app: stub, bundle, and the headers that make them one executable.
//!
//! The file appears whole or not at all: it is written beside its place, synced, and renamed.

use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bundle_format::PAGE;
use bundle_format::elf::{ElfError, Stub};

use crate::pack::{Ingredients, PackError, Packed, pack};

/// Why an app was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The path is a folder, or in the site.
    #[error("the output {} {problem}", path.display())]
    Output {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
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

/// Refuses an output path that cannot be, before anything is done.
pub fn check_output(output: &Path, site: &Path) -> Result<(), WriteError> {
    let refuse = |problem| {
        Err(WriteError::Output {
            path: output.to_owned(),
            problem,
        })
    };
    if output.is_dir() {
        return refuse("is a folder; name a file with -o");
    }
    if output.metadata().is_ok_and(|found| !found.is_file()) {
        return refuse("is no regular file; name another one with -o");
    }
    if output.file_name().is_none() {
        return refuse("has no file name; name a file with -o");
    }
    let folder = folder_of(output);
    let io = |reason| WriteError::Io {
        path: output.to_owned(),
        reason,
    };
    let folder = folder.canonicalize().map_err(io)?;
    if !folder.is_dir() {
        return refuse("does not lie in a folder; name another file with -o");
    }
    if site
        .canonicalize()
        .is_ok_and(|site| folder.starts_with(site))
    {
        return refuse("lies inside the site and would be bundled the next time; put it elsewhere");
    }
    Ok(())
}

fn folder_of(output: &Path) -> &Path {
    output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Writes an app to `output`. Gives its length too.
pub fn write_app(
    output: &Path,
    ingredients: &Ingredients<'_>,
    done: impl FnMut(u64),
) -> Result<(Packed, u64), WriteError> {
    let io = |reason| WriteError::Io {
        path: output.to_owned(),
        reason,
    };
    let stub_bytes = ingredients.hosting.stub().map_err(io)?;
    let stub = Stub::parse(&stub_bytes, PAGE)?;
    // Removed again if anything fails before it is renamed.
    let mut temporary = tempfile::Builder::new()
        .prefix(".wws-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder_of(output))
        .map_err(io)?;
    let file = temporary.as_file_mut();
    file.write_all(&stub_bytes).map_err(io)?;
    file.seek(SeekFrom::Start(stub.bundle_offset()))
        .map_err(io)?;
    let packed = pack(&mut *file, ingredients, done)?;
    let attachment = stub.attach(packed.bundle_bytes)?;
    let length = finish(file, &attachment).map_err(io)?;
    temporary.persist(output).map_err(|error| io(error.error))?;
    Ok((packed, length))
}

fn finish(file: &mut File, attachment: &bundle_format::elf::Attachment) -> io::Result<u64> {
    file.write_all(&attachment.tail)?;
    for (offset, bytes) in &attachment.patches {
        file.write_all_at(bytes, *offset)?;
    }
    file.set_permissions(Permissions::from_mode(0o755))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
