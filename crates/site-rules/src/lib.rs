//! What a site says of its own paths: `_redirects`, `_headers`, and which other origins may read it.
//!
//! | file         | a line                              | becomes                       |
//! |--------------|-------------------------------------|-------------------------------|
//! | `_redirects` | `from to [status][!]`               | [`Redirect`], in [`Redirects`]|
//! | `_headers`   | a path, then `Name: value` lines    | [`HeaderRule`], in [`HeaderRules`] |
//!
//! Parsed when a site is bundled, all problems of a file at once; matched by an app. *Invariant:* the
//! work for a request depends on the length of its path and not on the number of rules: they lie in
//! a trie over segments, and the one that stands first in the file wins.
//!
//! SECURITY: what a request brings into a `Location` or a field is percent-encoded again, each part as
//! its place wants it, so that it can neither begin a line nor end a path, and a path that comes out
//! never begins with two slashes.
//!
//! Not here: IO, HTTP types, and what exists at a path: the caller says so.

mod cors;
mod field;
mod field_set;
mod header_file;
mod header_rules;
mod html_mode;
mod lines;
mod parsed;
mod pattern;
mod problem;
mod redirect_file;
mod redirects;
mod review;
mod security;
mod target;
mod template;
mod trie;

pub use cors::{
    Cors, CorsError, OriginError, Origins, check_header_name, check_method, parse_origin,
};
pub use field::{Field, FieldError, check_value};
pub use field_set::{FieldOperation, FieldSet};
pub use header_file::parse_headers;
pub use header_rules::{HeaderRule, HeaderRules, WILD_RULES_MAX};
pub use html_mode::HtmlMode;
pub use http_semantics::SitePath;
pub use lines::{FILE_BYTES_MAX, LINE_BYTES_MAX};
pub use parsed::Parsed;
pub use pattern::{Captures, Part, Pattern, PatternError};
pub use problem::{Problem, RuleError};
pub use redirect_file::parse_redirects;
pub use redirects::{Asked, Effect, Found, Redirect, Redirects};
pub use review::{Existing, Note, review};
pub use security::SECURITY_FIELDS;
pub use target::{Rewritten, Target, TargetError};

/// The most rules that one file may have.
pub const RULES_MAX: usize = 50_000;
