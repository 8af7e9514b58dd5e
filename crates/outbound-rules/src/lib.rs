//! Which calls a worker may make: hosts, methods, and the addresses that are nobody's business.
//!
//! Plain values, decided on without a socket.

mod address;
mod host;
mod pattern;
mod pattern_error;
mod rules;

pub use address::is_public;
pub use host::{Host, NotAHost, literal_address};
pub use pattern::HostPattern;
pub use pattern_error::HostPatternError;
pub use rules::{Refused, Rules};
