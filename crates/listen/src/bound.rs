//! Addresses that are taken, where nobody is let in yet.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::handover;
use crate::listener::Listener;
use crate::socket_file::{self, Found, SocketFile};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// How addresses are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindOptions {
    /// Whether another process that says so too may listen at the same place meanwhile.
    pub reuse_port: bool,
    /// Of the files of Unix sockets.
    pub socket_mode: u32,
    /// Whether a port of `::` is one of IPv6 alone, since the same one of IPv4 is taken for itself.
    pub v6_only: bool,
}

/// What users call a port, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The host, as it was given.
    pub host: String,
    /// The flag that says which port it is.
    pub flag: &'static str,
}

/// Why an address cannot be listened at.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program listens there.
    #[error(
        "port {port} of {} is taken; stop the other program, or choose another with {}; with \
         --reuse-port two apps can have the same one",
        named.host,
        named.flag
    )]
    PortTaken {
        /// How it was given.
        named: Named,
        /// The port.
        port: u16,
    },
    /// Another program listens there.
    #[error(
        "another program listens on unix:{}; stop it, or choose another path; with --reuse-port \
         the new app takes it over",
        path.display()
    )]
    PathTaken {
        /// Of the socket.
        path: PathBuf,
    },
    /// There is something that is not a socket.
    #[error("{} is there, and is not a socket; remove it, or choose another path", path.display())]
    NoSocket {
        /// Of the socket that was to be made.
        path: PathBuf,
    },
    /// The file cannot be made, or not get its name.
    #[error(
        "cannot listen on unix:{}: {reason}; the user that the app runs as has to be able to make \
         and remove files in its folder",
        path.display()
    )]
    Path {
        /// Of the socket.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Anything else that keeps a port from being listened on.
    #[error("cannot listen on {address}: {reason}")]
    Port {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// A socket that was passed on cannot be used.
    #[error("cannot accept connections on the socket that was passed on: {reason}")]
    Passed {
        /// What the system says.
        reason: io::Error,
    },
}

/// An address that is taken, where nobody is let in yet.
#[derive(Debug)]
pub struct Bound {
    socket: OwnedFd,
    to: To,
}

#[derive(Debug)]
enum To {
    Port {
        address: SocketAddr,
        named: Named,
        reuse_port: bool,
    },
    Path {
        path: PathBuf,
        file: SocketFile,
    },
    /// Somebody else has bound it, and listens already.
    Passed {
        is_unix: bool,
    },
}

impl Bound {
    /// Takes a port.
    ///
    /// # Errors
    /// [`ListenError::PortTaken`] and [`ListenError::Port`].
    pub fn port(
        address: SocketAddr,
        named: Named,
        options: BindOptions,
    ) -> Result<Self, ListenError> {
        match bind(address, options) {
            Ok(socket) => Ok(Self {
                socket,
                to: To::Port {
                    address,
                    named,
                    reuse_port: options.reuse_port,
                },
            }),
            Err(reason) => Err(port_error(named, address, reason)),
        }
    }

    /// Takes a path. The file of a socket on which nobody listens any more is replaced.
    ///
    /// # Errors
    /// [`ListenError::PathTaken`], [`ListenError::NoSocket`] and [`ListenError::Path`].
    pub fn path(path: &Path, options: BindOptions) -> Result<Self, ListenError> {
        let path = path.to_owned();
        match socket_file::look(&path) {
            Ok(Found::Free) => {}
            Ok(Found::Taken) if options.reuse_port => {}
            Ok(Found::Taken) => return Err(ListenError::PathTaken { path }),
            Ok(Found::NoSocket) => return Err(ListenError::NoSocket { path }),
            Err(reason) => return Err(ListenError::Path { path, reason }),
        }
        match SocketFile::bind_beside(&path, options.socket_mode) {
            Ok((socket, file)) => Ok(Self {
                socket,
                to: To::Path { path, file },
            }),
            Err(reason) => Err(ListenError::Path { path, reason }),
        }
    }

    /// A socket on which somebody else has begun to listen.
    pub(crate) fn passed(socket: OwnedFd, is_unix: bool) -> Self {
        let to = To::Passed { is_unix };
        Self { socket, to }
    }

    /// Lets clients in. Needs a runtime.
    ///
    /// # Errors
    /// Those of taking an address: it may turn out only now that another program has it.
    pub fn listen(self) -> Result<Listener, ListenError> {
        match self.to {
            To::Port {
                address,
                named,
                reuse_port,
            } => listen_port(self.socket, reuse_port)
                .map_err(|reason| port_error(named, address, reason)),
            To::Path { path, file } => listen_path(self.socket, file, &path)
                .map_err(|reason| ListenError::Path { path, reason }),
            To::Passed { is_unix } => match is_unix {
                true => Listener::unix(self.socket, None),
                false => Listener::tcp(self.socket),
            }
            .map(Listener::passed)
            .map_err(|reason| ListenError::Passed { reason }),
        }
    }
}

fn listen_port(socket: OwnedFd, reuse_port: bool) -> io::Result<Listener> {
    rustix::net::listen(&socket, BACKLOG)?;
    if reuse_port {
        handover::take_part(&socket)?;
    }
    Listener::tcp(socket)
}

fn listen_path(socket: OwnedFd, mut file: SocketFile, path: &Path) -> io::Result<Listener> {
    rustix::net::listen(&socket, BACKLOG)?;
    file.rename_to(path)?;
    Listener::unix(socket, Some(file))
}

/// A port can turn out to be taken when it is bound, or when it is listened on.
fn port_error(named: Named, address: SocketAddr, reason: io::Error) -> ListenError {
    match reason.kind() {
        io::ErrorKind::AddrInUse => ListenError::PortTaken {
            named,
            port: address.port(),
        },
        _ => ListenError::Port { address, reason },
    }
}

fn bind(address: SocketAddr, options: BindOptions) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // A server that is started again must not wait for the old one's connections to be forgotten.
    set_socket_reuseaddr(&socket, true)?;
    if options.reuse_port {
        set_socket_reuseport(&socket, true)?;
    }
    if options.v6_only && address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BindOptions = BindOptions {
        reuse_port: false,
        socket_mode: 0o660,
        v6_only: false,
    };

    const SHARED: BindOptions = BindOptions {
        reuse_port: true,
        ..OPTIONS
    };

    fn here() -> Named {
        Named {
            host: "here".to_owned(),
            flag: "--here",
        }
    }

    fn port(port: u16, options: BindOptions) -> Result<Listener, ListenError> {
        Bound::port(([127, 0, 0, 1], port).into(), here(), options)?.listen()
    }

    #[tokio::test]
    async fn a_port_is_shared_only_if_both_say_so() {
        for (first, second, want) in [
            (OPTIONS, OPTIONS, false),
            (OPTIONS, SHARED, false),
            (SHARED, OPTIONS, false),
            (SHARED, SHARED, true),
        ] {
            let first = port(0, first).unwrap();
            let number = first.address().unwrap().port();
            match port(number, second) {
                Ok(_) => assert!(want),
                Err(error) => {
                    assert!(!want);
                    let text = error.to_string();
                    assert!(text.contains(&format!("port {number} of here")), "{text}");
                    assert!(text.contains("choose another with --here;"), "{text}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_path_is_taken_over_only_from_nobody_or_if_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listen = |options| Bound::path(&path, options)?.listen();
        let first = listen(OPTIONS).unwrap();
        let error = listen(OPTIONS).unwrap_err();
        assert!(matches!(error, ListenError::PathTaken { .. }), "{error}");
        let second = listen(SHARED).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let error = listen(SHARED).unwrap_err();
        assert!(matches!(error, ListenError::NoSocket { .. }), "{error}");
        let long = folder.path().join("x".repeat(200)).join("socket");
        let error = Bound::path(&long, OPTIONS).unwrap_err();
        assert!(matches!(error, ListenError::Path { .. }), "{error}");
    }

    #[tokio::test]
    async fn all_interfaces_can_be_given_for_each_family() {
        let Ok(v6) = Bound::port(
            ([0u16; 8], 0).into(),
            here(),
            BindOptions {
                v6_only: true,
                ..OPTIONS
            },
        ) else {
            return;
        };
        let number = v6.listen().unwrap().address().unwrap().port();
        Bound::port(([0, 0, 0, 0], number).into(), here(), OPTIONS).unwrap();
    }
}
