//! A worker's answer on the short way.

use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use worker_host::WorkerBody;

use super::HEAD_BYTES_MAX;
use crate::head::{Length, write_head};
use crate::request_id::RequestId;
use crate::stream::Stream;
use crate::timed_io::Timed;
use crate::watch::Record;

/// Waits for the answer of a worker, and for the client: one that goes away is told to nobody but
/// the worker, whose call is dropped. `None` if it has gone. What it sends meanwhile is kept for
/// later, up to the length of a head.
pub(super) async fn answer(
    io: &mut Timed<Stream>,
    call: impl Future<Output = Response<WorkerBody>>,
    received: &mut BytesMut,
) -> io::Result<Option<Response<WorkerBody>>> {
    let _open = io.open_request();
    let mut call = pin!(call);
    loop {
        tokio::select! {
            biased;
            response = &mut call => return Ok(Some(response)),
            count = read_ahead(io, received) => if count? == 0 {
                return Ok(None);
            },
        }
    }
}

/// Reads what the client sends before it has been answered; never ready if that is enough.
async fn read_ahead(io: &mut Timed<Stream>, received: &mut BytesMut) -> io::Result<usize> {
    if received.len() >= HEAD_BYTES_MAX {
        return std::future::pending().await;
    }
    received.reserve(HEAD_BYTES_MAX - received.len());
    io.read_buf(received).await
}

/// A body that is sent as it comes, and who counts it.
struct Streamed<'s> {
    body: WorkerBody,
    record: Option<&'s mut Record>,
}

/// Sends an answer, a stream in chunks as they come.
pub(super) async fn send(
    io: &mut Timed<Stream>,
    response: Response<WorkerBody>,
    id: &RequestId,
    record: Option<&mut Record>,
    head: &mut Vec<u8>,
) -> io::Result<()> {
    let (parts, body) = response.into_parts();
    let has_body = !matches!(
        parts.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    match body {
        WorkerBody::Whole(body) => {
            let length = match has_body {
                true => Length::Of(body.len() as u64),
                false => Length::NoBody,
            };
            write_head(parts.status, &parts.headers, length, id, head);
            let bytes = body.len();
            io.write_all_buf(&mut Buf::chain(&head[..], body)).await?;
            io.flush().await?;
            if let Some(record) = record {
                record.sent(bytes);
            }
            Ok(())
        }
        body @ (WorkerBody::Stream(_) | WorkerBody::Component(_)) => {
            let length = body.length().map_or(Length::Chunked, Length::Of);
            write_head(parts.status, &parts.headers, length, id, head);
            let _open = io.open_request();
            io.write_all(head).await?;
            io.flush().await?;
            let mut streamed = Streamed { body, record };
            match length {
                Length::Of(length) => send_counted(io, &mut streamed, length).await,
                Length::Chunked | Length::NoBody => send_chunks(io, &mut streamed).await,
            }
        }
    }
}

/// A body that breaks off leaves its last chunk out (RFC 9112, 8), and ends the connection.
async fn send_chunks(io: &mut Timed<Stream>, body: &mut Streamed<'_>) -> io::Result<()> {
    while let Some(piece) = next_piece(io, body).await? {
        let size = format!("{:x}\r\n", piece.len());
        let end = Bytes::from_static(b"\r\n");
        let mut chunk = Buf::chain(size.as_bytes(), Buf::chain(piece, end));
        io.write_all_buf(&mut chunk).await?;
        io.flush().await?;
    }
    io.write_all(b"0\r\n\r\n").await?;
    io.flush().await
}

/// A body of a length that the client has been told.
async fn send_counted(
    io: &mut Timed<Stream>,
    body: &mut Streamed<'_>,
    length: u64,
) -> io::Result<()> {
    let mut left = length;
    while let Some(mut piece) = next_piece(io, body).await? {
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| io::Error::other("a body that is longer than its Content-Length"))?;
        io.write_all_buf(&mut piece).await?;
        io.flush().await?;
    }
    match left {
        0 => Ok(()),
        _ => Err(io::Error::other(
            "a body that is shorter than its Content-Length",
        )),
    }
}

/// The next piece that is not empty, or an error as soon as the client is gone.
async fn next_piece(
    io: &mut Timed<Stream>,
    streamed: &mut Streamed<'_>,
) -> io::Result<Option<Bytes>> {
    let Streamed { body, record } = streamed;
    loop {
        let piece = tokio::select! {
            biased;
            piece = std::future::poll_fn(|context| body.poll_piece(context)) => piece,
            error = io.gone() => return Err(error),
        };
        let piece = piece.transpose();
        if let Some(record) = record {
            match &piece {
                Ok(piece) => record.sent(piece.as_ref().map_or(0, Bytes::len)),
                Err(error) => record.broke_off(error),
            }
        }
        match piece.map_err(io::Error::other)? {
            Some(piece) if piece.is_empty() => {}
            piece => return Ok(piece),
        }
    }
}
