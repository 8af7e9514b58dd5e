//! The first bytes of a bundle: what it is, how long, and where its sections lie.
//!
//! | offset | bytes | field                                             |
//! |-------:|------:|---------------------------------------------------|
//! |      0 |     8 | magic                                             |
//! |      8 |     4 | format version                                    |
//! |     12 |     4 | number of sections                                |
//! |     16 |     8 | length of the bundle                              |
//! |     24 |    16 | hash of everything before it and the section table |
//! |     40 | 40 each | section table                                   |
//!
//! A section: kind (4), zero (4), offset (8), length (8), hash (16). The hash of a section whose
//! parts carry hashes of their own (contents, native code, index) is zero.

use crate::hash::{ContentHash, HASH_BYTES};
use crate::{FORMAT_VERSION, MAGIC};

const VERSION_AT: usize = MAGIC.len();
const COUNT_AT: usize = VERSION_AT + size_of::<u32>();
const LENGTH_AT: usize = COUNT_AT + size_of::<u32>();
const HASH_AT: usize = LENGTH_AT + size_of::<u64>();
const SECTIONS_AT: usize = HASH_AT + HASH_BYTES;
const SECTION_BYTES: usize = 2 * size_of::<u32>() + 2 * size_of::<u64>() + HASH_BYTES;

const KINDS_COUNT: u32 = 6;

/// The kinds of section, in the order in which they lie in the section table.
pub const KINDS: [SectionKind; KINDS_COUNT as usize] = [
    SectionKind::Contents,
    SectionKind::NativeCode,
    SectionKind::Index,
    SectionKind::BlockHashes,
    SectionKind::Meta,
    SectionKind::Rules,
];

/// How many bytes the header and the section table take.
pub const HEADER_BYTES: usize = SECTIONS_AT + KINDS.len() * SECTION_BYTES;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// The bytes of the assets, each in one or more codings.
    Contents,
    /// The machine code of the workers.
    NativeCode,
    /// Paths, and what each leads to.
    Index,
    /// One hash for each block of the index.
    BlockHashes,
    /// The small rest, as postcard.
    Meta,
    /// What the site says of its paths, as postcard.
    Rules,
}

impl SectionKind {
    const fn number(self) -> u32 {
        match self {
            Self::Contents => 1,
            Self::NativeCode => 2,
            Self::Index => 3,
            Self::BlockHashes => 4,
            Self::Meta => 5,
            Self::Rules => 6,
        }
    }
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// From the first byte of the bundle.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
    /// Zero where the parts carry their own.
    pub hash: ContentHash,
}

impl Section {
    /// A section whose parts carry hashes of their own.
    pub const fn of_hashed_parts(offset: u64, length: u64) -> Self {
        Self {
            offset,
            length,
            hash: ContentHash([0; HASH_BYTES]),
        }
    }
}

/// A checked header: every section lies inside `length`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Of the whole bundle, in bytes.
    pub length: u64,
    sections: [Section; KINDS.len()],
}

/// Why the first bytes are no header of a bundle that this version can read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Too short, or another magic.
    #[error("there is no bundle here; was this file made by `wws bundle`?")]
    NoBundle,
    /// Another format version.
    #[error(
        "the bundle has format version {found}, this program reads version {FORMAT_VERSION}; \
         bundle the site again with the wws that this program came from"
    )]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The hash does not fit, or a section lies outside.
    #[error("the header of the bundle is damaged; copy the file again")]
    Damaged,
}

impl Header {
    /// A header for `sections`, given in the order of [`KINDS`].
    pub fn new(length: u64, sections: [Section; KINDS.len()]) -> Self {
        Self { length, sections }
    }

    /// Where the section of that kind lies.
    pub fn section(&self, kind: SectionKind) -> Section {
        self.sections[kind as usize]
    }

    /// The bytes of this header, [`HEADER_BYTES`] long.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend(KINDS_COUNT.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend([0; HASH_BYTES]);
        for (kind, section) in KINDS.iter().zip(&self.sections) {
            bytes.extend(kind.number().to_le_bytes());
            bytes.extend(0u32.to_le_bytes());
            bytes.extend(section.offset.to_le_bytes());
            bytes.extend(section.length.to_le_bytes());
            bytes.extend(section.hash.0);
        }
        let hash = header_hash(&bytes);
        bytes[HASH_AT..SECTIONS_AT].copy_from_slice(&hash.0);
        bytes
    }

    /// Reads and checks a header from the first bytes of a bundle.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        if !bytes.starts_with(&MAGIC) || bytes.len() < SECTIONS_AT {
            return Err(HeaderError::NoBundle);
        }
        let version = u32_at(bytes, VERSION_AT).ok_or(HeaderError::Damaged)?;
        if version != FORMAT_VERSION {
            return Err(HeaderError::Version { found: version });
        }
        let bytes = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Damaged)?;
        if u32_at(bytes, COUNT_AT) != Some(KINDS_COUNT)
            || bytes[HASH_AT..SECTIONS_AT] != header_hash(bytes).0
        {
            return Err(HeaderError::Damaged);
        }
        let length = u64_at(bytes, LENGTH_AT).ok_or(HeaderError::Damaged)?;
        let mut sections = [Section::of_hashed_parts(0, 0); KINDS.len()];
        for (place, (kind, section)) in KINDS.iter().zip(&mut sections).enumerate() {
            let at = SECTIONS_AT + place * SECTION_BYTES;
            *section = decode_section(bytes, at, *kind, length).ok_or(HeaderError::Damaged)?;
        }
        Ok(Self { length, sections })
    }
}

fn decode_section(bytes: &[u8], at: usize, kind: SectionKind, length: u64) -> Option<Section> {
    if u32_at(bytes, at)? != kind.number() {
        return None;
    }
    let offset_at = at + 2 * size_of::<u32>();
    let length_at = offset_at + size_of::<u64>();
    let hash_at = length_at + size_of::<u64>();
    let section = Section {
        offset: u64_at(bytes, offset_at)?,
        length: u64_at(bytes, length_at)?,
        hash: ContentHash(bytes.get(hash_at..hash_at + HASH_BYTES)?.try_into().ok()?),
    };
    // The end must not overflow before it is compared.
    (section.offset.checked_add(section.length)? <= length).then_some(section)
}

/// Covers all bytes but the hash itself.
fn header_hash(bytes: &[u8]) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..HASH_AT]);
    hasher.update(&bytes[SECTIONS_AT..]);
    ContentHash::from_full(&hasher.finalize())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Header {
        let mut sections = [Section::of_hashed_parts(512, 100); KINDS.len()];
        sections[4].hash = ContentHash::of(b"meta");
        Header::new(4096, sections)
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        assert_eq!(Header::decode(&example().encode()), Ok(example()));
        assert_eq!(example().encode().len(), HEADER_BYTES);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = example().encode();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_short_or_foreign_start_is_refused_in_words() {
        assert_eq!(Header::decode(b""), Err(HeaderError::NoBundle));
        assert_eq!(Header::decode(b"\x7fELF"), Err(HeaderError::NoBundle));
        let good = example().encode();
        assert_eq!(
            Header::decode(&good[..HEADER_BYTES - 1]),
            Err(HeaderError::Damaged)
        );
        let mut other = good;
        other[VERSION_AT] = 9;
        assert_eq!(
            Header::decode(&other),
            Err(HeaderError::Version { found: 9 })
        );
    }

    #[test]
    fn a_section_outside_the_bundle_is_refused() {
        for (offset, length) in [(4000, 97), (u64::MAX, 2), (5000, 0)] {
            let mut header = example();
            header.sections[2] = Section::of_hashed_parts(offset, length);
            assert_eq!(Header::decode(&header.encode()), Err(HeaderError::Damaged));
        }
    }
}
