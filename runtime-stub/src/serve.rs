//! The life of a server: signals, listening, serving, draining.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin;
use crate::app::{App, StartError};
use crate::connection::{self, Connections};
use crate::edge::Edge;
use crate::log;
use crate::privileges::{self, PrivilegesError};
use crate::settings::{AdminAddress, Settings};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// Why a server ended otherwise than it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The threads or the signal handlers.
    #[error("the server cannot start: {0}")]
    Runtime(io::Error),
    /// The name has no address.
    #[error("the host {host:?} cannot be listened on: {reason}")]
    Host {
        /// As it was given.
        host: String,
        /// What the system says.
        reason: io::Error,
    },
    /// Another program listens there.
    #[error(
        "port {port} of {host} is taken; stop the other program, or choose another with --port"
    )]
    PortTaken {
        /// As it was given.
        host: String,
        /// The port.
        port: u16,
    },
    /// Anything else that keeps it from listening.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// Nothing can be listened on for metrics.
    #[error("--admin cannot listen on {address}: {reason}")]
    Admin {
        /// Where.
        address: AdminAddress,
        /// What the system says.
        reason: io::Error,
    },
    /// The app, or one of its workers.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What is not needed could not be given up.
    #[error(transparent)]
    Privileges(#[from] PrivilegesError),
}

/// The signals that end a server. In place before anything else, so that it can be PID 1, for
/// which the kernel ignores all signals that have no handler.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _hangup: Signal,
}

impl Signals {
    /// Installs the handlers; needs a runtime. A hangup is ignored from then on.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Puts the signal handlers in place, which needs no thread: they stay when this runtime is gone,
/// and what comes before the one that serves is not lost.
pub fn install_signals() -> Result<Signals, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let _context = runtime.enter();
    Signals::install().map_err(ServeError::Runtime)
}

/// A runtime for a server. Its threads have the rights that this one has now.
pub fn start_runtime() -> Result<tokio::runtime::Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)
}

/// The address that a server has taken, where nobody is let in yet. Having one means that the
/// process has given up what it does not need.
pub struct Bound {
    socket: OwnedFd,
    address: SocketAddr,
    host: String,
}

impl Bound {
    /// Takes the address, and then gives up all privileges: only root may take a low port. Has to
    /// come before the runtime, whose threads would keep them.
    ///
    /// # Errors
    ///
    /// [`ServeError::Host`], [`ServeError::PortTaken`], [`ServeError::Listen`] and
    /// [`ServeError::Privileges`].
    pub fn new(settings: &Settings) -> Result<Self, ServeError> {
        let host = settings.host.clone();
        let address = resolve(&host, settings.port)?;
        let socket = bind(address).map_err(|reason| not_listening(&host, address, reason))?;
        privileges::give_up(&settings.privileges)?;
        Ok(Self {
            socket,
            address,
            host,
        })
    }

    /// Lets clients in.
    fn listen(self) -> Result<TcpListener, ServeError> {
        let Self {
            socket,
            address,
            host,
        } = self;
        rustix::net::listen(&socket, BACKLOG)
            .map_err(io::Error::from)
            .and_then(|()| TcpListener::from_std(socket.into()))
            .map_err(|reason| not_listening(&host, address, reason))
    }
}

/// Serves an app until it is told to end. `listening` is called once with the bound address.
pub async fn serve(
    app: Arc<App>,
    settings: &Settings,
    mut signals: Signals,
    bound: Bound,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    allow_many_files();
    if let Some(options) = &settings.ops.admin {
        admin::start(options, Arc::clone(&app)).await?;
    }
    let listener = bound.listen()?;
    if let Ok(address) = listener.local_addr() {
        listening(address);
    }
    let watch = app.watch;
    let loading = load_workers(Arc::clone(&app));
    let connections = Arc::new(Connections::default());
    let edge = Edge::new(app);
    let accepting = tokio::spawn(connection::accept(
        listener,
        edge,
        settings.connections,
        Arc::clone(&connections),
    ));
    tokio::select! {
        () = signals.next() => {}
        error = loading => return Err(error.into()),
    }
    watch.set_draining();
    accepting.abort();
    let _ = accepting.await;
    // The accepting task held the only other one.
    if let Some(connections) = Arc::into_inner(connections) {
        drain(connections, settings.grace_period, signals).await;
    }
    log::flush();
    Ok(())
}

/// Loads the workers while assets are served already. Ends only if one cannot run.
async fn load_workers(app: Arc<App>) -> StartError {
    let watch = app.watch;
    let loaded = tokio::task::spawn_blocking(move || app.load_workers()).await;
    if let Ok(Err(error)) = loaded {
        return error;
    }
    watch.set_loaded();
    std::future::pending().await
}

/// Lets open requests end, until the grace period is over or a second signal comes.
async fn drain(connections: Connections, grace_period: Duration, mut signals: Signals) {
    let open = connections.count();
    let reason = tokio::select! {
        () = connections.end() => return,
        () = tokio::time::sleep(grace_period) => "the grace period is over",
        () = signals.next() => "a second signal",
    };
    // What `connections` itself held of the count is gone with it.
    log::line("cut_off", &[("connections", &open()), ("reason", &reason)]);
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, ServeError> {
    let unknown = |reason| ServeError::Host {
        host: host.to_owned(),
        reason,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port).to_socket_addrs().map_err(unknown)?;
    let no_address = || unknown(io::ErrorKind::AddrNotAvailable.into());
    addresses.next().ok_or_else(no_address)
}

/// An address can turn out to be taken when it is bound, or when it is listened on.
fn not_listening(host: &str, address: SocketAddr, reason: io::Error) -> ServeError {
    match reason.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken {
            host: host.to_owned(),
            port: address.port(),
        },
        _ => ServeError::Listen { address, reason },
    }
}

fn bind(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // A server that is started again must not wait for the old one's connections to be forgotten.
    set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

/// As many open files as the system lets a process have: each connection is one.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without it the server still serves, fewer at once.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
