//! Everything wasmtime: engine settings, compiling, loading and calling workers.
//!
//! A [`Host`] holds the one engine of an app; a [`Worker`] is loaded into it once and then called
//! for every request, each time in a fresh instance, so that nothing is shared between two
//! requests. Compiling ([`compile`]) is a cargo feature that only the bundler turns on: the stub
//! has no compiler.
//!
//! Not here: paths, URL patterns, bundles, the server.

mod call;
mod command;
#[cfg(feature = "compile")]
pub mod compile;
#[cfg(feature = "components")]
mod component;
#[cfg(not(feature = "components"))]
#[path = "component_absent.rs"]
mod component;
mod engine;
mod exchange;
mod legacy_http;
mod meter;
mod native_code;
mod pace;
mod protocol;
mod script;
mod state;
mod stdio;
mod transact;
mod worker;

pub use call::CallError;
pub use component::ComponentBody;
pub use engine::{
    Allocation, CodeTarget, Concurrency, Cpu, EngineError, PoolSize, PoolUsage, SETTINGS_VERSION,
    TARGET, WASMTIME_VERSION, open_system_files,
};
pub use exchange::{
    BadResponse, RequestBody, RequestBodyError, WorkerBody, WorkerRequest, WorkerResponse,
};
pub use native_code::{NativeCode, leak_pages};
pub use protocol::parse_response;
pub use script::{BodyAborted, BodyStream, ScriptEngine, parse_script_answer};
pub use stdio::{LogLevel, LogLine};
pub use worker::{Host, KvSettings, LoadError, Worker, WorkerKind, WorkerSettings};
