//! The life of a server: signals, listening, serving, draining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin;
use crate::app::{App, StartError};
use crate::connection::{self, Connections};
use crate::edge::Edge;
use crate::log;
use crate::settings::{AdminAddress, Settings};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 4096;

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

/// A runtime for a server, with its signal handlers in place.
pub fn start_runtime() -> Result<(tokio::runtime::Runtime, Signals), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let signals = {
        let _context = runtime.enter();
        Signals::install().map_err(ServeError::Runtime)?
    };
    Ok((runtime, signals))
}

/// Serves an app until it is told to end. `listening` is called once with the bound address.
pub async fn serve(
    app: Arc<App>,
    settings: &Settings,
    mut signals: Signals,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    allow_many_files();
    if let Some(options) = &settings.ops.admin {
        admin::start(options, Arc::clone(&app)).await?;
    }
    let listener = listen(&settings.host, settings.port).await?;
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

async fn listen(host: &str, port: u16) -> Result<TcpListener, ServeError> {
    let unknown = |reason| ServeError::Host {
        host: host.to_owned(),
        reason,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = lookup_host((bare, port)).await.map_err(unknown)?;
    let no_address = || unknown(io::ErrorKind::AddrNotAvailable.into());
    let address = addresses.next().ok_or_else(no_address)?;
    bind(address).map_err(|reason| match reason.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken {
            host: host.to_owned(),
            port,
        },
        _ => ServeError::Listen { address, reason },
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        TcpSocket::new_v6()?
    } else {
        TcpSocket::new_v4()?
    };
    // A server that is started again must not wait for the old one's connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
