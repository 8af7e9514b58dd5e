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
mod listener;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::log;
use crate::serve::ServeError;
use crate::settings::AdminOptions;
use listener::Listener;

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

/// What there is to tell, and to whom.
#[derive(Clone)]
struct Admin {
    app: Arc<App>,
    has_panel: bool,
}

/// Listens, says where, and answers for as long as the runtime lives.
///
/// # Errors
/// [`ServeError::Admin`]
pub(crate) async fn start(options: &AdminOptions, app: Arc<App>) -> Result<(), ServeError> {
    let listener = Listener::bind(&options.address).await;
    let listener = listener.map_err(|reason| ServeError::Admin {
        address: options.address.clone(),
        reason,
    })?;
    log::line("admin", &[("address", &listener.address())]);
    let admin = Admin {
        app,
        has_panel: options.panel,
    };
    tokio::spawn(accept(listener, admin));
    Ok(())
}

async fn accept(listener: Listener, admin: Admin) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(serve(stream, admin.clone(), place));
            }),
            Listener::Unix(listener, _) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(serve(stream, admin.clone(), place));
            }),
        };
        if let Err(error) = accepted {
            log::line("accept_failed", &[("reason", &error)]);
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    admin: Admin,
    _place: OwnedSemaphorePermit,
) {
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
    let connection = http1.serve_connection(TokioIo::new(stream), service);
    // Whatever ends a connection early is the client's doing, and it is gone.
    let _ = tokio::time::timeout(CONNECTION_TIME_MAX, connection).await;
}
