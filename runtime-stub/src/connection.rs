//! Connections: accepting them, serving HTTP/1.1 and HTTP/2 on each, and ending them.

use std::convert::Infallible;
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

use crate::direct;
use crate::edge::Edge;
use crate::framed_io::Framed;
use crate::log;
use crate::peer::Peer;
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
    let server = Arc::new(Server::new());
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
    stream: TcpStream,
    peer: Peer,
    edge: Edge,
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
    let _counted = edge.watch().connection();
    let open_requests = Arc::new(AtomicU32::new(0));
    let mut io = Timed::new(stream, limits, Arc::clone(&open_requests));
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
