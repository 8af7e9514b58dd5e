//! Connections: accepting them, serving HTTP/1.1 and HTTP/2 on each, and ending them.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
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

use crate::admission::{Admission, ClientPlace};
use crate::direct;
use crate::door::{Door, Opened};
use crate::edge::Edge;
use crate::framed_io::Framed;
use crate::frames_io::FramesIo;
use crate::log;
use crate::open_requests::{OpenRequest, OpenRequests};
use crate::peer::Peer;
use crate::settings::ConnectionLimits;
use crate::timed_io::{Crowd, Timed};
use crate::watch::LimitName;

/// hyper takes no smaller buffer for a head.
const HEAD_BUFFER_MIN: usize = 8 << 10;

/// What hyper has room for on its stack.
const FIELDS_ON_STACK: usize = 100;

/// How many streams of HTTP/2 are remembered that were reset before anything was done for them, and
/// how many that a client has made us reset by what it sent. No client has a use for more.
const RESET_STREAMS_MAX: usize = 20;
const ERROR_STREAMS_MAX: usize = 100;

/// Of what a client of HTTP/2 is sent and does not read, for each stream; and of what it sends and
/// nobody reads yet, for each stream and for all.
const SEND_BUFFER_BYTES: usize = 64 << 10;
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// How long nothing is accepted when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of a server, and how they are told to end.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    server: Arc<Server>,
    places: Arc<Semaphore>,
    crowd: Crowd,
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
    pub(crate) fn new(limits: ConnectionLimits, admission: &Admission) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections_max));
        Self {
            limits,
            server: Arc::new(Server::new(admission)),
            crowd: Crowd::new(&places, limits.connections_max),
            places,
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
        let next = async {
            let place = match has_stepped_back {
                // What comes now was on its way here before, and would be reset: no more than the
                // kernel keeps for who accepts.
                true => Arc::clone(&connections.places).try_acquire_owned().ok(),
                // The semaphore is never closed.
                false => Arc::clone(&connections.places).acquire_owned().await.ok(),
            };
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            // First, or it would never come to it while connections keep coming, or none may come.
            biased;
            _ = ending.begun(), if !has_stepped_back => {
                has_stepped_back = true;
                match step_back(&mut listener).await {
                    true => continue,
                    false => return,
                }
            }
            next = next => next,
            () = quiet.over(), if has_stepped_back => return,
        };
        match accepted {
            Ok((socket, address)) => {
                let peer = Peer {
                    address,
                    is_tls: false,
                };
                let Ok(of_client) = entrance.edge.admit(&peer) else {
                    continue;
                };
                let places = Held {
                    crowd: connections.crowd.clone(),
                    _of_all: place,
                    _of_client: of_client,
                };
                socket.set_nodelay();
                tokio::spawn(serve(
                    (socket, address),
                    Arc::clone(&entrance),
                    Arc::clone(&connections.server),
                    connections.limits,
                    connections.ticket(),
                    places,
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
    fn new(admission: &Admission) -> Self {
        let head = &admission.head;
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .half_close(false)
            .max_buf_size(head.head_bytes.max(HEAD_BUFFER_MIN));
        if head.fields > FIELDS_ON_STACK {
            http1.max_headers(head.fields);
        }
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(admission.streams_max)
            .max_header_list_size(u32::try_from(head.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .max_local_error_reset_streams(ERROR_STREAMS_MAX)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        Self { http1, http2 }
    }
}

/// The places that a connection takes, until it ends.
struct Held {
    crowd: Crowd,
    _of_all: Option<OwnedSemaphorePermit>,
    _of_client: ClientPlace,
}

/// Whether a client was sent away by h2 for more of something than anybody has a use for
/// (RFC 9113, 7: ENHANCE_YOUR_CALM).
fn is_flood(error: &hyper::Error) -> bool {
    let error = error
        .source()
        .and_then(|source| source.downcast_ref::<h2::Error>());
    error.and_then(h2::Error::reason) == Some(h2::Reason::ENHANCE_YOUR_CALM)
}

async fn serve(
    (socket, address): (Socket, Option<SocketAddr>),
    entrance: Arc<Entrance>,
    server: Arc<Server>,
    limits: ConnectionLimits,
    ticket: Ticket,
    places: Held,
) {
    let Ticket {
        watcher,
        mut ending,
        open,
    } = ticket;
    let Entrance { edge, door } = &*entrance;
    let _counted = edge.watch().connection();
    let opened = tokio::select! {
        opened = door.open(socket, address, edge, &limits) => opened,
        () = ending.over() => return,
    };
    // A client that is gone, too slow, one too many, or speaks something else.
    let Ok(Opened {
        stream,
        peer,
        of_client: _of_client,
    }) = opened
    else {
        return;
    };
    let agreed = stream.agreed_on_http2();
    let open_requests: Arc<OpenRequests> = Arc::default();
    let io = Timed::new(stream, limits, Arc::clone(&open_requests));
    let mut io = io.in_crowd(places.crowd.clone());
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
    // What hyper holds to, held to before it: so the refusal is ours, and no part of it is read.
    let head_limits = edge.app().admission.head;
    let service = service_fn(move |request: Request<Incoming>| {
        let open = OpenRequest::new(&open_requests);
        let (edge, peer) = (entrance.edge.clone(), peer.clone());
        async move {
            let version = request.version();
            let mut response = edge.answer(request, &peer).await;
            if edge.watch().is_draining() && version <= Version::HTTP_11 {
                // The next request has to go elsewhere, which no client knows of a closed connection.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response.map(|body| body.of(open)))
        }
    });
    // Whatever ends a connection early is the client's doing, and it is gone.
    if is_http2 {
        let io = TokioIo::new(FramesIo::new(io));
        let served = watcher.watch(server.http2.serve_connection(io, service));
        if served.await.is_err_and(|error| is_flood(&error)) {
            LimitName::Http2Frames.hit();
        }
    } else {
        let io = TokioIo::new(Framed::new(io, head_limits));
        let _ = watcher
            .watch(server.http1.serve_connection(io, service))
            .await;
    }
}
