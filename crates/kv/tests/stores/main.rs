//! The stores as others use them, on real files and a real `redis-server`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

mod behaviour;
mod concurrency;
mod file;
mod model;
mod place;
mod redis_errors;
mod redis_recovery;
mod server;
mod transactions;
