//! Servers for one test each, and callers with the rules of a test.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use outbound::{
    Answer, BoxError, CallError, CallOptions, Caller, Client, ClientOptions, Limits, Redirects,
    RequestBody,
};
use outbound_rules::{HostPattern, Rules};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

pub(crate) type ServerBody = UnsyncBoxBody<Bytes, BoxError>;

/// Long enough for a slow machine; tests about time set their own.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(20),
    total: Duration::from_secs(20),
    response_bytes: 1 << 20,
    concurrent: 8,
};

/// Rules that allow every host and address.
pub(crate) fn open_rules() -> Rules {
    Rules {
        hosts: vec![HostPattern::parse("*").unwrap()],
        methods: None,
        allow_http: true,
        allow_private: true,
    }
}

/// Rules that allow every host, but public addresses only.
pub(crate) fn public_rules() -> Rules {
    Rules {
        allow_private: false,
        ..open_rules()
    }
}

pub(crate) fn caller(limits: Limits) -> Caller {
    Client::new(ClientOptions::default()).caller(open_rules(), limits)
}

pub(crate) fn request(method: Method, url: &str, body: RequestBody) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    request
}

pub(crate) fn get(url: &str) -> Request<RequestBody> {
    request(Method::GET, url, RequestBody::Whole(Bytes::new()))
}

pub(crate) async fn fetch(caller: &Caller, url: &str) -> Result<Answer, CallError> {
    let options = CallOptions {
        redirects: Redirects::Follow,
        ..CallOptions::default()
    };
    caller.send(get(url), options).await
}

/// The body of an answer as text.
pub(crate) async fn text(answer: Answer) -> Result<String, CallError> {
    let bytes = answer.response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

pub(crate) async fn fetch_text(caller: &Caller, url: &str) -> Result<String, CallError> {
    text(fetch(caller, url).await?).await
}

/// A server, which ends with its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each connection by itself.
    pub(crate) async fn raw<F, R>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(number, stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Answers each request of HTTP/1.1.
    pub(crate) async fn http<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<ServerBody>> + Send + 'static,
    {
        Self::raw(move |_, stream| serve(stream, answer.clone())).await
    }

    /// Sends the same bytes after each head of a request, and keeps the connection.
    pub(crate) async fn bytes(bytes: &'static [u8]) -> Self {
        Self::raw(move |_, mut stream| async move {
            while read_head(&mut stream).await.is_some() {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves a connection of either version.
pub(crate) async fn serve<S, F, R>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<ServerBody>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // A client that goes away is what some tests are about.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The head of a request of HTTP/1.1; `None` if the client goes away.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

pub(crate) fn whole(text: impl Into<Bytes>) -> ServerBody {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn ok(text: impl Into<Bytes>) -> Response<ServerBody> {
    Response::new(whole(text))
}

/// A DNS server that says which addresses of IPv4 a name has, given how often it was asked. It
/// has no others, and no answer lives longer than a moment.
pub(crate) async fn dns<F>(addresses: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(&str, usize) -> Vec<Ipv4Addr> + Send + 'static,
{
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut query = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut query).await {
            let (name, is_v4, question) = question(&query[..length]);
            let found = match is_v4 {
                true => addresses(&name, counter.fetch_add(1, Ordering::SeqCst)),
                false => Vec::new(),
            };
            let answer = dns_answer(&query[..2], question, &found);
            socket.send_to(&answer, client).await.unwrap();
        }
    });
    (address, asked)
}

/// Name, whether an address of IPv4 is asked for, and the question as sent (RFC 1035, 4.1.2).
fn question(query: &[u8]) -> (String, bool, &[u8]) {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    let is_v4 = query[at + 1..at + 3] == [0, 1];
    (labels.join("."), is_v4, &query[12..at + 5])
}

fn dns_answer(id: &[u8], question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let count = u8::try_from(addresses.len()).unwrap();
    let mut answer = [id, &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for address in addresses {
        // The name of the question, A, IN, a TTL of 0, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
