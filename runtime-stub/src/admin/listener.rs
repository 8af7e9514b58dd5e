//! Where the second listener is.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::settings::AdminAddress;

/// A port, or a socket in the file system, which is gone when this is dropped.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a socket.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that is left behind is taken away by the next who listens there.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    pub(super) async fn bind(address: &AdminAddress) -> io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            AdminAddress::Unix(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        remove_stale(path).await?;
                        UnixListener::bind(path)?
                    }
                    result => result?,
                };
                // The user that the app runs as, and nobody else.
                rustix::fs::chmod(path, Mode::RUSR | Mode::WUSR)?;
                Ok(Self::Unix(listener, SocketFile(path.clone())))
            }
        }
    }

    /// As it is logged: the port is the one that was bound.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| String::new(), |address| address.to_string()),
            Self::Unix(_, SocketFile(path)) => format!("unix:{}", path.display()),
        }
    }
}

/// Takes away the file of a socket on which nobody listens any more. Nobody listens on a file that is
/// no socket either, but that is not ours to take.
async fn remove_stale(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work)
    }

    #[test]
    fn a_socket_that_was_left_behind_is_taken_over_and_one_in_use_is_not() {
        let folder = std::env::temp_dir().join(format!("wws-admin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("admin");
        let address = AdminAddress::Unix(path.clone());
        block_on(async {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let first = Listener::bind(&address).await.unwrap();
            let second = Listener::bind(&address).await.err().unwrap();
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
            drop(first);
            assert!(!path.exists());
            std::fs::write(&path, "not a socket").unwrap();
            assert!(Listener::bind(&address).await.is_err());
            assert!(path.exists());
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
