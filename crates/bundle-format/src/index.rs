//! Paths and what each leads to, searched in place in mapped memory.
//!
//! The index is five tables of fixed-width rows, one behind the other, their lengths in
//! [`IndexShape`](crate::meta::IndexShape):
//!
//! | table    | row                                                                        | bytes |
//! |----------|----------------------------------------------------------------------------|------:|
//! | slots    | entry number + 1 (4), upper half of the path's hash (4); zero: empty       |     8 |
//! | entries  | path offset (4), path length (2), media type (2), target (4), kind (1), cache (1), zero (2) | 16 |
//! | contents | length (8), hash (16), first variant (4), number of variants (4)           |    32 |
//! | variants | offset in the bundle (8), length (8), hash (16), coding (1), zero (7)      |    40 |
//! | paths    | the bytes of all paths; entries share bytes where one is a prefix          |     1 |
//!
//! A path is looked up by its xxh3 hash: the lower bits choose a slot, and on a miss the next one
//! is tried until an empty one. The bundle is cut into blocks of [`BLOCK`] bytes, each checked
//! against its hash before its first use, so that the cost of opening does not grow with the site.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hash::{ContentHash, HASH_BYTES};
use crate::header::{u32_at, u64_at};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// Asked for again on every use: pages and data.
    NoCache,
    /// Kept, but checked before each use.
    Revalidate,
    /// Its name holds a hash of its contents: kept for a year, never checked (RFC 8246).
    Immutable,
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

/// Collects paths and contents, and writes the tables.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    entries: Vec<Entry>,
    contents: Vec<Content>,
    variants: Vec<Variant>,
    paths: Vec<u8>,
}

/// Why a site does not fit into an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A path that no request line could carry.
    #[error("the path {path:?} is longer than {PATH_BYTES_MAX} bytes")]
    PathTooLong {
        /// The path.
        path: String,
    },
    /// A table that 32 bits cannot number.
    #[error("the site has more files than a bundle can number (4 billion bytes of paths)")]
    TooLarge,
}

impl IndexBuilder {
    /// Stores the text of a path; entries for its prefixes may share it.
    pub fn add_path(&mut self, path: &str) -> Result<PathText, IndexError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(IndexError::PathTooLong {
                path: path.to_owned(),
            });
        }
        let offset = u32::try_from(self.paths.len()).map_err(|_| IndexError::TooLarge)?;
        self.paths.extend(path.as_bytes());
        let length = u16::try_from(path.len()).map_err(|_| IndexError::TooLarge)?;
        Ok(PathText { offset, length })
    }

    /// Adds an entry for a stored path.
    pub fn add_entry(&mut self, path: PathText, target: Target) -> Result<EntryId, IndexError> {
        let id = u32::try_from(self.entries.len()).map_err(|_| IndexError::TooLarge)?;
        let PathText {
            offset: path_offset,
            length: path_length,
        } = path;
        self.entries.push(Entry {
            path_offset,
            path_length,
            target,
        });
        Ok(EntryId(id))
    }

    /// Adds a content with its stored codings, at least one.
    pub fn add_content(
        &mut self,
        length: u64,
        hash: ContentHash,
        variants: &[Variant],
    ) -> Result<ContentId, IndexError> {
        let id = u32::try_from(self.contents.len()).map_err(|_| IndexError::TooLarge)?;
        let first_variant = u32::try_from(self.variants.len()).map_err(|_| IndexError::TooLarge)?;
        let variant_count = u32::try_from(variants.len()).map_err(|_| IndexError::TooLarge)?;
        self.variants.extend(variants);
        self.contents.push(Content {
            length,
            hash,
            first_variant,
            variant_count,
        });
        Ok(ContentId(id))
    }

    /// The bytes of all tables and their shape. Of two entries for one path the first is found.
    pub fn build(&self) -> Result<(Vec<u8>, IndexShape), IndexError> {
        let count = |n: usize| u32::try_from(n).map_err(|_| IndexError::TooLarge);
        let slots = self.slots()?;
        let shape = IndexShape {
            slots: count(slots.len())?,
            entries: count(self.entries.len())?,
            contents: count(self.contents.len())?,
            variants: count(self.variants.len())?,
            path_bytes: count(self.paths.len())?,
        };
        let mut bytes = Vec::new();
        for (number, tag) in slots {
            bytes.extend(number.to_le_bytes());
            bytes.extend(tag.to_le_bytes());
        }
        self.entries
            .iter()
            .for_each(|entry| encode_entry(entry, &mut bytes));
        self.contents
            .iter()
            .for_each(|content| encode_content(content, &mut bytes));
        self.variants
            .iter()
            .for_each(|variant| encode_variant(variant, &mut bytes));
        bytes.extend(&self.paths);
        Ok((bytes, shape))
    }

    /// The hash table, at most half full.
    fn slots(&self) -> Result<Vec<(u32, u32)>, IndexError> {
        let count = match self.entries.len() {
            0 => 0,
            n => (2 * n)
                .checked_next_power_of_two()
                .ok_or(IndexError::TooLarge)?,
        };
        let mut slots = vec![(0, 0); count];
        for (place, entry) in self.entries.iter().enumerate() {
            let start = entry.path_offset as usize;
            let hash = path_hash(&self.paths[start..start + usize::from(entry.path_length)]);
            let mask = count as u64 - 1;
            let mut slot = usize::try_from(hash & mask).map_err(|_| IndexError::TooLarge)?;
            while slots[slot].0 != 0 {
                slot = (slot + 1) & (count - 1);
            }
            let number = u32::try_from(place + 1).map_err(|_| IndexError::TooLarge)?;
            slots[slot] = (number, tag(hash));
        }
        Ok(slots)
    }
}

/// Where the text of a path was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathText {
    offset: u32,
    length: u16,
}

impl PathText {
    /// The first `length` bytes of this path, or all of it if it is shorter.
    pub fn prefix(self, length: usize) -> Self {
        let length = u16::try_from(length).unwrap_or(u16::MAX).min(self.length);
        Self { length, ..self }
    }
}

/// One hash for each block of `index`: the section of block hashes.
pub fn block_hashes(index: &[u8]) -> Vec<u8> {
    index
        .chunks(BLOCK)
        .flat_map(|block| ContentHash::of(block).0)
        .collect()
}

const KIND_ASSET: u8 = 1;
const KIND_REDIRECT: u8 = 2;
const KIND_WORKER: u8 = 3;

fn encode_entry(entry: &Entry, bytes: &mut Vec<u8>) {
    let (media_type, target, kind, cache) = match entry.target {
        Target::Asset {
            content,
            media_type,
            cache,
        } => (media_type, content.0, KIND_ASSET, cache as u8),
        Target::Redirect { to } => (0, to.0, KIND_REDIRECT, 0),
        Target::Worker { worker } => (0, worker, KIND_WORKER, 0),
    };
    bytes.extend(entry.path_offset.to_le_bytes());
    bytes.extend(entry.path_length.to_le_bytes());
    bytes.extend(media_type.to_le_bytes());
    bytes.extend(target.to_le_bytes());
    bytes.extend([kind, cache, 0, 0]);
}

fn decode_entry(row: &[u8]) -> Option<Entry> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(row.get(at..at + 2)?.try_into().ok()?));
    let target = u32_at(row, 8)?;
    let target = match *row.get(12)? {
        KIND_ASSET => Target::Asset {
            content: ContentId(target),
            media_type: u16_at(6)?,
            cache: match *row.get(13)? {
                0 => CachePolicy::NoCache,
                1 => CachePolicy::Revalidate,
                2 => CachePolicy::Immutable,
                _ => return None,
            },
        },
        KIND_REDIRECT => Target::Redirect {
            to: EntryId(target),
        },
        KIND_WORKER => Target::Worker { worker: target },
        _ => return None,
    };
    Some(Entry {
        path_offset: u32_at(row, 0)?,
        path_length: u16_at(4)?,
        target,
    })
}

fn encode_content(content: &Content, bytes: &mut Vec<u8>) {
    bytes.extend(content.length.to_le_bytes());
    bytes.extend(content.hash.0);
    bytes.extend(content.first_variant.to_le_bytes());
    bytes.extend(content.variant_count.to_le_bytes());
}

fn decode_content(row: &[u8]) -> Option<Content> {
    Some(Content {
        length: u64_at(row, 0)?,
        hash: ContentHash(row.get(8..24)?.try_into().ok()?),
        first_variant: u32_at(row, 24)?,
        variant_count: u32_at(row, 28)?,
    })
}

fn encode_variant(variant: &Variant, bytes: &mut Vec<u8>) {
    bytes.extend(variant.offset.to_le_bytes());
    bytes.extend(variant.length.to_le_bytes());
    bytes.extend(variant.hash.0);
    bytes.extend([variant.coding as u8, 0, 0, 0, 0, 0, 0, 0]);
}

fn decode_variant(row: &[u8]) -> Option<Variant> {
    Some(Variant {
        offset: u64_at(row, 0)?,
        length: u64_at(row, 8)?,
        hash: ContentHash(row.get(16..32)?.try_into().ok()?),
        coding: match *row.get(32)? {
            0 => StoredCoding::Raw,
            1 => StoredCoding::Zstd,
            2 => StoredCoding::Brotli,
            3 => StoredCoding::Gzip,
            _ => return None,
        },
    })
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
