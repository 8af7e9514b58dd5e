//! The second listener: metrics, health, and the panel. Never the public port, and nothing of it is
//! in the metrics of that.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200: the process lives |
//! | `/readyz` | 200 if requests are answered as they should be, 503 with the reasons otherwise |
//! | `/metrics` | the text format of Prometheus |
//! | `/panel/` | a page for people, where that is wanted |
//!
//! It has few connections and short limits, so that it costs the app nothing whoever asks.

mod health;
mod metrics_text;
mod pages;
mod panel;
mod process;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listen::{Listener, Socket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::app::App;
use crate::log;

/// Connections at once; further ones wait.
const CONNECTIONS_MAX: usize = 32;

/// How long a head may take, and how long a connection may be idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a connection may last, so that none is kept by who does not read.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// The head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// How long nothing is accepted when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) use self::process::open_system_files;

/// What there is to tell, and to whom.
#[derive(Clone)]
struct Admin {
    app: Arc<App>,
    has_panel: bool,
}

/// Says where it listens, and answers for as long as its task lives.
pub(crate) fn start(tasks: &mut JoinSet<()>, listener: Listener, has_panel: bool, app: Arc<App>) {
    log::line("admin", &[("address", &listener)]);
    tasks.spawn(accept(listener, Admin { app, has_panel }));
}

async fn accept(listener: Listener, admin: Admin) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(serve(socket, admin.clone(), place));
            }
            Err(error) => {
                log::line("accept_failed", &[("reason", &error)]);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(socket: Socket, admin: Admin, _place: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let admin = admin.clone();
        async move { Ok::<_, Infallible>(pages::answer(&admin, &request).await) }
    });
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .half_close(false)
        .max_buf_size(HEAD_BYTES_MAX);
    let connection = http1.serve_connection(TokioIo::new(socket), service);
    // Whatever ends a connection early is the client's doing, and it is gone.
    let _ = tokio::time::timeout(CONNECTION_TIME_MAX, connection).await;
}
