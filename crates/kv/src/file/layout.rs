//! What stands in the file, as bytes.
//!
//! | table        | key                      | value                                       |
//! |--------------|--------------------------|---------------------------------------------|
//! | `wws-kv`     | `format`                 | the version of this layout, 8 bytes         |
//! | `namespaces` | name                     | version, and bytes of all entries, 8 each   |
//! | `entries`    | name, a byte 0xFF, key   | the value                                   |
//!
//! Numbers are big-endian. All tables have the same types, since each pair of types is another copy
//! of the code of `redb`. A name is UTF-8, in which there is no byte 0xFF: so no key of one
//! namespace begins as those of another do, and within a namespace the order is that of the keys.

use redb::{TableDefinition, TableHandle, TypeName, Value};

/// The version of the layout above. Format 1 had other types.
pub(super) const FORMAT: u64 = 2;
pub(super) const FORMAT_KEY: &[u8] = b"format";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const FORMAT_TABLE: Definition = TableDefinition::new("wws-kv");
pub(super) const NAMESPACES: Definition = TableDefinition::new("namespaces");
pub(super) const ENTRIES: Definition = TableDefinition::new("entries");

const NAME_END: u8 = 0xff;

/// Whether a table with these types is the one that said `format` in format 1.
pub(super) fn is_format_1(table: &str, key: &TypeName, value: &TypeName) -> bool {
    table == FORMAT_TABLE.name() && *key == <&str>::type_name() && *value == u64::type_name()
}

/// Where the keys of a namespace stand in `entries`.
pub(super) struct Place {
    /// The name and its end, and room for a key.
    bytes: Vec<u8>,
    start: usize,
}

impl Place {
    pub(super) fn new(namespace: &str) -> Self {
        let mut bytes = namespace.as_bytes().to_vec();
        bytes.push(NAME_END);
        Self {
            start: bytes.len(),
            bytes,
        }
    }

    /// Where a key stands, or where all keys with a prefix begin.
    pub(super) fn of(&mut self, key: &[u8]) -> &[u8] {
        self.bytes.truncate(self.start);
        self.bytes.extend_from_slice(key);
        &self.bytes
    }

    /// The key that stands there; `None` if it is another namespace's.
    pub(super) fn key<'a>(&self, at: &'a [u8]) -> Option<&'a [u8]> {
        at.strip_prefix(&self.bytes[..self.start])
    }
}

/// What is known of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) version: u64,
    /// Of all entries, keys and values.
    pub(super) bytes: u64,
}

impl Row {
    pub(super) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.version) << 64 | u128::from(self.bytes)).to_be_bytes()
    }

    /// `None` if it is no row.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_at_checked(8)?;
        Some(Self {
            version: number(version)?,
            bytes: number(bytes)?,
        })
    }
}

/// A number of 8 bytes.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().map(u64::from_be_bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_is_16_bytes_or_none() {
        let row = Row {
            version: 1,
            bytes: u64::MAX - 1,
        };
        let bytes = row.to_bytes();
        assert_eq!(
            bytes,
            *b"\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xfe"
        );
        assert_eq!(Row::from_bytes(&bytes), Some(row));
        for length in (0..16).chain([17]) {
            let other = &[&bytes[..], b"x"].concat()[..length];
            assert_eq!(Row::from_bytes(other), None);
        }
    }

    /// Names and keys of few different bytes, so that they get into each other's way.
    fn close_name() -> impl Strategy<Value = String> {
        "[a\u{0}\u{ff}\u{10ffff}]{0,3}"
    }

    fn close_key() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![Just(0), Just(b'a'), Just(0xfe), Just(0xff), any::<u8>()];
        proptest::collection::vec(bytes, 0..4)
    }

    proptest! {
        #[test]
        fn keys_keep_their_order_and_namespaces_their_distance(
            names in [close_name(), close_name()],
            keys in [close_key(), close_key()],
        ) {
            let [mut one, mut other] = names.each_ref().map(|name| Place::new(name));
            let (first, second) = (one.of(&keys[0]).to_vec(), one.of(&keys[1]).to_vec());
            prop_assert_eq!(first.cmp(&second), keys[0].cmp(&keys[1]));
            prop_assert_eq!(one.key(&first), Some(&keys[0][..]));
            if names[0] != names[1] {
                let elsewhere = other.of(&keys[1]).to_vec();
                prop_assert_eq!(one.key(&elsewhere), None);
                prop_assert_eq!(other.key(&first), None);
            }
        }
    }
}
