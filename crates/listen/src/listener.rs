//! Sockets that let clients in.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use tokio::net::{TcpListener, UnixListener};

use crate::handover::{self, Probe};
use crate::socket::Socket;
use crate::socket_file::SocketFile;

/// A socket that lets clients in.
#[derive(Debug)]
pub struct Listener {
    io: Io,
    /// Removed when the listener is dropped, unless somebody else has made it.
    file: Option<SocketFile>,
    /// Whether another process has it too, which keeps it.
    is_passed: bool,
    /// A connection of our own, while the place is left to another process.
    probe: Option<Probe>,
}

#[derive(Debug)]
enum Io {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn tcp(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            io: Io::Tcp(TcpListener::from_std(socket.into())?),
            file: None,
            is_passed: false,
            probe: None,
        })
    }

    pub(crate) fn unix(socket: OwnedFd, file: Option<SocketFile>) -> io::Result<Self> {
        Ok(Self {
            io: Io::Unix(UnixListener::from_std(socket.into())?),
            file,
            is_passed: false,
            probe: None,
        })
    }

    pub(crate) fn passed(self) -> Self {
        let is_passed = true;
        Self { is_passed, ..self }
    }

    /// The next connection, and who has made it: nobody is known on a Unix socket.
    ///
    /// # Errors
    /// Those of accept(2): of this connection, or of the process.
    pub async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.io {
            Io::Tcp(listener) => loop {
                let (stream, address) = listener.accept().await?;
                if !self.is_own(address) {
                    return Ok((Socket::Tcp(stream), Some(address)));
                }
                // This is the first socket of the group, then.
                handover::steer(listener, 1)?;
            },
            Io::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }

    /// Of a port, the address that it has got.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Tcp(listener) => listener.local_addr().ok(),
            Io::Unix(_) => None,
        }
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        let probe = self.probe.as_ref();
        probe.is_some_and(|probe| probe.address == address)
    }

    /// Has new connections go to another process that listens at the same place. Whether some have
    /// come already, which nobody else can accept; they may keep coming for a moment, and it is by
    /// accepting them that this one finds out where the others have to go.
    ///
    /// # Errors
    /// The kernel refuses; then connections come as before.
    pub async fn hand_over(&mut self) -> io::Result<bool> {
        if self.is_passed {
            // Whoever has passed it on accepts from it too.
            return Ok(false);
        }
        match &self.io {
            Io::Tcp(listener) => {
                let address = listener.local_addr()?;
                self.probe = Some(handover::step_back(listener, address).await?);
            }
            // Its name leads to another process already, or to nobody from now on.
            Io::Unix(_) => self.file = None,
        }
        Ok(true)
    }
}

/// As it is announced: `127.0.0.1:8080` or `unix:/path`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.io, &self.file) {
            (Io::Tcp(listener), _) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("a port"),
            },
            (Io::Unix(_), Some(file)) => write!(f, "unix:{}", file.path().display()),
            (Io::Unix(listener), None) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                match path {
                    Some(path) => write!(f, "unix:{}", path.display()),
                    None => f.write_str("unix:"),
                }
            }
        }
    }
}
