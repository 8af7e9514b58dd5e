//! Bodies that flow: never more of them in memory than one piece.

use wasip3::http::types::{ErrorCode, Fields, Request, Response, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamResult, StreamWriter};
use wasip3::wit_future;

use crate::{Content, TrailersWriter};

/// At most this much is read at once.
const PIECE_BYTES: usize = 64 << 10;

pub(crate) type ComingTrailers = FutureReader<Result<Option<Trailers>, ErrorCode>>;

/// Answers with the body of the request, and with its trailers.
pub(crate) fn echo(request: Request) -> Response {
    // Servers of HTTP/1.1 send no trailer that is not announced.
    let headers = request.get_headers();
    let kept = ["content-type", "trailer"].map(|name| (name, crate::header(&headers, name)));
    let fields = kept.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> = fields
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    drop(headers);
    let (response, to, trailers) = crate::start(200, &fields);
    let (_taken, result) = wit_future::new(|| Ok(()));
    let (from, coming) = Request::consume_body(request, result);
    wasip3::spawn_local(copy(from, coming, to, trailers));
    response
}

/// Copies `from` to `to` until its end, and then the trailers.
pub(crate) async fn copy(
    mut from: Content,
    coming: ComingTrailers,
    mut to: StreamWriter<u8>,
    trailers: TrailersWriter,
) {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    loop {
        let (result, filled) = from.read(piece).await;
        piece = filled;
        if !piece.is_empty() {
            piece = to.write_all(piece).await;
            if !piece.is_empty() {
                return;
            }
            piece.reserve(PIECE_BYTES);
        }
        if matches!(result, StreamResult::Dropped | StreamResult::Cancelled) {
            break;
        }
    }
    drop((from, to));
    // Those that came may not be handed on as they are: they belong to the request.
    let end = coming.await.map(|trailers| {
        trailers.map(|these| Fields::from_list(&these.copy_all()).expect("valid trailers"))
    });
    let _ = trailers.write(end).await;
}

/// Answers with `mebibytes` MiB, each byte the low byte of its place.
pub(crate) fn big(mebibytes: u64) -> Response {
    let (response, mut body, _trailers) =
        crate::start(200, &[("content-type", "application/octet-stream")]);
    wasip3::spawn_local(async move {
        for _ in 0..mebibytes {
            let piece = (0..1 << 20).map(|place: usize| place as u8).collect();
            if !body.write_all(piece).await.is_empty() {
                return;
            }
        }
    });
    response
}
