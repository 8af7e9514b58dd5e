//! Plain bytes for clients that do not accept the stored coding: decoded once, kept in a bounded
//! cache. Contents too long for that are stored raw beside their codings.

use bundle_format::index::{Content, ContentId, DECODED_BYTES_MAX};
use bundle_format::{Bundle, Damage};
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// All that the cache holds, a few entries more or less.
const CACHE_BYTES: u64 = 32 << 20;

/// What the cache expects; it takes more if they are small.
const CACHE_ENTRIES: usize = 64;

/// Decoded contents.
pub(crate) struct Decoded {
    cache: Cache<ContentId, Bytes, ByLength>,
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
            cache: Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, ByLength),
        }
    }

    /// The plain bytes, if they have been decoded lately.
    pub(crate) fn cached(&self, id: ContentId) -> Option<Bytes> {
        self.cache.get(&id)
    }

    /// Decodes a content and keeps it; two that want the same one decode it once. About 2 ms a
    /// megabyte.
    pub(crate) fn decode(
        &self,
        bundle: &Bundle,
        id: ContentId,
        content: &Content,
    ) -> Result<Bytes, Damage> {
        self.cache
            .get_or_insert_with(&id, || decode(bundle, content))
    }
}

fn decode(bundle: &Bundle, content: &Content) -> Result<Bytes, Damage> {
    let (id, variant) = bundle.plain_source(content)?;
    let stored = bundle.variant_bytes(id, &variant)?;
    let damage = Damage::Content {
        offset: variant.offset,
    };
    if content.length > DECODED_BYTES_MAX {
        return Err(damage);
    }
    let length = usize::try_from(content.length).map_err(|_| damage)?;
    let plain = zstd::bulk::decompress(&stored, length).map_err(|_| damage)?;
    if plain.len() != length {
        return Err(damage);
    }
    Ok(plain.into())
}
