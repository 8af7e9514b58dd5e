//! The short way for the plainest of requests: a GET of an asset over HTTP/1.1.
//!
//! Most requests of a site need nothing of what a general server is prepared for: no body, no
//! range, no condition. Their heads are recognised here ([`recognise`]) and answered by the same
//! code that answers all others ([`Edge`]), from the socket and to the socket, with no state
//! machine in between. Whatever is not recognised beyond doubt goes to hyper with every byte that
//! was read, and so does the rest of its connection. Nothing is refused here, and nothing is parsed
//! in a way of our own: httparse is what hyper parses with too.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, ETAG, HeaderMap, HeaderValue};
use http::{Method, Response};
use http_semantics::SitePath;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::body::Body;
use crate::edge::Edge;
use crate::find::{AssetRef, Destination};
use crate::memory_files::MemoryFile;
use crate::timed_io::Timed;

/// Heads that do not fit are hyper's.
const HEAD_BYTES_MAX: usize = 4096;

/// Heads with more fields are hyper's.
const FIELDS_MAX: usize = 32;

/// What became of a connection.
pub(crate) enum Outcome {
    /// The client is gone, or the server ends.
    Closed,
    /// The next request is hyper's; these bytes of it have been read.
    HandOver(Bytes),
}

/// Answers requests until one comes that is not plain.
pub(crate) async fn serve(
    io: &mut Timed<TcpStream>,
    edge: &Edge,
    mut ending: watch::Receiver<bool>,
) -> io::Result<Outcome> {
    let mut end = std::pin::pin!(ending.wait_for(|ending| *ending));
    let mut received = BytesMut::with_capacity(HEAD_BYTES_MAX);
    let mut head = Vec::new();
    loop {
        match recognise(&received, edge) {
            Recognised::Plain(request) => {
                let path = request.path.as_str();
                let response = edge
                    .asset(request.asset, path, &Method::GET, &request.fields)
                    .await;
                let length = request.length;
                received.advance(length);
                let Some(body) = write_head(&response, &mut head) else {
                    return Err(io::Error::other("an asset whose answer is not whole"));
                };
                match memory_file(edge, &response, &body) {
                    Some(file) => io.send_file(&head, &file).await?,
                    None => io.write_all_buf(&mut Buf::chain(&head[..], body)).await?,
                }
            }
            Recognised::Part if received.len() < HEAD_BYTES_MAX => {
                received.reserve(HEAD_BYTES_MAX - received.len());
                tokio::select! {
                    biased;
                    count = io.read_buf(&mut received) => if count? == 0 {
                        // Half a head at the end is hyper's to answer.
                        return Ok(match received.is_empty() {
                            true => Outcome::Closed,
                            false => Outcome::HandOver(received.freeze()),
                        });
                    },
                    _ = &mut end => return Ok(match received.is_empty() {
                        true => Outcome::Closed,
                        false => Outcome::HandOver(received.freeze()),
                    }),
                }
            }
            Recognised::Part | Recognised::Other => {
                return Ok(Outcome::HandOver(received.freeze()));
            }
        }
    }
}

/// A large body as a file that the kernel can send without copying it.
fn memory_file(edge: &Edge, response: &Response<Body>, body: &[u8]) -> Option<MemoryFile> {
    let etag = response.headers().get(ETAG)?;
    edge.app().memory_files.of(etag, body)
}

/// What the bytes at the beginning of a request are.
enum Recognised<'r> {
    /// A plain request.
    Plain(PlainRequest<'r>),
    /// The beginning of one, perhaps.
    Part,
    /// Anything else.
    Other,
}

struct PlainRequest<'r> {
    path: SitePath<'r>,
    asset: AssetRef,
    /// `Accept-Encoding`, if there is one: nothing else matters to a plain request.
    fields: HeaderMap,
    /// Of the head, in bytes.
    length: usize,
}

fn recognise<'r>(received: &'r [u8], edge: &Edge) -> Recognised<'r> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Recognised::Part,
        Err(_) => return Recognised::Other,
    };
    plain(&request, length, edge).map_or(Recognised::Other, Recognised::Plain)
}

fn plain<'r>(
    request: &httparse::Request<'_, 'r>,
    length: usize,
    edge: &Edge,
) -> Option<PlainRequest<'r>> {
    if request.method != Some("GET") || request.version != Some(1) {
        return None;
    }
    let fields = plain_fields(request.headers)?;
    let target = request.path?;
    let path = SitePath::parse(target.split_once('?').map_or(target, |(path, _)| path)).ok()?;
    // The http crate refuses some bytes that httparse lets pass.
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
        return None;
    }
    match edge.find(&path) {
        Ok(Destination::Asset(asset)) => Some(PlainRequest {
            path,
            asset,
            fields,
            length,
        }),
        _ => None,
    }
}

/// The fields of a request, if none of them asks for more than a plain answer.
fn plain_fields(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut kept = HeaderMap::new();
    let mut hosts = 0;
    for field in fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.as_bytes().first()?.to_ascii_lowercase() {
            b'h' if is("host") => hosts += 1,
            b'a' if is("accept-encoding") => {
                let value = HeaderValue::from_bytes(field.value).ok()?;
                kept.append(ACCEPT_ENCODING, value);
            }
            b'c' if is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => {
                return None;
            }
            // Each has a meaning that the general way knows.
            b'c' if is("content-length") => return None,
            b'e' if is("expect") => return None,
            b'h' if is("http2-settings") => return None,
            b'i' if field.name.len() > 2 && field.name.as_bytes()[2] == b'-' => return None,
            b'r' if is("range") => return None,
            b't' if is("te") || is("transfer-encoding") || is("trailer") => return None,
            b'u' if is("upgrade") => return None,
            _ => {}
        }
    }
    (hosts == 1).then_some(kept)
}

/// Writes status line and fields of a response; gives its body. `None` if that is not in one piece.
fn write_head(response: &Response<Body>, head: &mut Vec<u8>) -> Option<Bytes> {
    let body = response.body().whole()?;
    head.clear();
    let status = response.status();
    head.extend(b"HTTP/1.1 ");
    head.extend(status.as_str().as_bytes());
    head.push(b' ');
    head.extend(status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend(b"\r\n");
    for (name, value) in response.headers() {
        head.extend(name.as_str().as_bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    head.extend(b"content-length: ");
    write_number(body.len(), head);
    head.extend(b"\r\ndate: ");
    write_date(head);
    head.extend(b"\r\n\r\n");
    Some(body)
}

fn write_number(mut number: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    loop {
        out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
}

/// The date (RFC 9110, 6.6.1), made anew once a second.
fn write_date(out: &mut Vec<u8>) {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or(Duration::ZERO).as_secs();
    LAST.with_borrow_mut(|(of, text)| {
        if *of != seconds {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            *text = httpdate::fmt_http_date(date);
            *of = seconds;
        }
        out.extend(text.as_bytes());
    });
}
