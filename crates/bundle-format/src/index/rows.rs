//! The rows of the tables, to bytes and back. Their layout is drawn in the parent module.

use super::{
    CachePolicy, Content, ContentId, Entry, EntryId, FieldSetId, StoredCoding, Target, Variant,
};
use crate::hash::ContentHash;
use crate::header::{u32_at, u64_at};

const KIND_ASSET: u8 = 1;
const KIND_REDIRECT: u8 = 2;
const KIND_WORKER: u8 = 3;

pub(super) fn encode_entry(entry: &Entry, bytes: &mut Vec<u8>) {
    let (media_type, target, kind, cache, fields) = match entry.target {
        Target::Asset {
            content,
            media_type,
            cache,
            fields,
        } => (media_type, content.0, KIND_ASSET, cache as u8, fields),
        Target::Redirect { to } => (0, to.0, KIND_REDIRECT, 0, None),
        Target::Worker { worker } => (0, worker, KIND_WORKER, 0, None),
    };
    let fields_plus_one = fields.map_or(0, |fields| fields.0 + 1);
    bytes.extend(entry.path_offset.to_le_bytes());
    bytes.extend(entry.path_length.to_le_bytes());
    bytes.extend(media_type.to_le_bytes());
    bytes.extend(target.to_le_bytes());
    bytes.extend([kind, cache]);
    bytes.extend(fields_plus_one.to_le_bytes());
}

pub(super) fn decode_entry(row: &[u8]) -> Option<Entry> {
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
            fields: u16_at(14)?.checked_sub(1).map(FieldSetId),
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

pub(super) fn encode_content(content: &Content, bytes: &mut Vec<u8>) {
    bytes.extend(content.length.to_le_bytes());
    bytes.extend(content.hash.0);
    bytes.extend(content.first_variant.to_le_bytes());
    bytes.extend(content.variant_count.to_le_bytes());
}

pub(super) fn decode_content(row: &[u8]) -> Option<Content> {
    Some(Content {
        length: u64_at(row, 0)?,
        hash: ContentHash(row.get(8..24)?.try_into().ok()?),
        first_variant: u32_at(row, 24)?,
        variant_count: u32_at(row, 28)?,
    })
}

pub(super) fn encode_variant(variant: &Variant, bytes: &mut Vec<u8>) {
    bytes.extend(variant.offset.to_le_bytes());
    bytes.extend(variant.length.to_le_bytes());
    bytes.extend(variant.hash.0);
    bytes.extend([variant.coding as u8, 0, 0, 0, 0, 0, 0, 0]);
}

pub(super) fn decode_variant(row: &[u8]) -> Option<Variant> {
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
