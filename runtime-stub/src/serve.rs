//! The life of a server: signals, listening, serving, draining.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use listen::{ActivationError, ListenError, Notifier};
use rustix::time::{ClockId, clock_gettime};
use server_tls::{Identity, Reloaded, ServerTlsError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::admin;
use crate::app::{App, StartError};
pub use crate::bound::Bound;
use crate::bound::Purpose;
use crate::connection::{self, Connections, Entrance};
use crate::door::Door;
use crate::edge::Edge;
use crate::log;
use crate::privileges::PrivilegesError;
use crate::settings::{AdminAddress, Settings};

/// How often the files of a certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a process that is replaced waits for what may still be on its way to it: connections whose
/// handshake has begun, and next requests of clients that do not know yet.
const HANDOVER_LINGER: Duration = Duration::from_secs(1);

/// How long it accepts what keeps coming: where nobody follows, all does.
const HANDOVER_TIME_MAX: Duration = Duration::from_secs(5);

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
        /// In words.
        reason: String,
    },
    /// An address cannot be listened at.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// What systemd has passed on.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// Certificate and key.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// Nothing can be listened on for metrics.
    #[error("--admin {address}: {reason}")]
    Admin {
        /// Where.
        address: AdminAddress,
        /// In words.
        reason: ListenError,
    },
    /// The app, or one of its workers.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What is not needed could not be given up.
    #[error(transparent)]
    Privileges(#[from] PrivilegesError),
}

/// The signals that a server hears. In place before anything else, so that it can be PID 1, for
/// which the kernel ignores all signals that have no handler.
pub struct Signals {
    ends: Ends,
    /// Read the certificate again, if there is one.
    hangup: Signal,
}

/// The signals that end a server.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers; needs a runtime.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            ends: Ends {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            },
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

impl Ends {
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

/// Serves an app until it is told to end. `listening` is called once, with a line for each listener.
pub async fn serve(
    app: Arc<App>,
    settings: &Settings,
    signals: Signals,
    bound: Bound,
    listening: impl FnOnce(&[String]),
) -> Result<(), ServeError> {
    allow_many_files();
    let Signals { mut ends, hangup } = signals;
    let open = bound.listen()?;
    let mut admin = JoinSet::new();
    if let Some((listener, has_panel)) = open.admin {
        admin::start(&mut admin, listener, has_panel, Arc::clone(&app));
    }
    listening(&open.announcements);
    let watch = app.watch;
    let notifier = Arc::new(open.notifier);
    tokio::spawn(keep_fresh(open.identity, hangup, Arc::clone(&notifier)));
    let loading = load_workers(Arc::clone(&app), Arc::clone(&notifier));
    let connections = Arc::new(Connections::new(settings.connections, &app.admission));
    let edge = Edge::new(app).with_hsts(settings.net.hsts);
    let mut accepting = JoinSet::new();
    for (listener, purpose) in open.listeners {
        let entrance = match purpose {
            Purpose::Site => Entrance {
                edge: edge.clone(),
                door: open.door.clone(),
            },
            Purpose::Redirect => Entrance {
                edge: edge.sending_on(open.https_port),
                door: Door {
                    tls: None,
                    ..open.door.clone()
                },
            },
        };
        accepting.spawn(connection::accept(
            listener,
            Arc::new(entrance),
            Arc::clone(&connections),
        ));
    }
    let failed = tokio::select! {
        () = ends.next() => None,
        error = loading => Some(error),
    };
    if let Some(error) = failed {
        close(&mut [accepting, admin]).await;
        return Err(error.into());
    }
    watch.set_draining();
    notifier.stopping();
    if settings.net.reuse_port {
        hand_over(&connections, &mut accepting, &mut ends).await;
    }
    accepting.shutdown().await;
    // The accepting tasks held the only other ones.
    if let Some(connections) = Arc::into_inner(connections) {
        drain(connections, settings.grace_period, ends).await;
    }
    // To the end it says that the app ends.
    close(&mut [admin]).await;
    log::flush();
    Ok(())
}

/// Ends tasks that listen, and waits until they have: the files of Unix sockets go with them.
async fn close(listening: &mut [JoinSet<()>]) {
    for tasks in listening {
        tasks.shutdown().await;
    }
}

/// Leaves new connections to another process, and accepts what has come before.
async fn hand_over(connections: &Connections, accepting: &mut JoinSet<()>, ends: &mut Ends) {
    connections.hand_over(HANDOVER_LINGER);
    let accepted = async { while accepting.join_next().await.is_some() {} };
    tokio::select! {
        () = accepted => {}
        () = tokio::time::sleep(HANDOVER_TIME_MAX) => {}
        () = ends.next() => {}
    }
}

/// Reads the certificate again when its files have changed, and when the process is told to; whoever
/// tells it so waits to hear that it is done, even if there is nothing to read.
async fn keep_fresh(
    identity: Option<Arc<Identity>>,
    mut hangup: Signal,
    notifier: Arc<Notifier>,
) -> Infallible {
    loop {
        let is_told = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK_EVERY), if identity.is_some() => false,
        };
        if is_told {
            notifier.reloading(monotonic_time());
        }
        if let Some(identity) = &identity {
            read_again(Arc::clone(identity), is_told).await;
        }
        if is_told {
            notifier.reloaded();
        }
    }
}

/// Reads the certificate again, if it has changed or the process was told to.
async fn read_again(identity: Arc<Identity>, is_told: bool) {
    let found = tokio::task::spawn_blocking(move || match is_told {
        true => identity.reload(),
        false => identity.look(),
    });
    match found.await {
        Ok(Reloaded::Same) | Err(_) => {}
        Ok(Reloaded::New(remarks)) => {
            log::line("tls_reloaded", &[]);
            for remark in remarks {
                log::line("tls_certificate", &[("reason", &remark)]);
            }
        }
        Ok(Reloaded::Kept(error)) => log::line("tls_kept", &[("reason", &error)]),
    }
}

/// The clock that systemd goes by, which [`Instant`](std::time::Instant) does not tell.
fn monotonic_time() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    time.try_into().unwrap_or_default()
}

/// Loads the workers while assets are served already, and then tells whoever waits for the start.
/// Ends only if one cannot run.
async fn load_workers(app: Arc<App>, notifier: Arc<Notifier>) -> StartError {
    let watch = app.watch;
    let loaded = tokio::task::spawn_blocking(move || app.load_workers()).await;
    if let Ok(Err(error)) = loaded {
        return error;
    }
    watch.set_loaded();
    notifier.ready();
    std::future::pending().await
}

/// Lets open requests end, until the grace period is over or a second signal comes.
async fn drain(connections: Connections, grace_period: Duration, mut ends: Ends) {
    let open = connections.count();
    let reason = tokio::select! {
        () = connections.end() => return,
        () = tokio::time::sleep(grace_period) => "the grace period is over",
        () = ends.next() => "a second signal",
    };
    // What `connections` itself held of the count is gone with it.
    log::line("cut_off", &[("connections", &open()), ("reason", &reason)]);
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
