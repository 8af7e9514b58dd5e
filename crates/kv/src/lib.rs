//! The key-value store of an app: in memory, in a file, or on Redis, with the same behaviour.
//!
//! What holds on all three:
//! - Keys are 0 to [`KEY_BYTES_MAX`] bytes, values 0 to [`VALUE_BYTES_MAX`], any bytes. Namespaces
//!   have any name and know nothing of each other.
//! - Every operation is atomic, and what is reported as done is seen by every later read. In a file
//!   it is on the disk by then; a crash of the process or the machine does not lose it.
//! - [`Namespace::increment`] reads and writes canonical decimal text of 64 bits with a sign: no
//!   `+`, no leading zero, no space. A key that is not there counts as 0. What is no such number,
//!   or would not fit, is refused and stays.
//! - [`Namespace::list`] goes by the order of the bytes, at most [`PAGE_KEYS_MAX`] keys at once; a
//!   limit of 0 gives an empty page without `next`.
//! - A namespace has a version that grows with every change (a write that changes nothing may or may
//!   not count) and never falls, not even when all its keys are deleted. That is how
//!   [`Namespace::commit`] knows that nothing has changed since a [`Snapshot`]. Keys in
//!   [`Transaction::reads`] are compared by value instead. A transaction that has read nothing
//!   always commits.
//! - Nothing is unbounded: see the constants, and [`KvError`] for what happens at each.
//!
//! Not here: what a worker may use of it (`worker-host`), and when a run is repeated after a
//! conflict. For that, [`Namespace::exclusive`] lets those who repeat go one after the other.

mod change;
mod counts;
mod error;
mod exclusive;
mod file;
mod location;
mod memory;
mod namespace;
mod number;
mod redis_store;
mod store;

pub use crate::counts::OperationCounts;
pub use crate::error::{KvError, OpenError};
pub use crate::exclusive::Exclusive;
pub use crate::location::{Location, LocationError, RedisLocation};
pub use crate::namespace::{Commit, Namespace, Page, Snapshot, Transaction};
pub use crate::store::{BoxFuture, OpenOptions, Resolve, Store};

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1 << 10;

/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// The most keys of one [`Page`].
pub const PAGE_KEYS_MAX: usize = 1000;

/// The most bytes of one transaction, keys and values that it has read and writes together. Also
/// of one [`Namespace::write_many`].
pub const TRANSACTION_BYTES_MAX: usize = 16 << 20;

/// The most keys of one transaction, read and written: each costs time, even an empty one.
pub const TRANSACTION_KEYS_MAX: usize = 100_000;

/// The most bytes that [`Namespace::get_many`] answers with.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The most bytes of a whole store in memory, with what each entry costs beside its bytes.
pub const MEMORY_BYTES_MAX: usize = 256 << 20;
