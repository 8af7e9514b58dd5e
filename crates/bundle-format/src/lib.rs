//! The file format of a bundle: bytes to types and back.
//!
//! ```text
//! executable:  ELF stub │ bundle │ section names │ section headers
//!                        ╰ one read-only PT_LOAD segment, mapped by the kernel at exec ([`elf`])
//!
//! bundle:      header and section table          [`header`]   checked when the bundle is opened
//!              contents                                       each checked on first use
//!              native code, page aligned where raw            each checked when it is loaded
//!              index                             [`index`]    each block checked on first use
//!              block hashes of the index                      checked on first use
//!              meta (postcard)                   [`meta`]     checked when the bundle is opened
//!              rules (postcard)                  [`rules`]    checked on first use
//! ```
//!
//! Integers are little-endian. Offsets count from the first byte of the bundle. Opening a bundle
//! costs the same whatever its size: no path is read, no map is built, nothing large is hashed.
//!
//! Not here: reading or writing files, codecs, HTTP, the engine. No function of this crate panics,
//! whatever bytes it is given.

pub mod elf;
pub mod hash;
pub mod header;
pub mod index;
pub mod meta;
pub mod reader;
pub mod route;
pub mod rules;

pub use hash::ContentHash;
pub use meta::Meta;
pub use reader::{Bundle, Damage, OpenError};
pub use route::{RouteError, RoutePattern};
pub use rules::SiteRules;

/// The first eight bytes of every bundle.
pub const MAGIC: [u8; 8] = *b"wws\0bndl";

/// Changed whenever a reader of the old format would misread the new one.
pub const FORMAT_VERSION: u32 = 4;

/// What raw native code is aligned to, so that it can be executed where it is mapped.
pub const PAGE: u64 = 4096;
