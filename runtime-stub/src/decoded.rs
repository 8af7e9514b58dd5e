//! Plain bytes for clients that do not accept the stored coding.
//!
//! Contents up to [`CACHED_BYTES_MAX`] are decoded whole and kept in a bounded cache. Larger ones are decoded
//! piece by piece as they are sent, so that no request holds more than a window of them; how many
//! of those run at once is bounded too.

use std::io::Read;
use std::sync::Arc;
use std::task::{Context, Poll};

use bundle_format::index::{Content, ContentId};
use bundle_format::{Bundle, Damage};
use bytes::{Buf, Bytes};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::BodyError;

/// The largest content that is decoded whole.
pub(crate) const CACHED_BYTES_MAX: u64 = 4 << 20;

/// All that the cache holds.
const CACHE_BYTES: u64 = 32 << 20;

/// How many large contents are decoded at once; each takes a window of up to 8 MiB.
const STREAMS_MAX: usize = 16;

/// The size of a piece.
const PIECE_BYTES: usize = 64 << 10;

/// Decoded contents, and the places for decoding large ones.
pub(crate) struct Decoded {
    cache: Cache<ContentId, Bytes, ByLength>,
    streams: Arc<Semaphore>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<ContentId, Bytes> for ByLength {
    fn weight(&self, _: &ContentId, bytes: &Bytes) -> u64 {
        bytes.len().max(1) as u64
    }
}

impl Decoded {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::with_weighter(64, CACHE_BYTES, ByLength),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }

    /// The plain bytes, if they have been decoded lately.
    pub(crate) fn cached(&self, id: ContentId) -> Option<Bytes> {
        self.cache.get(&id)
    }

    /// Decodes a content of at most [`CACHED_BYTES_MAX`] and keeps it. About 2 ms a megabyte.
    pub(crate) fn decode(
        &self,
        bundle: &Bundle,
        id: ContentId,
        content: &Content,
    ) -> Result<Bytes, Damage> {
        self.cache.get_or_insert_with(&id, || decode(bundle, content))
    }

    /// A place among the large contents that are being decoded.
    pub(crate) async fn stream(&self, stored: Bytes, start: u64, end: u64) -> std::io::Result<PlainStream> {
        let place = Arc::clone(&self.streams).acquire_owned().await.map_err(std::io::Error::other)?;
        PlainStream::new(stored, start, end, place)
    }
}

fn decode(bundle: &Bundle, content: &Content) -> Result<Bytes, Damage> {
    let (id, variant) = bundle.plain_source(content)?;
    let stored = bundle.variant_bytes(id, &variant)?;
    let damage = Damage::Content { offset: variant.offset };
    let length = usize::try_from(content.length).map_err(|_| damage)?;
    let plain = zstd::bulk::decompress(&stored, length).map_err(|_| damage)?;
    if plain.len() != length {
        return Err(damage);
    }
    Ok(plain.into())
}

/// The plain bytes of a large content, or a range of them, decoded as they are asked for.
pub(crate) struct PlainStream {
    decoder: zstd::Decoder<'static, bytes::buf::Reader<Bytes>>,
    skip: u64,
    left: u64,
    _place: OwnedSemaphorePermit,
}

impl PlainStream {
    fn new(stored: Bytes, start: u64, end: u64, place: OwnedSemaphorePermit) -> std::io::Result<Self> {
        let decoder = zstd::Decoder::with_buffer(stored.reader())?;
        Ok(Self { decoder, skip: start, left: end.saturating_sub(start), _place: place })
    }

    /// How many bytes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece. Does a bounded amount of work; what lies before a range is decoded in
    /// pieces too, giving way in between.
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; PIECE_BYTES];
        let count = match self.decoder.read(&mut piece) {
            Ok(0) => return Poll::Ready(Some(Err("the stored bytes end too early".into()))),
            Ok(count) => count,
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        };
        let skipped = self.skip.min(count as u64);
        self.skip -= skipped;
        let first = usize::try_from(skipped).unwrap_or(count);
        let wanted = (count - first).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.left -= wanted as u64;
        Poll::Ready(Some(Ok(Bytes::from(piece).slice(first..first + wanted))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn read(stored: &[u8], start: u64, end: u64) -> Result<Vec<u8>, BodyError> {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let mut stream = PlainStream::new(Bytes::copy_from_slice(stored), start, end, place)?;
        let mut context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        loop {
            match stream.poll_next(&mut context) {
                Poll::Pending => {}
                Poll::Ready(None) => return Ok(all),
                Poll::Ready(Some(piece)) => all.extend(piece?),
            }
        }
    }

    #[test]
    fn a_large_content_streams_whole_and_in_ranges() {
        let plain: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        let stored = zstd::bulk::compress(&plain, 1).unwrap();
        for (start, end) in [(0, 4_000_000), (1_234_567, 2_345_678), (3_999_999, 4_000_000)] {
            let part = read(&stored, start as u64, end as u64).unwrap();
            assert!(part == plain[start..end], "{start}..{end}");
        }
    }

    #[test]
    fn a_cut_content_ends_in_an_error_not_in_fewer_bytes() {
        let stored = zstd::bulk::compress(&vec![7; 1 << 20], 1).unwrap();
        assert!(read(&stored[..stored.len() - 4], 0, 1 << 20).is_err());
        assert!(read(&stored, 0, (1 << 20) + 1).is_err());
    }
}
