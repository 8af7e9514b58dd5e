//! The server: the program that every bundle starts with, and the library through which
//! `wws [PATH]` serves a folder. There is one path: both open a bundle and serve it.
//!
//! ```text
//! connection (accept, time limits) → edge (hyper, warp) → App::find → asset | worker → response
//! ```
//!
//! Not here: how bundles are made; a compiler; any file (the kernel has mapped the bundle).

mod admin;
mod admission;
pub mod app;
mod asset;
mod body;
mod bound;
pub mod cli;
mod client;
mod collected_body;
mod connection;
mod decoded;
mod direct;
mod door;
mod edge;
mod find;
mod framed_io;
mod frames_io;
mod head;
mod heads;
mod host;
mod https;
mod limited_body;
pub mod log;
pub mod mapped;
mod memory_files;
mod open_requests;
mod peer;
pub mod privileges;
mod refusal;
mod request_id;
mod rules;
pub mod serve;
pub mod settings;
mod stream;
mod surroundings;
mod timed_io;
mod watch;
mod worker_call;
mod workers;

pub use app::{App, AppOptions, StartError};
pub use body::{Body, BodyError};
pub use edge::Edge;
pub use settings::{ServeArgs, Settings};
pub use watch::WatchOptions;
