//! The client against servers that the tests start on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

mod bodies;
mod calls;
mod limits;
mod names;
mod pool;
mod redirects;
mod support;
mod tls;
