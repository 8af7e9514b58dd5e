//! The HTTP client of an app: names, addresses, TLS, pooled connections, and the limits on all of
//! it.
//!
//! One [`Client`] an app, whose connections all workers share; a [`Caller`] for each worker, with
//! its rules and limits. A call goes through these steps, again after each redirect:
//!
//! 1. method, scheme, host and port are checked against the rules (`outbound-rules`);
//! 2. a pooled connection is taken, or else the name is resolved, each address is checked, and a
//!    connection is made to an address that has passed: there is no second lookup, so an answer
//!    of the DNS that changes in between changes nothing;
//! 3. the head of the answer is awaited, and the body is handed out piece by piece.
//!
//! Connections that were made under `allow_private` are kept apart from the others.
//!
//! Not here, on purpose: cookies, caches, proxies, decompression. A worker gets the bytes as sent.

mod call;
mod caller;
mod client;
mod connect;
mod connection;
mod counts;
mod deadline;
mod error;
mod names;
mod pool;
mod redirect;
mod request_body;
mod request_head;
mod response_body;
mod target;
mod tls;

pub use call::{Answer, CallOptions, Redirects, RequestBody};
pub use caller::{Caller, Limits};
pub use client::{Client, ClientOptions};
pub use counts::CallCounts;
pub use error::{BoxError, CallError};
pub use names::addresses_in_answer;
pub use response_body::ResponseBody;
pub use tls::{RootsError, roots_from_pem};
