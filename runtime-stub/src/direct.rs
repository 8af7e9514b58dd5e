//! The short way for the plainest of requests: a GET of an asset, or to a worker, over HTTP/1.1.
//!
//! Most requests of a site need nothing of what a general server is prepared for: no body, no
//! range, no condition. Their heads are recognised here ([`recognise`]) and answered by the same
//! code that answers all others ([`Edge`]), from the socket and to the socket, with no state
//! machine in between ([`worker`] is the part for workers). Whatever is not recognised beyond doubt goes to hyper with every byte that
//! was read, and so does the rest of its connection. Nothing is refused here, and nothing is parsed
//! in a way of our own: httparse is what hyper parses with too. It lets pass more than [`http1_framing`]
//! does, which is in front of hyper; what that would refuse is not recognised.

#[cfg(test)]
mod tests;
mod worker;

use std::cell::RefCell;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, Uri, Version};
use http_semantics::SitePath;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::body::Body;
use crate::connection::Ending;
use crate::edge::{Edge, origin};
use crate::find::{Asked, AssetRef, Destination};
use crate::memory_files::MemoryFile;
use crate::peer::Peer;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::stream::Stream;
use crate::timed_io::Timed;
use crate::watch::{Answerer, Head, Seen};
use crate::worker_call::WorkerTarget;

/// Heads that do not fit are hyper's.
const HEAD_BYTES_MAX: usize = 4096;

/// Heads with more fields are hyper's.
const FIELDS_MAX: usize = 32;

/// How many requests that have come together are answered before others have their turn. tokio
/// would let 128 pass: with 200 connections full of requests, others wait for a second.
const TURN: u32 = 16;

/// What became of a connection.
pub(crate) enum Outcome {
    /// The client is gone, or the server ends.
    Closed,
    /// The next request is hyper's; these bytes of it have been read.
    HandOver(Bytes),
}

/// Answers requests until one comes that is not plain.
pub(crate) async fn serve(
    io: &mut Timed<Stream>,
    edge: &Edge,
    peer: &Peer,
    mut ending: Ending,
) -> io::Result<Outcome> {
    let mut end = std::pin::pin!(ending.over());
    let mut received = BytesMut::with_capacity(HEAD_BYTES_MAX);
    let mut head = Vec::new();
    let mut in_turn = 0;
    loop {
        // The general way says in its answers that the connection ends.
        if !received.is_empty() && edge.watch().is_draining() {
            return Ok(Outcome::HandOver(received.freeze()));
        }
        if in_turn == TURN {
            in_turn = 0;
            tokio::task::yield_now().await;
        }
        match recognise(&received, edge, peer) {
            Recognised::Plain(request) => {
                in_turn += 1;
                let length = request.length;
                let Seen {
                    introduction,
                    mut record,
                } = request.seen;
                if let Some(response) = edge.refuse_get(&introduction.client) {
                    drop(request.target);
                    received.advance(length);
                    if let Some(record) = &mut record {
                        record.answered(response.status(), Answerer::Nothing);
                    }
                    let sent = send_whole(io, edge, response, &introduction.id, &mut head);
                    let bytes = sent.await?;
                    if let Some(record) = &mut record {
                        record.sent(bytes);
                    }
                    continue;
                }
                match request.target {
                    Target::Asset {
                        asset,
                        path,
                        fields,
                    } => {
                        let path = path.as_str();
                        let mut response = edge.asset_get(asset, path, &fields).await;
                        edge.insist_on_https(&introduction.client, response.headers_mut());
                        received.advance(length);
                        if let Some(record) = &mut record {
                            record.answered(response.status(), Answerer::Assets);
                        }
                        let sent = send_whole(io, edge, response, &introduction.id, &mut head);
                        let bytes = sent.await?;
                        if let Some(record) = &mut record {
                            record.sent(bytes);
                        }
                    }
                    Target::Worker { target, fields } => {
                        received.advance(length);
                        let worker = target.worker;
                        if let Some(record) = &mut record {
                            record.asks(worker);
                        }
                        let call = edge.worker_get(target, fields);
                        let answer = worker::answer(io, call, &mut received).await?;
                        let Some(mut response) = answer else {
                            return Ok(Outcome::Closed);
                        };
                        edge.insist_on_https(&introduction.client, response.headers_mut());
                        if let Some(record) = &mut record {
                            record.answered(response.status(), Answerer::Worker(worker));
                        }
                        let record = record.as_deref_mut();
                        worker::send(io, response, &introduction.id, record, &mut head).await?;
                    }
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
                    } else if received.len() < received.capacity() {
                        // No more was there: the next read waits, and others have their turn.
                        in_turn = 0;
                    },
                    () = &mut end => return Ok(match received.is_empty() {
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

/// Sends an asset, or a refusal; gives the length of its body.
async fn send_whole(
    io: &mut Timed<Stream>,
    edge: &Edge,
    response: Response<Body>,
    id: &RequestId,
    head: &mut Vec<u8>,
) -> io::Result<usize> {
    let Some(body) = response.body().whole() else {
        return Err(io::Error::other("an answer that is not whole"));
    };
    write_head(
        response.status(),
        response.headers(),
        Length::Of(body.len() as u64),
        id,
        head,
    );
    let length = body.len();
    let file = match io.sends_files() {
        true => memory_file(edge, &response, &body),
        false => None,
    };
    match file {
        Some(file) => io.send_file(head, &file).await?,
        None => {
            io.write_all_buf(&mut Buf::chain(&head[..], body)).await?;
            io.flush().await?;
        }
    }
    Ok(length)
}

/// A large body as a file that the kernel can send without copying it.
fn memory_file(edge: &Edge, response: &Response<Body>, body: &[u8]) -> Option<MemoryFile> {
    let etag = response.headers().get(ETAG)?;
    edge.app().memory_files.of(etag, body)
}

/// What the bytes at the beginning of a request are.
#[expect(
    clippy::large_enum_variant,
    reason = "it is moved once; a box would be an allocation for each request"
)]
enum Recognised<'r> {
    /// A plain request.
    Plain(PlainRequest<'r>),
    /// The beginning of one, perhaps.
    Part,
    /// Anything else.
    Other,
}

struct PlainRequest<'r> {
    target: Target<'r>,
    /// Of the head, in bytes.
    length: usize,
    seen: Seen,
}

enum Target<'r> {
    Asset {
        asset: AssetRef,
        path: SitePath<'r>,
        /// `Accept-Encoding` and `Origin`, if there are: nothing else matters to a plain asset.
        fields: HeaderMap,
    },
    Worker {
        target: WorkerTarget,
        /// All of them.
        fields: HeaderMap,
    },
}

fn recognise<'r>(received: &'r [u8], edge: &Edge, peer: &Peer) -> Recognised<'r> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Recognised::Part,
        Err(_) => return Recognised::Other,
    };
    if !is_framed_strictly(&received[..length]) {
        return Recognised::Other;
    }
    plain(&request, length, edge, peer).map_or(Recognised::Other, Recognised::Plain)
}

/// What httparse does not ask of a head: no empty line before it, and plain lines.
fn is_framed_strictly(head: &[u8]) -> bool {
    head.first() != Some(&b'\r') && http1_framing::has_plain_lines(head)
}

fn plain<'r>(
    request: &httparse::Request<'_, 'r>,
    length: usize,
    edge: &Edge,
    peer: &Peer,
) -> Option<PlainRequest<'r>> {
    if request.method != Some("GET") || request.version != Some(1) {
        return None;
    }
    let uri = request.path?;
    if !is_small(request, uri, length, &edge.app().admission.head) {
        return None;
    }
    let fields = plain_fields(request.headers)?;
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    };
    let path = SitePath::parse(path).ok()?;
    // The http crate refuses some bytes that httparse lets pass.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains('#') {
        return None;
    }
    let asked = Asked {
        path: &path,
        query,
        // What a host has to do with it, only rules say.
        host: edge
            .app()
            .rules
            .has_redirects()
            .then(|| host(request.headers))
            .flatten(),
    };
    let begin = |fields: &HeaderMap| {
        let head = Head {
            method: &Method::GET,
            uri,
            version: Version::HTTP_11,
            fields,
        };
        edge.watch().begin(&head, peer)
    };
    let (target, seen) = match edge.find(asked).ok()? {
        Destination::Asset(asset) => {
            let fields = match edge.watch().wants_fields(peer) {
                true => all_fields(request.headers)?,
                false => fields,
            };
            let seen = begin(&fields);
            let target = Target::Asset {
                asset,
                path,
                fields,
            };
            (target, seen)
        }
        Destination::Worker {
            worker,
            params,
            url: rewritten,
        } => {
            // The http crate has an opinion of its own on targets.
            let url = uri.parse::<PathAndQuery>().ok()?;
            let mut fields = all_fields(request.headers)?;
            let seen = begin(&fields);
            let client = &seen.introduction.client;
            client.set_host(&mut Uri::default(), &mut fields);
            seen.introduction.write(&mut fields);
            let target = WorkerTarget {
                worker,
                origin: origin(client.scheme(), None, &fields),
                url: rewritten.unwrap_or_else(|| url.as_str().to_owned()),
                params,
            };
            (Target::Worker { target, fields }, seen)
        }
        Destination::Redirect(_)
        | Destination::Sent { .. }
        | Destination::Page { .. }
        | Destination::Nothing => return None,
    };
    Some(PlainRequest {
        target,
        length,
        seen,
    })
}

/// Whether a head is within the limits; where not, it is hyper's, and refused before that.
fn is_small(
    request: &httparse::Request<'_, '_>,
    uri: &str,
    length: usize,
    limits: &http1_framing::Limits,
) -> bool {
    length <= limits.head_bytes
        && request.headers.len() <= limits.fields
        && uri.len() <= limits.target_bytes
}

fn host<'r>(fields: &[httparse::Header<'r>]) -> Option<&'r str> {
    let host = fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("host"))?;
    std::str::from_utf8(host.value).ok()
}

fn all_fields(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(map)
}

/// The fields of a request, if none of them asks for more than a plain answer.
fn plain_fields(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut kept = HeaderMap::new();
    let mut hosts = 0;
    for field in fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.as_bytes().first()?.to_ascii_lowercase() {
            b'h' if is("host") => {
                if !http1_framing::is_host(field.value) {
                    return None;
                }
                hosts += 1;
            }
            b'a' if is("accept-encoding") => {
                let value = HeaderValue::from_bytes(field.value).ok()?;
                kept.append(ACCEPT_ENCODING, value);
            }
            b'o' if is("origin") => {
                kept.append(ORIGIN, HeaderValue::from_bytes(field.value).ok()?);
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

/// How a client finds the end of a body (RFC 9112, 6.3).
#[derive(Clone, Copy)]
enum Length {
    Of(u64),
    Chunked,
    /// The status says that there is none.
    NoBody,
}

/// Writes status line and fields of a response, and what every response has.
fn write_head(
    status: StatusCode,
    fields: &HeaderMap,
    length: Length,
    id: &RequestId,
    head: &mut Vec<u8>,
) {
    head.clear();
    head.extend(b"HTTP/1.1 ");
    head.extend(status.as_str().as_bytes());
    head.push(b' ');
    head.extend(status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend(b"\r\n");
    // A worker's own would be a second one.
    for (name, value) in fields.iter().filter(|(name, _)| **name != X_REQUEST_ID) {
        head.extend(name.as_str().as_bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    match length {
        Length::Of(bytes) => {
            head.extend(b"content-length: ");
            write_number(bytes, head);
            head.extend(b"\r\n");
        }
        Length::Chunked => head.extend(b"transfer-encoding: chunked\r\n"),
        Length::NoBody => {}
    }
    head.extend(b"x-request-id: ");
    head.extend(id.as_bytes());
    head.extend(b"\r\n");
    if !fields.contains_key(DATE) {
        head.extend(b"date: ");
        write_date(head);
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
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
