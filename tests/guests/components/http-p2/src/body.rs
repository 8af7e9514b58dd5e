//! Bodies that flow: never more of them in memory than one piece.

use wasip2::http::types::{
    FutureTrailers, IncomingBody, IncomingRequest, OutgoingBody, ResponseOutparam, Trailers,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// At most this much is read at once.
const PIECE_BYTES: u64 = 64 << 10;

/// Answers with the body of the request, and with its trailers.
pub(crate) fn echo(request: IncomingRequest, answer: ResponseOutparam) {
    // Servers of HTTP/1.1 send no trailer that is not announced.
    let kept = ["content-type", "trailer"].map(|name| (name, crate::header(&request, name)));
    let fields = kept.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> = fields
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let to = crate::start(answer, 200, &fields);
    copy(request.consume().expect("the body, for the first time"), to);
}

/// Copies `from` to `to` until its end, and then the trailers. Where a side breaks off, so does the
/// other.
pub(crate) fn copy(from: IncomingBody, to: OutgoingBody) {
    let input = from.stream().expect("the stream, for the first time");
    let output = to.write().expect("the stream, for the first time");
    if !copy_stream(&input, &output) {
        return;
    }
    drop((input, output));
    if let Ok(trailers) = trailers(&IncomingBody::finish(from)) {
        let _ = OutgoingBody::finish(to, trailers);
    }
}

/// Whether it came to the end.
fn copy_stream(input: &InputStream, output: &OutputStream) -> bool {
    loop {
        match input.blocking_read(PIECE_BYTES) {
            Ok(piece) if write_all(output, &piece) => {}
            Ok(_) => return false,
            Err(StreamError::Closed) => return true,
            Err(StreamError::LastOperationFailed(_)) => return false,
        }
    }
}

fn trailers(coming: &FutureTrailers) -> Result<Option<Trailers>, ()> {
    coming.subscribe().block();
    let trailers = coming.get().ok_or(())??.map_err(drop)?;
    // Those that came may not be handed on as they are: they belong to the request.
    Ok(trailers.map(|trailers| Trailers::from_list(&trailers.entries()).expect("valid trailers")))
}

/// Answers with `mebibytes` MiB, each byte the low byte of its place.
pub(crate) fn big(answer: ResponseOutparam, mebibytes: usize) {
    let body = crate::start(answer, 200, &[("content-type", "application/octet-stream")]);
    let stream = body.write().expect("the stream, for the first time");
    let piece: Vec<u8> = (0..1 << 20).map(|place: usize| place as u8).collect();
    if !(0..mebibytes).all(|_| write_all(&stream, &piece)) {
        return;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Writes as much as the stream takes, and waits until it takes more. Whether all was written.
pub(crate) fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> bool {
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        ready.block();
        let Ok(room) = stream.check_write() else {
            return false;
        };
        let (now, later) = bytes.split_at(bytes.len().min(room as usize));
        if stream.write(now).is_err() {
            return false;
        }
        bytes = later;
    }
    stream.flush().is_ok() && {
        ready.block();
        stream.check_write().is_ok()
    }
}
