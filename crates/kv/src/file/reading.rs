//! Reads, each of one state of the file.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::file::handle::{damaged, disk};
use crate::file::layout::{ENTRIES, NAMESPACES, Place, Row};
use crate::namespace::{Listing, add_to_answer};
use crate::{KvError, Page, Snapshot};

pub(super) fn get(
    database: &Database,
    namespace: &str,
    key: &[u8],
) -> Result<Option<Bytes>, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let entries = reading.open_table(ENTRIES).map_err(disk)?;
    let value = entries.get(Place::new(namespace).of(key)).map_err(disk)?;
    Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
}

pub(super) fn get_many(
    database: &Database,
    namespace: &str,
    keys: &[Bytes],
) -> Result<Vec<Option<Bytes>>, KvError> {
    let reading = database.begin_read().map_err(disk)?;
    let entries = reading.open_table(ENTRIES).map_err(disk)?;
    let (mut place, mut bytes) = (Place::new(namespace), 0);
    keys.iter()
        .map(|key| {
            let value = entries.get(place.of(key)).map_err(disk)?;
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
    let mut place = Place::new(namespace);
    let start = match &listing.after {
        Some(after) if *after >= listing.prefix => Bound::Excluded(place.of(after)),
        _ => Bound::Included(place.of(&listing.prefix)),
    };
    let range = entries
        .range::<&[u8]>((start, Bound::Unbounded))
        .map_err(disk)?;
    let mut keys = Vec::new();
    for entry in range {
        let (at, _) = entry.map_err(disk)?;
        let key = place.key(at.value());
        let Some(key) = key.filter(|key| key.starts_with(&listing.prefix)) else {
            break;
        };
        if keys.len() > listing.limit {
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
    let Row { version, bytes } = row(&namespaces, namespace)?;
    if bytes > bytes_max {
        return Err(KvError::SnapshotTooLarge { limit: bytes_max });
    }
    let table = reading.open_table(ENTRIES).map_err(disk)?;
    let mut entries = BTreeMap::new();
    let mut place = Place::new(namespace);
    let range = table.range::<&[u8]>(place.of(b"")..).map_err(disk)?;
    for entry in range {
        let (at, value) = entry.map_err(disk)?;
        let Some(key) = place.key(at.value()) else {
            break;
        };
        entries.insert(
            Bytes::copy_from_slice(key),
            Bytes::copy_from_slice(value.value()),
        );
    }
    Ok(Snapshot { entries, version })
}

/// Version and bytes of a namespace.
pub(super) fn row(
    namespaces: &impl ReadableTable<&'static [u8], &'static [u8]>,
    namespace: &str,
) -> Result<Row, KvError> {
    let Some(row) = namespaces.get(namespace.as_bytes()).map_err(disk)? else {
        return Ok(Row::default());
    };
    let bytes = row.value();
    Row::from_bytes(bytes).ok_or_else(|| damaged(format!("a row of {} bytes", bytes.len())))
}
