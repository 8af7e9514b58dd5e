//! Hashes that catch damage: the first 128 bits of BLAKE3.
//!
//! They guard against bad disks and cut copies, not against an attacker: who can edit the
//! executable can also write new hashes into it.

use serde::{Deserialize, Serialize};

/// The length of a [`ContentHash`] in a file.
pub const HASH_BYTES: usize = 16;

/// The first 128 bits of the BLAKE3 hash of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; HASH_BYTES]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_full(&blake3::hash(bytes))
    }

    /// Shortens a full BLAKE3 hash, for callers that hashed piece by piece.
    pub fn from_full(full: &blake3::Hash) -> Self {
        let mut short = [0; HASH_BYTES];
        short.copy_from_slice(&full.as_bytes()[..HASH_BYTES]);
        Self(short)
    }

    /// Whether `bytes` are what this hash was made of.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Self::of(bytes) == *self
    }
}

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
