//! Who may have how much of a server that anybody can reach.
//!
//! - [`Places`]: how many connections one client has.
//! - [`RateLimiter`]: how many requests one client sends.
//! - [`FrameWatch`]: how many frames a client of HTTP/2 sends that cost it nothing.
//!
//! What a client is, is a [`ClientBlock`]: an IPv4 address, or the /64 that one customer has of IPv6.
//!
//! *Invariants:* what is kept has a size that clients cannot make grow: by the number of connections,
//! or fixed. Not here: IO, a clock (all are told how late it is), what is done to who is over a limit.

mod block;
mod bucket;
mod frames;
mod places;
mod rate;

pub use block::ClientBlock;
pub use bucket::{Bucket, Rate};
pub use frames::FrameWatch;
pub use places::{Place, Places};
pub use rate::RateLimiter;
