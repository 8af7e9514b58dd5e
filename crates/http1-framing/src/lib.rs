//! Where the requests of an HTTP/1 connection begin and end (RFC 9112), read in one way only.
//!
//! Two programs that disagree about the end of a request can be made to disagree about what the
//! next one is: request smuggling. So this is a second, strict reading of all that a client sends,
//! in front of a server that is more lenient: [`Framing::push`] sees every byte and says which may
//! pass. What RFC 9112 lets a recipient be generous about, and what it forbids, is refused alike.
//!
//! ```text
//! between → request line → fields → counted body ─┐
//!    ↑                       │└───→ chunks → trailers
//!    └───────────────────────┴────────────────────┘
//! ```
//!
//! *Invariants:* total on any bytes; the verdict does not depend on how they are cut into pieces;
//! the state has a fixed size and nothing is allocated. [`PlainGet`] recognises the plainest of requests
//! at once, and none that the framing would refuse. Not here: IO, answers.

mod bytes;
mod chunks;
mod fields;
mod framing;
mod host;
mod plain;
mod refusal;
mod request_line;
mod text;

pub use framing::{Framing, Limits, Place, Refused};
pub use host::is_host;
pub use plain::{FieldRoom, PlainGet, Recognised};
pub use refusal::Refusal;

/// Whether a head that a more lenient parser has found whole has no line that ends with LF alone,
/// and no tab. Such a parser takes tabs off values and does not say so, and around some values they
/// are refused.
#[must_use]
pub fn has_plain_lines(head: &[u8]) -> bool {
    let mut places = memchr::memchr2_iter(b'\n', b'\t', head);
    places.all(|at| head[at] == b'\n' && at > 0 && head[at - 1] == b'\r')
}
