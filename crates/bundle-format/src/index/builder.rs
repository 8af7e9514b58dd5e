//! Collects paths and contents, and writes the tables of an index.

use super::rows::{encode_content, encode_entry, encode_variant};
use super::{
    BLOCK, Content, ContentId, Entry, EntryId, PATH_BYTES_MAX, Target, Variant, path_hash, tag,
};
use crate::hash::ContentHash;
use crate::meta::IndexShape;

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
