//! The decisions of RFC 9110 that a static origin makes, on plain values.
//!
//! | question                                        | answered by                           |
//! |-------------------------------------------------|---------------------------------------|
//! | which path does the request name?               | [`SitePath::parse`], [`encode_path`]  |
//! | may an asset be asked this way?                 | [`asset_method`]                      |
//! | which stored coding does the client get?        | [`choose_coding`]                     |
//! | does the client hold the current content?       | [`evaluate`]                          |
//! | which bytes does it want, and may it have them? | [`parse_range`], [`if_range_allows`]  |
//! | how are several byte ranges framed?             | [`MultipartLayout`]                   |
//! | is it for a page that a person will look at?    | [`is_navigation`]                     |
//! | who is the client behind trusted proxies?       | [`forwarding`]                        |
//! | which trace does the request belong to?         | [`TraceParent::parse`]                |
//!
//! *Invariant:* every function is total: no input, however hostile, makes it panic, and its
//! work is linear in the size of the input. Not here: IO, a server, status codes and bodies;
//! the caller turns each answer into a response.

mod accept_encoding;
mod encode_path;
mod entity_tag;
mod forwarded;
mod methods;
mod multipart;
mod navigation;
mod preconditions;
mod range;
mod site_path;
mod trace_parent;

pub use accept_encoding::{Coding, choose_coding};
pub use encode_path::encode_path;
pub use forwarded::{
    FORWARDED_FIELDS, Forwarding, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, forwarding,
    is_of_proxy,
};
pub use methods::{ALLOW, AssetMethod, MethodRefusal, asset_method};
pub use multipart::MultipartLayout;
pub use navigation::{NAVIGATION_FIELDS, is_navigation};
pub use preconditions::{Validators, Verdict, evaluate, if_range_allows};
pub use range::{ByteRange, RangeSet, content_range, parse_range, unsatisfied_content_range};
pub use site_path::{BadPath, SitePath};
pub use trace_parent::TraceParent;
