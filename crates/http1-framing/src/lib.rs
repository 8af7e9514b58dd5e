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
//! the state has a fixed size and nothing is allocated. Not here: IO, answers, what a request
//! asks for.

mod bytes;
mod chunks;
mod fields;
mod framing;
mod host;
mod refusal;
mod request_line;
mod text;

pub use framing::{Framing, Limits, Place, Refused};
pub use host::is_host;
pub use refusal::Refusal;

/// Whether every line of a head ends with CR LF. A parser that lets a bare LF pass and gives no
/// positions can be asked about the rest.
#[must_use]
pub fn has_whole_line_ends(head: &[u8]) -> bool {
    // No early end: in this form the compiler compares many bytes at once.
    let bare = |pair: &[u8]| u32::from(pair[1] == b'\n' && pair[0] != b'\r');
    head.first() != Some(&b'\n') && head.windows(2).map(bare).sum::<u32>() == 0
}
