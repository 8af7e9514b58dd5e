//! Scripts: the JavaScript engine as a guest.
//!
//! The engine is one core module, compiled once. It imports its memory. What makes a worker of it
//! is an *image*: a module of nothing but a memory, whose data are the heap of the engine after it
//! has evaluated the script ([`snapshot`]). A request gets an instance of the image, whose pages
//! are shared until they are written to, and an instance of the engine over that memory.
//!
//! So a second script costs an image, not another copy of the engine's code; scripts see nothing of
//! each other; and a script that has changed needs no compiler, only another image.
//!
//! [`snapshot`]: crate::compile::ScriptCompiler::snapshot

mod body;
mod cache;
mod calls;
mod fresh;
#[cfg(feature = "compile")]
pub(crate) mod image;
mod imports;
mod instance;
mod lanes;
mod operations;
mod session;
#[cfg(feature = "compile")]
pub(crate) mod snapshot;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use body::{BodyAborted, BodyStream};
pub(crate) use fresh::{answer_fresh, lost};
pub use instance::ScriptEngine;
pub(crate) use instance::ScriptProgram;
pub(crate) use lanes::Lanes;
pub(crate) use session::Job;
pub use state::parse_script_answer;
