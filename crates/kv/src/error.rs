//! Why a store could not be opened, and why an operation failed.

use std::io;
use std::path::PathBuf;

use crate::{ANSWER_BYTES_MAX, KEY_BYTES_MAX, MEMORY_BYTES_MAX, VALUE_BYTES_MAX};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file has another content.
    #[error("{} is not a key-value store of wws; give the path of one, or of a new file", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file is a store that another version of the program wrote.
    #[error("{} is a key-value store of format {found}; this program reads format {known}, use the version of wws that made it", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The format of this program.
        known: u64,
    },
    /// The file is a store, but not a whole one.
    #[error("the key-value store {} is damaged or cut short ({reason}); put back a copy of it, or move it away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// Somebody has the file open.
    #[error("{} is in use by another process; to share a store between several, use --kv redis://…", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file may not be read and written, or not be created.
    #[error("no permission to read and write {}", path.display())]
    NoPermission {
        /// The file.
        path: PathBuf,
    },
    /// The folder of the file does not exist.
    #[error("the folder of {} does not exist; create it first", path.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to a folder or something else that is no file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Anything else that the system has against it.
    #[error("cannot open {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The host name has no address.
    #[error("the Redis server {server} has no address: {reason}")]
    NoAddress {
        /// Host and port.
        server: String,
        /// In words.
        reason: String,
    },
    /// Nothing answers there.
    #[error("the Redis server {server} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// In words.
        reason: String,
    },
    /// What answers there is something else.
    #[error(
        "what answers at {server} is not a Redis server; if it is one that wants TLS, write rediss://"
    )]
    NotRedis {
        /// Host and port.
        server: String,
    },
    /// No TLS, or a certificate that is not to be trusted.
    #[error("no TLS with the Redis server {server}: {reason}; a server without TLS is redis://…")]
    Tls {
        /// Host and port.
        server: String,
        /// In words.
        reason: String,
    },
    /// No password, or a wrong one.
    #[error("the Redis server {server} refuses the user or the password, or wants one: {reason}")]
    Credentials {
        /// Host and port.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The database with this number does not exist.
    #[error("the Redis server {server} has no database {database}: {reason}")]
    NoDatabase {
        /// Host and port.
        server: String,
        /// Its number.
        database: u32,
        /// What the server says.
        reason: String,
    },
    /// The server is too old.
    #[error("the Redis server {server} is version {found}; version 6 or later is needed")]
    TooOld {
        /// Host and port.
        server: String,
        /// Its version.
        found: String,
    },
    /// The server refuses what the store needs.
    #[error(
        "the Redis server {server} cannot be used: {reason}; the user needs EVAL, EVALSHA, SCRIPT, TIME and the commands on hashes and sorted sets for keys that begin with `wws:`"
    )]
    Refused {
        /// Host and port.
        server: String,
        /// What the server says.
        reason: String,
    },
}

/// Why an operation failed. Nothing of it was done, unless it says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KvError {
    /// A key above [`KEY_BYTES_MAX`].
    #[error("a key of {bytes} bytes; the longest has {KEY_BYTES_MAX}")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A value above [`VALUE_BYTES_MAX`].
    #[error("a value of {bytes} bytes; the longest has {VALUE_BYTES_MAX}")]
    ValueTooLong {
        /// Its length.
        bytes: usize,
    },
    /// `increment` of what is no number, or beyond 64 bits.
    #[error("{what}")]
    NotANumber {
        /// In words.
        what: String,
    },
    /// A snapshot above what was allowed.
    #[error(
        "the namespace holds more than {limit} bytes, the limit `kv_snapshot` of what a worker is \
         given of it; a script or a component reads single keys"
    )]
    SnapshotTooLarge {
        /// What was allowed.
        limit: u64,
    },
    /// A transaction, or several writes at once, above a bound.
    #[error("a transaction of {found} {unit}; the largest has {limit}")]
    TransactionTooLarge {
        /// How many it has.
        found: usize,
        /// How many it may have.
        limit: usize,
        /// Of what: bytes or keys.
        unit: &'static str,
    },
    /// The values asked for at once are above [`ANSWER_BYTES_MAX`].
    #[error(
        "the values have more than {ANSWER_BYTES_MAX} bytes together; ask for fewer keys at once"
    )]
    AnswerTooLarge,
    /// The store in memory is at [`MEMORY_BYTES_MAX`].
    #[error(
        "the key-value store in memory is full ({MEMORY_BYTES_MAX} bytes); to keep more, put it in a file with `--kv FILE`"
    )]
    Full,
    /// The store cannot be reached, or does not answer in time. Whether it was done is unknown if
    /// `maybe_done`.
    #[error("the key-value store cannot be reached: {reason}")]
    Unavailable {
        /// In words.
        reason: String,
        /// The connection was lost after the operation had been sent.
        maybe_done: bool,
    },
    /// The server is there and says no: out of memory, read-only, no rights.
    #[error("the key-value store refuses: {reason}")]
    Refused {
        /// What the server says.
        reason: String,
    },
    /// The file cannot be read or written. Whether it was done is unknown if `maybe_done`.
    #[error("the file of the key-value store cannot be read or written: {reason}")]
    Disk {
        /// In words.
        reason: String,
        /// It failed at the very end, so that it may be on the disk all the same.
        maybe_done: bool,
    },
}
