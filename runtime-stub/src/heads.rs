//! Heads of the answers that are asked for most, made once.
//!
//! What a plain GET of an asset is answered with depends on the asset and on its coding, and on
//! nothing else but what every answer has of its own. So the head of that answer is kept as bytes.

use http_semantics::Coding;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::asset::AssetError;
use crate::find::AssetRef;
use crate::head::RenderedHead;

/// All that the cache holds.
const CACHE_BYTES: u64 = 1 << 20;

/// What the cache expects.
const CACHE_ENTRIES: usize = 256;

/// Heads that were asked for lately.
pub(crate) struct Heads {
    cache: Cache<(AssetRef, Coding), RenderedHead, ByLength>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<(AssetRef, Coding), RenderedHead> for ByLength {
    fn weight(&self, _: &(AssetRef, Coding), head: &RenderedHead) -> u64 {
        head.bytes().max(1) as u64
    }
}

impl Heads {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, ByLength),
        }
    }

    /// The head of an asset in a coding, made by `render` if it is not there.
    pub(crate) fn of(
        &self,
        asset: AssetRef,
        coding: Coding,
        render: impl FnOnce() -> Result<RenderedHead, AssetError>,
    ) -> Result<RenderedHead, AssetError> {
        let key = (asset, coding);
        if let Some(head) = self.cache.get(&key) {
            return Ok(head);
        }
        let head = render()?;
        self.cache.insert(key, head.clone());
        Ok(head)
    }
}
