//! The short way for the plainest of requests: a GET of an asset, or to a worker, over HTTP/1.1.
//!
//! Most requests of a site need nothing of what a general server is prepared for: no body, no
//! range. Their heads are recognised ([`PlainGet`]) and answered by the same
//! code that answers all others ([`Edge`]), from the socket and to the socket, with no state
//! machine in between ([`worker`] is the part for workers). Whatever is not recognised beyond doubt
//! goes to hyper with every byte that was read, and so does the rest of its connection. Nothing is
//! refused here but what asks too often.

mod plan;
mod worker;

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::header::ETAG;
use http::{Response, StatusCode};
use http1_framing::{FieldRoom, PlainGet, Recognised};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::asset::PlainAnswer;
use crate::body::Body;
use crate::connection::Ending;
use crate::edge::Edge;
use crate::head::{Length, write_head};
use crate::memory_files::{MemoryFile, MemoryFiles};
use crate::peer::Peer;
use crate::request_id::RequestId;
use crate::stream::Stream;
use crate::timed_io::Timed;
use crate::watch::{Answerer, Record, Seen};

use plan::{Plan, Target, plan};

/// Heads that do not fit are hyper's.
const HEAD_BYTES_MAX: usize = 4096;

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
        let plan = match recognise(&received, edge, peer) {
            Recognised::Plain(plan) => plan,
            Recognised::Part if received.len() < HEAD_BYTES_MAX => {
                let had_more = tokio::select! {
                    biased;
                    had_more = read_more(io, &mut received) => had_more?,
                    () = &mut end => None,
                };
                match had_more {
                    // The next read waits, and others have their turn.
                    Some(false) => in_turn = 0,
                    Some(true) => {}
                    None if received.is_empty() => return Ok(Outcome::Closed),
                    // Half a head at the end is hyper's to answer.
                    None => return Ok(Outcome::HandOver(received.freeze())),
                }
                continue;
            }
            Recognised::Part | Recognised::Other => {
                return Ok(Outcome::HandOver(received.freeze()));
            }
        };
        in_turn += 1;
        let Plan {
            target,
            length,
            seen,
        } = plan;
        let Seen {
            introduction,
            mut record,
        } = seen;
        let mut sending = Sending {
            io: &mut *io,
            edge,
            id: &introduction.id,
            record: record.as_deref_mut(),
            head: &mut head,
        };
        if let Some(refusal) = edge.refuse_get(&introduction.client) {
            drop(target);
            received.advance(length);
            sending.whole(refusal, Answerer::Nothing).await?;
            continue;
        }
        match target {
            Target::Asset { chosen, path } => {
                let answer = edge.asset_plain(chosen, path.as_str()).await;
                received.advance(length);
                match answer {
                    Ok(answer) => sending.plain(answer).await?,
                    Err(response) => sending.whole(response, Answerer::Assets).await?,
                }
            }
            Target::AssetFor {
                asset,
                path,
                fields,
            } => {
                let mut response = edge.asset_get(asset, path.as_str(), &fields).await;
                edge.insist_on_https(&introduction.client, response.headers_mut());
                received.advance(length);
                sending.whole(response, Answerer::Assets).await?;
            }
            Target::Worker { target, fields } => {
                received.advance(length);
                let worker = target.worker;
                if let Some(record) = &mut sending.record {
                    record.asks(worker);
                }
                let call = edge.worker_get(target, fields);
                let answer = worker::answer(sending.io, call, &mut received).await?;
                let Some(mut response) = answer else {
                    return Ok(Outcome::Closed);
                };
                edge.insist_on_https(&introduction.client, response.headers_mut());
                if let Some(record) = &mut sending.record {
                    record.answered(response.status(), Answerer::Worker(worker));
                }
                let Sending {
                    io,
                    id,
                    record,
                    head,
                    ..
                } = sending;
                worker::send(io, response, id, record, head).await?;
            }
        }
    }
}

/// Reads more of a head; whether the client had sent more than there was room for. `None` if it has
/// ended.
async fn read_more(io: &mut Timed<Stream>, received: &mut BytesMut) -> io::Result<Option<bool>> {
    received.reserve(HEAD_BYTES_MAX - received.len());
    let count = io.read_buf(received).await?;
    Ok((count > 0).then(|| received.len() == received.capacity()))
}

/// What is done for the request that begins with these bytes, if it is plain.
fn recognise<'r>(received: &'r [u8], edge: &Edge, peer: &Peer) -> Recognised<Plan<'r>> {
    let limits = &edge.app().admission.head;
    match PlainGet::recognise(received, &mut FieldRoom::default(), limits) {
        Recognised::Plain(get) => {
            plan(&get, edge, peer).map_or(Recognised::Other, Recognised::Plain)
        }
        Recognised::Part => Recognised::Part,
        Recognised::Other => Recognised::Other,
    }
}

/// Where the answer to a request goes.
struct Sending<'s> {
    io: &'s mut Timed<Stream>,
    edge: &'s Edge,
    id: &'s RequestId,
    record: Option<&'s mut Record>,
    /// Room for a head.
    head: &'s mut Vec<u8>,
}

impl Sending<'_> {
    /// Sends an asset whose head is there already.
    async fn plain(&mut self, answer: PlainAnswer) -> io::Result<()> {
        if let Some(record) = &mut self.record {
            record.answered(StatusCode::OK, Answerer::Assets);
        }
        answer.head.write(self.id, self.head);
        let file = match self.takes_file(answer.bytes.len()) {
            true => self.memory_file(answer.etag().as_str(), &answer.bytes),
            false => None,
        };
        self.body(answer.bytes, file).await
    }

    /// Sends an asset, or a refusal.
    async fn whole(&mut self, response: Response<Body>, answerer: Answerer) -> io::Result<()> {
        if let Some(record) = &mut self.record {
            record.answered(response.status(), answerer);
        }
        let Some(bytes) = response.body().whole() else {
            return Err(io::Error::other("an answer that is not whole"));
        };
        let (status, fields) = (response.status(), response.headers());
        let length = match status {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Length::NoBody,
            _ => Length::Of(bytes.len() as u64),
        };
        write_head(status, fields, length, self.id, self.head);
        let etag = fields.get(ETAG).and_then(|etag| etag.to_str().ok());
        let file = match etag {
            Some(etag) if self.takes_file(bytes.len()) => self.memory_file(etag, &bytes),
            _ => None,
        };
        self.body(bytes, file).await
    }

    fn takes_file(&self, length: usize) -> bool {
        MemoryFiles::takes(length) && self.io.sends_files()
    }

    /// A large body as a file that the kernel can send without copying it.
    fn memory_file(&self, etag: &str, bytes: &[u8]) -> Option<MemoryFile> {
        self.edge.app().memory_files.of(etag, bytes)
    }

    /// Sends head and body.
    async fn body(&mut self, bytes: Bytes, file: Option<MemoryFile>) -> io::Result<()> {
        let length = bytes.len();
        match file {
            Some(file) => self.io.send_file(self.head, &file).await?,
            None => {
                let mut all = Buf::chain(&self.head[..], bytes);
                self.io.write_all_buf(&mut all).await?;
                self.io.flush().await?;
            }
        }
        if let Some(record) = &mut self.record {
            record.sent(length);
        }
        Ok(())
    }
}
