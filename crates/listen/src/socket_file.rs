//! The files of Unix sockets.
//!
//! A socket is bound to a name of its own first, and gets its final one when it listens: so nobody
//! finds it with another mode than the one it is to have, and where another process listens under
//! that name, its clients are ours from one moment to the next, and none is refused in between.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, chmod, stat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};

/// The file of a socket. Removed when this is dropped, unless somebody else has taken the name over.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number: what tells it from another file of that name.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // One that is left behind is taken away by the next who listens there.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl SocketFile {
    /// A socket with a file beside `path`, with this mode.
    pub(crate) fn bind_beside(path: &Path, mode: u32) -> io::Result<(OwnedFd, Self)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let beside = name_beside(path);
        bind(&socket, &SocketAddrUnix::new(&beside)?)?;
        let file = Self {
            identity: identity(&beside)?,
            path: beside,
        };
        chmod(&file.path, Mode::from_raw_mode(mode))?;
        Ok((socket, file))
    }

    /// Gives the file its name, in place of whatever socket has had it.
    pub(crate) fn rename_to(&mut self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        path.clone_into(&mut self.path);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Short: a path of a socket has at most 107 bytes.
fn name_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{}.{number}", std::process::id()))
}

fn identity(path: &Path) -> rustix::io::Result<(u64, u64)> {
    let found = stat(path)?;
    Ok((found.st_dev, found.st_ino))
}

/// What there is under the name that a socket is to have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or a socket on which nobody listens any more.
    Free,
    /// A socket on which somebody listens.
    Taken,
    /// Something that is not ours to replace.
    NoSocket,
}

/// Looks who has that name.
pub(crate) fn look(path: &Path) -> io::Result<Found> {
    use std::os::unix::fs::FileTypeExt;
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Free),
        result => result?,
    };
    if !metadata.file_type().is_socket() {
        return Ok(Found::NoSocket);
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Found::Free),
        // One that does not let us in, or whose queue is full, is one that somebody listens on.
        Ok(_) | Err(_) => Ok(Found::Taken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert_eq!(look(&path).unwrap(), Found::Free);
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(look(&path).unwrap(), Found::Taken);
        drop(listener);
        assert_eq!(look(&path).unwrap(), Found::Free);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(look(&path).unwrap(), Found::NoSocket);
    }

    #[test]
    fn a_file_is_removed_by_whom_it_belongs_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let made = |mode| {
            let (socket, mut file) = SocketFile::bind_beside(&path, mode).unwrap();
            file.rename_to(&path).unwrap();
            (socket, file)
        };
        let first = made(0o660);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let second = made(0o600);
        drop(first);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the second one's");
        drop(second);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_that_never_listened_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(SocketFile::bind_beside(&path, 0o660).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
