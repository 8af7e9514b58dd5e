//! TLS for a server: one certificate with its key, from two PEM files that may be replaced while it
//! runs.
//!
//! What a connection gets is what was read last and was found good ([`Identity`]). A new
//! certificate ends no connection, and the tickets of sessions stay valid. Not here: sockets, time,
//! and what is spoken inside.

mod files;
mod identity;
mod pem;
mod validity;

pub use files::{Files, Fingerprint};
pub use identity::{Identity, Reloaded, ServerTlsError};
pub use pem::{CertificateError, KeyError};
pub use validity::{Remark, Validity};
