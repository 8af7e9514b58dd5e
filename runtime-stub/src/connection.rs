//! Connections: accepting them, serving HTTP/1.1 and HTTP/2 on each, and ending them.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::{Admission, ClientPlace};
use crate::direct;
use crate::edge::Edge;
use crate::framed_io::Framed;
use crate::frames_io::FramesIo;
use crate::log;
use crate::peer::Peer;
use crate::settings::ConnectionLimits;
use crate::timed_io::{Crowd, OpenRequest, Timed};
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
#[derive(Default)]
pub(crate) struct Connections {
    graceful: GracefulShutdown,
    ending: watch::Sender<bool>,
    open: Arc<()>,
}

impl Connections {
    /// Counts the connections that have sent something and are still there.
    pub(crate) fn count(&self) -> impl Fn() -> usize + use<> {
        let open = Arc::downgrade(&self.open);
        move || open.strong_count()
    }

    /// Lets open requests end; connections without one are closed at once.
    pub(crate) async fn end(self) {
        self.ending.send_replace(true);
        self.graceful.shutdown().await;
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            watcher: self.graceful.watcher(),
            ending: self.ending.subscribe(),
            open: Arc::downgrade(&self.open),
        }
    }
}

/// What a connection holds of the server that it belongs to.
struct Ticket {
    watcher: Watcher,
    ending: watch::Receiver<bool>,
    open: Weak<()>,
}

/// Accepts connections until its future is dropped.
pub(crate) async fn accept(
    listener: TcpListener,
    edge: Edge,
    limits: ConnectionLimits,
    connections: Arc<Connections>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let crowd = Crowd::new(&places, limits.connections_max);
    let server = Arc::new(Server::new(&edge.app().admission));
    loop {
        if places.available_permits() == 0 {
            LimitName::MaxConnections.hit();
        }
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            continue;
        };
        match listener.accept().await {
            Ok((stream, address)) => {
                let peer = Peer {
                    address: Some(address),
                    is_tls: false,
                };
                let is_trusted = edge.watch().trusts(&peer);
                let Ok(of_client) = edge.app().admission.connect(&peer, is_trusted) else {
                    continue;
                };
                let places = Held {
                    crowd: crowd.clone(),
                    _of_all: place,
                    _of_client: of_client,
                };
                // Small answers must not wait for more to send.
                let _ = stream.set_nodelay(true);
                let (edge, server) = (edge.clone(), Arc::clone(&server));
                tokio::spawn(serve(
                    stream,
                    peer,
                    edge,
                    server,
                    limits,
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
    _of_all: OwnedSemaphorePermit,
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
    stream: TcpStream,
    peer: Peer,
    edge: Edge,
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
    let _counted = edge.watch().connection();
    let open_requests = Arc::new(AtomicU32::new(0));
    let io = Timed::new(stream, limits, Arc::clone(&open_requests));
    let mut io = io.in_crowd(places.crowd.clone());
    let sniffed = tokio::select! {
        sniffed = io.sniff() => sniffed,
        // At the end nobody waits for a client that has not said anything.
        _ = ending.wait_for(|ending| *ending) => return,
    };
    // A client that is gone, or too slow, before it has said what it speaks.
    let Ok(is_http2) = sniffed else { return };
    let _open = open.upgrade();
    if !is_http2 {
        match direct::serve(&mut io, &edge, &peer, ending).await {
            Ok(direct::Outcome::HandOver(received)) => io.give_back(received),
            Ok(direct::Outcome::Closed) | Err(_) => return,
        }
    }
    // What hyper holds to, held to before it: so the refusal is ours, and no part of it is read.
    let head_limits = edge.app().admission.head;
    let service = service_fn(move |request| {
        let open = OpenRequest::new(&open_requests);
        let (edge, peer) = (edge.clone(), peer.clone());
        async move {
            let _open = open;
            Ok::<_, Infallible>(edge.answer(request, &peer).await)
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
