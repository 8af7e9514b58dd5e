//! Paths and what each leads to, searched in place in mapped memory.
//!
//! The index is five tables of fixed-width rows, one behind the other, their lengths in
//! [`IndexShape`](crate::meta::IndexShape):
//!
//! | table    | row                                                                        | bytes |
//! |----------|----------------------------------------------------------------------------|------:|
//! | slots    | entry number + 1 (4), upper half of the path's hash (4); zero: empty       |     8 |
//! | entries  | path offset (4), path length (2), media type (2), target (4), kind (1), cache (1), field set + 1 (2) | 16 |
//! | contents | length (8), hash (16), first variant (4), number of variants (4)           |    32 |
//! | variants | offset in the bundle (8), length (8), hash (16), coding (1), zero (7)      |    40 |
//! | paths    | the bytes of all paths; entries share bytes where one is a prefix          |     1 |
//!
//! A path is looked up by its xxh3 hash: the lower bits choose a slot, and on a miss the next one
//! is tried until an empty one. The bundle is cut into blocks of [`BLOCK`] bytes, each checked
//! against its hash before its first use, so that the cost of opening does not grow with the site.

mod builder;
mod rows;

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};

pub use builder::{IndexBuilder, IndexError, PathText, block_hashes};
use rows::{decode_content, decode_entry, decode_variant};

use crate::hash::{ContentHash, HASH_BYTES};
use crate::header::u32_at;
use crate::meta::IndexShape;
use crate::reader::Damage;

/// The unit in which the index is checked.
pub const BLOCK: usize = 16 * 1024;

const SLOT_BYTES: usize = 8;
const ENTRY_BYTES: usize = 16;
const CONTENT_BYTES: usize = 32;
const VARIANT_BYTES: usize = 40;

/// A content longer than this is also stored raw: a reader never has to decode more than this to
/// answer a client that accepts no coding.
pub const DECODED_BYTES_MAX: u64 = 4 << 20;

/// The longest path that an entry can have.
pub const PATH_BYTES_MAX: usize = u16::MAX as usize;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    path_offset: u32,
    path_length: u16,
    /// What is there.
    pub target: Target,
}

/// What stands behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The bytes of a file.
    Asset {
        /// Which bytes.
        content: ContentId,
        /// A place in [`Meta::media_types`](crate::Meta::media_types).
        media_type: u16,
        /// How long it may be kept.
        cache: CachePolicy,
        /// What the site's rules do to its fields, if anything.
        fields: Option<FieldSetId>,
    },
    /// Another path, which the client is sent to.
    Redirect {
        /// The entry of that path.
        to: EntryId,
    },
    /// A place in [`Meta::workers`](crate::Meta::workers).
    Worker {
        /// Which one.
        worker: u32,
    },
}

/// How long a client may keep an asset without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CachePolicy {
    /// Asked for again on every use: pages and data.
    NoCache,
    /// Kept, but checked before each use.
    Revalidate,
    /// Its name holds a hash of its contents: kept for a year, never checked (RFC 8246).
    Immutable,
}

/// A place in [`SiteRules::field_sets`](crate::SiteRules::field_sets).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldSetId(u16);

impl FieldSetId {
    /// How many there can be.
    pub const COUNT_MAX: usize = u16::MAX as usize;

    /// The set at that place; `None` beyond what an entry can name.
    pub fn new(place: usize) -> Option<Self> {
        u16::try_from(place)
            .ok()
            .filter(|place| usize::from(*place) < Self::COUNT_MAX)
            .map(Self)
    }

    /// The place.
    pub fn place(self) -> usize {
        self.0.into()
    }
}

/// A row of the table of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub u32);

/// A row of the table of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub u32);

/// Some bytes that are served, whatever the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Of the decoded bytes.
    pub length: u64,
    /// Of the decoded bytes.
    pub hash: ContentHash,
    first_variant: u32,
    variant_count: u32,
}

/// How stored bytes are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredCoding {
    /// As they are.
    Raw,
    /// zstd (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

/// One stored coding of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// From the first byte of the bundle.
    pub offset: u64,
    /// As stored, in bytes.
    pub length: u64,
    /// Of the stored bytes.
    pub hash: ContentHash,
    /// How they are coded.
    pub coding: StoredCoding,
}

/// A row of the table of variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariantId(pub u32);

fn path_hash(path: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(path)
}

fn tag(hash: u64) -> u32 {
    // The upper half; the lower bits already chose the slot.
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// The index of an opened bundle.
#[derive(Debug)]
pub struct Index {
    blocks: Blocks,
    shape: IndexShape,
    entries_at: usize,
    contents_at: usize,
    variants_at: usize,
    paths_at: usize,
}

impl Index {
    /// Lays the tables over `bytes`; reads none of them. `None` if they do not fill it.
    pub(crate) fn open(
        bytes: Bytes,
        hashes: Bytes,
        hash: ContentHash,
        shape: IndexShape,
    ) -> Option<Self> {
        let row = |count: u32, width: usize| (count as usize).checked_mul(width);
        let entries_at = row(shape.slots, SLOT_BYTES)?;
        let contents_at = entries_at.checked_add(row(shape.entries, ENTRY_BYTES)?)?;
        let variants_at = contents_at.checked_add(row(shape.contents, CONTENT_BYTES)?)?;
        let paths_at = variants_at.checked_add(row(shape.variants, VARIANT_BYTES)?)?;
        let end = paths_at.checked_add(shape.path_bytes as usize)?;
        let slots_fit = shape.slots == 0 || shape.slots.is_power_of_two();
        if end != bytes.len() || !slots_fit {
            return None;
        }
        let blocks = Blocks::new(bytes, hashes, hash)?;
        Some(Self {
            blocks,
            shape,
            entries_at,
            contents_at,
            variants_at,
            paths_at,
        })
    }

    /// How many rows each table has.
    pub fn shape(&self) -> IndexShape {
        self.shape
    }

    /// The entry of exactly this path. About three random reads of mapped memory.
    pub fn find(&self, path: &str) -> Result<Option<(EntryId, Entry)>, Damage> {
        let Some(mask) = self.shape.slots.checked_sub(1) else {
            return Ok(None);
        };
        let hash = path_hash(path.as_bytes());
        let mut slot = u32::try_from(hash & u64::from(mask)).unwrap_or_default();
        for _ in 0..self.shape.slots {
            let row = self.row(0, slot, SLOT_BYTES)?;
            let (number, slot_tag) = (u32_at(row, 0), u32_at(row, 4));
            let Some(entry_plus_one) = number.filter(|n| *n != 0) else {
                return Ok(None);
            };
            if slot_tag == Some(tag(hash)) {
                let id = EntryId(entry_plus_one - 1);
                let entry = self.entry(id)?;
                if self.path(&entry)? == path.as_bytes() {
                    return Ok(Some((id, entry)));
                }
            }
            slot = (slot + 1) & mask;
        }
        Ok(None)
    }

    /// The entry with that number.
    pub fn entry(&self, id: EntryId) -> Result<Entry, Damage> {
        if id.0 >= self.shape.entries {
            return Err(Damage::Index);
        }
        decode_entry(self.row(self.entries_at, id.0, ENTRY_BYTES)?).ok_or(Damage::Index)
    }

    /// The path of an entry: UTF-8 as the bundler wrote it.
    pub fn path(&self, entry: &Entry) -> Result<&[u8], Damage> {
        let (offset, length) = (entry.path_offset as usize, usize::from(entry.path_length));
        if offset + length > self.shape.path_bytes as usize {
            return Err(Damage::Index);
        }
        self.blocks.get(self.paths_at + offset, length)
    }

    /// The content with that number.
    pub fn content(&self, id: ContentId) -> Result<Content, Damage> {
        if id.0 >= self.shape.contents {
            return Err(Damage::Index);
        }
        let row = self.row(self.contents_at, id.0, CONTENT_BYTES)?;
        let content = decode_content(row).ok_or(Damage::Index)?;
        let end = content.first_variant.checked_add(content.variant_count);
        if content.variant_count == 0 || end.is_none_or(|end| end > self.shape.variants) {
            return Err(Damage::Index);
        }
        Ok(content)
    }

    /// The stored codings of a content, smallest first.
    pub fn variants<'i>(
        &'i self,
        content: &Content,
    ) -> impl Iterator<Item = Result<(VariantId, Variant), Damage>> + use<'i> {
        let first = content.first_variant;
        (first..first + content.variant_count).map(move |number| {
            let row = self.row(self.variants_at, number, VARIANT_BYTES)?;
            Ok((VariantId(number), decode_variant(row).ok_or(Damage::Index)?))
        })
    }

    /// Checks every block; for `wws inspect --verify`.
    pub fn verify(&self) -> Result<(), Damage> {
        self.blocks.get(0, self.blocks.bytes.len()).map(drop)
    }

    fn row(&self, table_at: usize, number: u32, width: usize) -> Result<&[u8], Damage> {
        self.blocks.get(table_at + number as usize * width, width)
    }
}

/// Bytes that are checked block by block, each before its first use.
#[derive(Debug)]
struct Blocks {
    bytes: Bytes,
    hashes: Bytes,
    hash_of_hashes: ContentHash,
    hashes_checked: AtomicBool,
    checked: Box<[AtomicBool]>,
}

impl Blocks {
    fn new(bytes: Bytes, hashes: Bytes, hash_of_hashes: ContentHash) -> Option<Self> {
        let count = bytes.len().div_ceil(BLOCK);
        (hashes.len() == count * HASH_BYTES).then(|| Self {
            checked: (0..count).map(|_| AtomicBool::new(false)).collect(),
            hashes_checked: AtomicBool::new(false),
            bytes,
            hashes,
            hash_of_hashes,
        })
    }

    /// `length` bytes from `at`, all of whose blocks have been checked.
    fn get(&self, at: usize, length: usize) -> Result<&[u8], Damage> {
        let end = at.checked_add(length).ok_or(Damage::Index)?;
        let range = self.bytes.get(at..end).ok_or(Damage::Index)?;
        if length > 0 {
            for block in at / BLOCK..=(end - 1) / BLOCK {
                if !self.checked[block].load(Ordering::Acquire) {
                    self.check(block)?;
                }
            }
        }
        Ok(range)
    }

    #[cold]
    fn check(&self, block: usize) -> Result<(), Damage> {
        if !self.hashes_checked.load(Ordering::Acquire) {
            if !self.hash_of_hashes.matches(&self.hashes) {
                return Err(Damage::Index);
            }
            self.hashes_checked.store(true, Ordering::Release);
        }
        let start = block * BLOCK;
        let bytes = &self.bytes[start..self.bytes.len().min(start + BLOCK)];
        if self.hashes[block * HASH_BYTES..(block + 1) * HASH_BYTES] != ContentHash::of(bytes).0 {
            return Err(Damage::Index);
        }
        self.checked[block].store(true, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn asset(content: u32) -> Target {
        Target::Asset {
            content: ContentId(content),
            media_type: 3,
            cache: CachePolicy::Immutable,
            fields: FieldSetId::new(content as usize),
        }
    }

    fn open(bytes: &[u8], shape: IndexShape, hashes: &[u8]) -> Option<Index> {
        let hash = ContentHash::of(hashes);
        Index::open(
            Bytes::copy_from_slice(bytes),
            Bytes::copy_from_slice(hashes),
            hash,
            shape,
        )
    }

    fn build(builder: &IndexBuilder) -> Index {
        let (bytes, shape) = builder.build().unwrap();
        open(&bytes, shape, &block_hashes(&bytes)).unwrap()
    }

    #[test]
    fn rows_come_back_as_they_were_added() {
        let mut builder = IndexBuilder::default();
        let variant = |coding| Variant {
            offset: 9,
            length: 5,
            hash: ContentHash::of(b"v"),
            coding,
        };
        let variants = [StoredCoding::Zstd, StoredCoding::Brotli, StoredCoding::Gzip].map(variant);
        let content = builder
            .add_content(77, ContentHash::of(b"c"), &variants)
            .unwrap();
        let text = builder.add_path("/docs/index.html").unwrap();
        let page = builder
            .add_entry(text.prefix("/docs/".len()), asset(content.0))
            .unwrap();
        builder
            .add_entry(text, Target::Redirect { to: page })
            .unwrap();
        builder
            .add_entry(text.prefix("/docs".len()), Target::Worker { worker: 4 })
            .unwrap();
        let index = build(&builder);

        let (id, found) = index.find("/docs/").unwrap().unwrap();
        assert_eq!((id, found.target), (page, asset(content.0)));
        assert_eq!(index.path(&found), Ok(&b"/docs/"[..]));
        let redirect = index.find("/docs/index.html").unwrap().unwrap().1;
        assert_eq!(redirect.target, Target::Redirect { to: page });
        assert_eq!(
            index.find("/docs").unwrap().unwrap().1.target,
            Target::Worker { worker: 4 }
        );
        assert_eq!(index.find("/doc"), Ok(None));
        let row = index.content(content).unwrap();
        assert_eq!((row.length, row.hash), (77, ContentHash::of(b"c")));
        let stored: Vec<Variant> = index.variants(&row).map(|v| v.unwrap().1).collect();
        assert_eq!(stored, variants);
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        assert_eq!(build(&IndexBuilder::default()).find("/"), Ok(None));
    }

    #[test]
    fn a_path_that_no_row_can_hold_is_refused() {
        let mut builder = IndexBuilder::default();
        assert!(builder.add_path(&"x".repeat(PATH_BYTES_MAX)).is_ok());
        let error = builder
            .add_path(&"x".repeat(PATH_BYTES_MAX + 1))
            .unwrap_err();
        assert!(matches!(error, IndexError::PathTooLong { .. }));
    }

    #[test]
    fn a_flipped_bit_is_noticed_where_it_is_used_and_only_there() {
        let mut builder = IndexBuilder::default();
        let names: Vec<String> = (0..3000).map(|n| format!("/{n:04}.html")).collect();
        for name in &names {
            let text = builder.add_path(name).unwrap();
            builder.add_entry(text, asset(0)).unwrap();
        }
        let (mut bytes, shape) = builder.build().unwrap();
        let hashes = block_hashes(&bytes);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let index = open(&bytes, shape, &hashes).unwrap();
        assert!(index.find(&names[0]).unwrap().is_some());
        assert_eq!(index.find(&names[2999]), Err(Damage::Index));
        assert_eq!(index.verify(), Err(Damage::Index));
    }

    proptest! {
        #[test]
        fn it_answers_like_a_map(
            paths in prop::collection::btree_map("/[a-d/]{0,6}", 0u32..50, 0..60),
            asked in prop::collection::vec("/[a-d/]{0,6}", 0..60),
        ) {
            let mut builder = IndexBuilder::default();
            for (path, content) in &paths {
                let text = builder.add_path(path).unwrap();
                builder.add_entry(text, asset(*content)).unwrap();
            }
            let index = build(&builder);
            let model: &BTreeMap<String, u32> = &paths;
            for path in asked.iter().chain(model.keys()) {
                let found = index.find(path).unwrap().map(|(_, entry)| entry.target);
                prop_assert_eq!(found, model.get(path).map(|content| asset(*content)));
            }
        }

        #[test]
        fn arbitrary_tables_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            slots in 0u32..5, entries in 0u32..5, contents in 0u32..3, variants in 0u32..3,
        ) {
            let fixed = slots as usize * SLOT_BYTES + entries as usize * ENTRY_BYTES
                + contents as usize * CONTENT_BYTES + variants as usize * VARIANT_BYTES;
            let path_bytes = u32::try_from(bytes.len().saturating_sub(fixed)).unwrap();
            let shape = IndexShape { slots, entries, contents, variants, path_bytes };
            if let Some(index) = open(&bytes, shape, &block_hashes(&bytes)) {
                let _ = index.find("/");
                for id in 0..entries {
                    let _ = index.entry(EntryId(id)).and_then(|e| index.path(&e).map(<[u8]>::len));
                }
                for id in 0..contents {
                    if let Ok(content) = index.content(ContentId(id)) {
                        let _ = index.variants(&content).collect::<Vec<_>>();
                    }
                }
            }
        }
    }
}
