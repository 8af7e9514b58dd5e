//! Connections: accepting them, serving HTTP/1.1 and HTTP/2 on each, and ending them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use listen::{Listener, Socket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::direct;
use crate::door::Door;
use crate::edge::Edge;
use crate::framed_io::Framed;
use crate::log;
use crate::settings::ConnectionLimits;
use crate::timed_io::{OpenRequest, Timed};
use crate::watch::LimitName;

/// The head of a request, URI and fields together. Above it: 431, or 414 if that is in the URI.
const HEAD_BYTES_MAX: u16 = 16 << 10;

/// For HTTP/2.
const STREAMS_MAX: u32 = 128;

/// How long nothing is accepted when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of a server, and how they are told to end.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    server: Arc<Server>,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
    ending: watch::Sender<Option<Duration>>,
    open: Arc<()>,
}

/// Tells when the server ends, and how long clients are then waited for that have nothing open.
#[derive(Clone)]
pub(crate) struct Ending(watch::Receiver<Option<Duration>>);

impl Ending {
    /// Ready when the server ends and that time is over.
    pub(crate) async fn over(&mut self) {
        let linger = self.begun().await;
        if !linger.is_zero() {
            tokio::time::sleep(linger).await;
        }
    }

    async fn begun(&mut self) -> Duration {
        match self.0.wait_for(Option::is_some).await {
            Ok(linger) => linger.unwrap_or_default(),
            // The server is gone.
            Err(_) => Duration::ZERO,
        }
    }
}

/// What connections of one listener come to.
pub(crate) struct Entrance {
    pub(crate) edge: Edge,
    pub(crate) door: Door,
}

impl Connections {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            server: Arc::new(Server::new()),
            places: Arc::new(Semaphore::new(limits.connections_max)),
            graceful: GracefulShutdown::new(),
            ending: watch::Sender::new(None),
            open: Arc::default(),
        }
    }

    /// Counts the connections that have sent something and are still there.
    pub(crate) fn count(&self) -> impl Fn() -> usize + use<> {
        let open = Arc::downgrade(&self.open);
        move || open.strong_count()
    }

    /// Another process gets what is new. Accepting ends when nothing has come for this time, and
    /// connections without a request are closed after it.
    pub(crate) fn hand_over(&self, linger: Duration) {
        self.ending.send_replace(Some(linger));
    }

    /// Lets open requests end; connections without one are closed at once.
    pub(crate) async fn end(self) {
        self.ending.send_replace(Some(Duration::ZERO));
        self.graceful.shutdown().await;
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            watcher: self.graceful.watcher(),
            ending: self.ending(),
            open: Arc::downgrade(&self.open),
        }
    }

    fn ending(&self) -> Ending {
        Ending(self.ending.subscribe())
    }
}

/// What a connection holds of the server that it belongs to.
struct Ticket {
    watcher: Watcher,
    ending: Ending,
    open: Weak<()>,
}

/// Accepts connections until its future is dropped, or its place is handed over and nothing comes any
/// more.
pub(crate) async fn accept(
    mut listener: Listener,
    entrance: Arc<Entrance>,
    connections: Arc<Connections>,
) {
    let (mut ending, mut quiet) = (connections.ending(), connections.ending());
    let mut has_stepped_back = false;
    loop {
        if connections.places.available_permits() == 0 {
            LimitName::MaxConnections.hit();
        }
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&connections.places).acquire_owned().await else {
            continue;
        };
        let accepted = tokio::select! {
            // First, or it would never come to it while connections keep coming.
            biased;
            _ = ending.begun(), if !has_stepped_back => {
                has_stepped_back = true;
                match step_back(&mut listener).await {
                    true => continue,
                    false => return,
                }
            }
            accepted = listener.accept() => accepted,
            () = quiet.over(), if has_stepped_back => return,
        };
        match accepted {
            Ok((socket, address)) => {
                socket.set_nodelay();
                tokio::spawn(serve(
                    (socket, address),
                    Arc::clone(&entrance),
                    Arc::clone(&connections.server),
                    connections.limits,
                    connections.ticket(),
                    place,
                ));
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                log::line("accept_failed", &[("reason", &error)]);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Has what is new go to another process; whether something remains to be accepted.
async fn step_back(listener: &mut Listener) -> bool {
    listener.hand_over().await.unwrap_or_else(|error| {
        log::line("handover_failed", &[("reason", &error)]);
        true
    })
}

/// Errors of a connection that was gone before it was accepted; the next one may be fine.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// The settings of both versions of HTTP.
struct Server {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Server {
    fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .half_close(false)
            .max_buf_size(HEAD_BYTES_MAX.into());
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX.into());
        Self { http1, http2 }
    }
}

/// What hyper holds to, held to before it: so the refusal is ours, and no part of it is read.
fn head_limits() -> http1_framing::Limits {
    http1_framing::Limits {
        head_bytes: HEAD_BYTES_MAX.into(),
        ..Default::default()
    }
}

async fn serve(
    (socket, address): (Socket, Option<SocketAddr>),
    entrance: Arc<Entrance>,
    server: Arc<Server>,
    limits: ConnectionLimits,
    ticket: Ticket,
    _place: OwnedSemaphorePermit,
) {
    let Ticket {
        watcher,
        mut ending,
        open,
    } = ticket;
    let Entrance { edge, door } = &*entrance;
    let _counted = edge.watch().connection();
    let opened = tokio::select! {
        opened = door.open(socket, address, &limits) => opened,
        () = ending.over() => return,
    };
    // A client that is gone, too slow, or speaks something else.
    let Ok((stream, peer)) = opened else { return };
    let agreed = stream.agreed_on_http2();
    let open_requests = Arc::new(AtomicU32::new(0));
    let mut io = Timed::new(stream, limits, Arc::clone(&open_requests));
    let sniffed = tokio::select! {
        sniffed = io.sniff() => sniffed,
        // At the end nobody waits for a client that has not said anything.
        () = ending.over() => return,
    };
    // A client that is gone, or too slow, before it has said what it speaks.
    let Ok(is_http2) = sniffed else { return };
    if agreed.is_some_and(|agreed| agreed != is_http2) {
        return;
    }
    let _open = open.upgrade();
    if !is_http2 && !edge.is_sending_on() {
        match direct::serve(&mut io, edge, &peer, ending).await {
            Ok(direct::Outcome::HandOver(received)) => io.give_back(received),
            Ok(direct::Outcome::Closed) => return io.close().await,
            Err(_) => return,
        }
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let open = OpenRequest::new(&open_requests);
        let (edge, peer) = (entrance.edge.clone(), peer.clone());
        async move {
            let _open = open;
            let version = request.version();
            let mut response = edge.answer(request, &peer).await;
            if edge.watch().is_draining() && version <= Version::HTTP_11 {
                // The next request has to go elsewhere, which no client knows of a closed connection.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    // Whatever ends a connection early is the client's doing, and it is gone.
    if is_http2 {
        let io = TokioIo::new(io);
        let _ = watcher
            .watch(server.http2.serve_connection(io, service))
            .await;
    } else {
        let io = TokioIo::new(Framed::new(io, head_limits()));
        let _ = watcher
            .watch(server.http1.serve_connection(io, service))
            .await;
    }
}
