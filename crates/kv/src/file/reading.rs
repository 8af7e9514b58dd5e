//! Reads, each of one state of the file.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use redb::{Database, ReadableDatabase};

use crate::file::handle::disk;
use crate::file::{ENTRIES, NAMESPACES};
use crate::namespace::{Listing, add_to_answer};
use crate::{KvError, Page, Snapshot};

pub(super) fn get(
    database: &Database,
    namespace: &str,
    key: &[u8],
) -> Result<Option<Bytes>, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let entries = reading.open_table(ENTRIES).map_err(disk)?;
    let value = entries.get((namespace, key)).map_err(disk)?;
    Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
}

pub(super) fn get_many(
    database: &Database,
    namespace: &str,
    keys: &[Bytes],
) -> Result<Vec<Option<Bytes>>, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let entries = reading.open_table(ENTRIES).map_err(disk)?;
    let mut bytes = 0;
    keys.iter()
        .map(|key| {
            let value = entries.get((namespace, &key[..])).map_err(disk)?;
            let value = value.map(|value| Bytes::copy_from_slice(value.value()));
            bytes = add_to_answer(bytes, value.as_ref())?;
            Ok(value)
        })
        .collect()
}

pub(super) fn list(
    database: &Database,
    namespace: &str,
    listing: &Listing,
) -> Result<Page, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let entries = reading.open_table(ENTRIES).map_err(disk)?;
    let start = match &listing.after {
        Some(after) if *after >= listing.prefix => Bound::Excluded((namespace, &after[..])),
        _ => Bound::Included((namespace, &listing.prefix[..])),
    };
    let mut keys = Vec::new();
    let range = entries
        .range::<(&str, &[u8])>((start, Bound::Unbounded))
        .map_err(disk)?;
    for entry in range {
        let (at, _) = entry.map_err(disk)?;
        let (name, key) = at.value();
        let is_listed = name == namespace && key.starts_with(&listing.prefix);
        if !is_listed || keys.len() > listing.limit {
            break;
        }
        keys.push(Bytes::copy_from_slice(key));
    }
    Ok(Page::of(keys, listing.limit))
}

pub(super) fn snapshot(
    database: &Database,
    namespace: &str,
    bytes_max: u64,
) -> Result<Snapshot, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let namespaces = reading.open_table(NAMESPACES).map_err(disk)?;
    let row = namespaces.get(namespace).map_err(disk)?;
    let (version, bytes) = row.map_or((0, 0), |row| row.value());
    if bytes > bytes_max {
        return Err(KvError::SnapshotTooLarge { limit: bytes_max });
    }
    let table = reading.open_table(ENTRIES).map_err(disk)?;
    let mut entries = BTreeMap::new();
    let start: (&str, &[u8]) = (namespace, b"");
    for entry in table.range(start..).map_err(disk)? {
        let (at, value) = entry.map_err(disk)?;
        let (name, key) = at.value();
        if name != namespace {
            break;
        }
        entries.insert(
            Bytes::copy_from_slice(key),
            Bytes::copy_from_slice(value.value()),
        );
    }
    Ok(Snapshot { entries, version })
}
