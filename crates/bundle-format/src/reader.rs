//! An opened bundle.
//!
//! Opening checks the header, the section table and the meta section; all else is checked when it
//! is first used, and what has been checked once is not checked again.

use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::header::{HEADER_BYTES, Header, HeaderError, Section, SectionKind};
use crate::index::{Content, Entry, EntryId, Index, StoredCoding, Target, Variant, VariantId};
use crate::meta::{CodeRecord, Meta};
use crate::rules::SiteRules;

/// A bundle whose header and meta section are good.
#[derive(Debug)]
pub struct Bundle {
    bytes: Bytes,
    header: Header,
    meta: Meta,
    index: Index,
    checked_variants: CheckedSet,
}

/// Why bytes could not be opened as a bundle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// See [`HeaderError`].
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Fewer bytes than the header says.
    #[error("the bundle ends after {actual} of {expected} bytes; copy the file again")]
    Truncated {
        /// What the header says.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// The meta section is not what was written, or does not fit the sections.
    #[error("the bundle's description of itself is damaged; copy the file again")]
    Meta,
}

/// Stored bytes are not what was written.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum Damage {
    /// A block of the index, or a row that points nowhere.
    #[error("the index of the bundle is damaged; copy the file again")]
    Index,
    /// The bytes of an asset.
    #[error("the stored bytes at {offset} of the bundle are damaged; copy the file again")]
    Content {
        /// From the first byte of the bundle.
        offset: u64,
    },
    /// The rules of the site.
    #[error("the rules of the bundle are damaged; copy the file again")]
    Rules,
    /// The machine code of a worker.
    #[error("the native code at {offset} of the bundle is damaged; copy the file again")]
    NativeCode {
        /// From the first byte of the bundle.
        offset: u64,
    },
}

impl Bundle {
    /// Opens a bundle. `bytes` may be longer than it. Costs the same whatever its size.
    pub fn open(mut bytes: Bytes) -> Result<Self, OpenError> {
        let header = Header::decode(&bytes)?;
        let actual = bytes.len() as u64;
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if length > bytes.len() || length < HEADER_BYTES {
            return Err(OpenError::Truncated {
                expected: header.length,
                actual,
            });
        }
        bytes.truncate(length);
        let section = |kind| section_bytes(&bytes, header.section(kind)).ok_or(OpenError::Meta);
        let meta_bytes = section(SectionKind::Meta)?;
        if !header.section(SectionKind::Meta).hash.matches(&meta_bytes) {
            return Err(OpenError::Meta);
        }
        let meta = Meta::decode(&meta_bytes).map_err(|_| OpenError::Meta)?;
        let hash = header.section(SectionKind::BlockHashes).hash;
        let hashes = section(SectionKind::BlockHashes)?;
        let index = Index::open(section(SectionKind::Index)?, hashes, hash, meta.index)
            .ok_or(OpenError::Meta)?;
        let checked_variants = CheckedSet::new(meta.index.variants);
        Ok(Self {
            bytes,
            header,
            meta,
            index,
            checked_variants,
        })
    }

    /// What the bundle says of itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its paths.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The rules of the site, hashed and read on every call.
    pub fn rules(&self) -> Result<SiteRules, Damage> {
        let section = self.header.section(SectionKind::Rules);
        let bytes = section_bytes(&self.bytes, section)
            .filter(|bytes| section.hash.matches(bytes))
            .ok_or(Damage::Rules)?;
        SiteRules::decode(&bytes).map_err(|_| Damage::Rules)
    }

    /// Its whole length, in bytes.
    pub fn length(&self) -> u64 {
        self.header.length
    }

    /// Where a section lies.
    pub fn section(&self, kind: SectionKind) -> Section {
        self.header.section(kind)
    }

    /// The entry that a redirect ends at: itself if it is none. One step, since a redirect to a
    /// redirect is never written.
    pub fn resolve(&self, entry: Entry) -> Result<Entry, Damage> {
        match entry.target {
            Target::Redirect { to } => self.index.entry(to),
            Target::Asset { .. } | Target::Worker { .. } => Ok(entry),
        }
    }

    /// The path of an entry.
    pub fn path(&self, id: EntryId) -> Result<&str, Damage> {
        let entry = self.index.entry(id)?;
        std::str::from_utf8(self.index.path(&entry)?).map_err(|_| Damage::Index)
    }

    /// The stored bytes of a variant, hashed before their first use.
    pub fn variant_bytes(&self, id: VariantId, variant: &Variant) -> Result<Bytes, Damage> {
        let damage = Damage::Content {
            offset: variant.offset,
        };
        let bytes = self.range(variant.offset, variant.length).ok_or(damage)?;
        if !self.checked_variants.contains(id.0) {
            if !variant.hash.matches(&bytes) {
                return Err(damage);
            }
            self.checked_variants.insert(id.0);
        }
        Ok(bytes)
    }

    /// Whether the stored bytes of a variant have been hashed already.
    pub fn is_checked(&self, id: VariantId) -> bool {
        self.checked_variants.contains(id.0)
    }

    /// The variant that the plain bytes are made from: the raw one, or else the zstd one.
    pub fn plain_source(&self, content: &Content) -> Result<(VariantId, Variant), Damage> {
        let mut best = None;
        for variant in self.index.variants(content) {
            let (id, variant) = variant?;
            match variant.coding {
                StoredCoding::Raw => return Ok((id, variant)),
                StoredCoding::Zstd => best = Some((id, variant)),
                StoredCoding::Brotli | StoredCoding::Gzip => {}
            }
        }
        best.ok_or(Damage::Index)
    }

    /// The stored bytes of a worker's machine code, hashed on every call.
    pub fn code_bytes(&self, code: &CodeRecord) -> Result<Bytes, Damage> {
        self.range(code.offset, code.stored_bytes)
            .filter(|bytes| code.hash.matches(bytes))
            .ok_or(Damage::NativeCode {
                offset: code.offset,
            })
    }

    fn range(&self, offset: u64, length: u64) -> Option<Bytes> {
        section_bytes(&self.bytes, Section::of_hashed_parts(offset, length))
    }
}

fn section_bytes(bytes: &Bytes, section: Section) -> Option<Bytes> {
    let start = usize::try_from(section.offset).ok()?;
    let end = start.checked_add(usize::try_from(section.length).ok()?)?;
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// A set of row numbers, one bit each.
#[derive(Debug)]
struct CheckedSet(Box<[AtomicU64]>);

impl CheckedSet {
    fn new(count: u32) -> Self {
        Self(
            (0..count.div_ceil(u64::BITS))
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }

    fn place(&self, number: u32) -> Option<(&AtomicU64, u64)> {
        let word = self.0.get((number / u64::BITS) as usize)?;
        Some((word, 1 << (number % u64::BITS)))
    }

    fn contains(&self, number: u32) -> bool {
        self.place(number)
            .is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    fn insert(&self, number: u32) {
        if let Some((word, bit)) = self.place(number) {
            word.fetch_or(bit, Ordering::Release);
        }
    }
}
