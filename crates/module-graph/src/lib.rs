//! A worker's entry file and everything it imports, resolved and compiled to JavaScript.
//!
//! ```text
//! walk      file after file, depth first       names, limits
//!  ├ read       bytes of a file → text
//!  ├ compile    text → JavaScript, facts       format, patch, jsx, transform, facts, commonjs
//!  └ resolve    specifier → file               unresolved (words), builtins, config
//! links     what files take from each other    missing exports, names of CommonJS modules
//! ```
//!
//! The result is closed: whoever evaluates it looks nothing up on disk. Same files, same result,
//! wherever the folder lies. Not here: evaluating modules, and what a worker is.

mod builtins;
mod commonjs;
mod compile;
mod config;
mod facts;
mod format;
mod json;
mod jsx;
mod links;
mod mapping;
mod names;
mod patch;
mod position;
mod problem;
mod read;
mod resolve;
mod suggest;
mod transform;
mod unresolved;
mod walk;

use std::path::Path;
use std::thread;

pub use script_abi::Mapping;

pub use crate::problem::{Excerpt, Problem};

/// The longest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// The most that the files of a graph may have together, in bytes.
pub const GRAPH_BYTES_MAX: usize = 16 << 20;
/// The most modules in a graph.
pub const MODULES_MAX: usize = 4000;
/// How deep brackets, assignments and arrows may be nested in a file.
pub const NESTING_MAX: usize = 100_000;

/// The compiler goes down one call after another for what is nested in a file. The kernel gives
/// memory only where a stack is touched, but may refuse to promise as much as the first; the
/// second is enough for what people write.
const STACK_BYTES: [usize; 2] = [1 << 30, 64 << 20];

/// All modules that a worker needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleGraph {
    /// The entry first, then in the order in which imports lead to them, depth first.
    pub modules: Vec<Module>,
}

/// One file, as the engine gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The way from the root to the file, with `/`: `api/hello.ts`, `node_modules/x/i.js`,
    /// `../node_modules/x/i.js`. Unique in a graph.
    pub name: String,
    /// How it is evaluated.
    pub kind: ModuleKind,
    /// What is evaluated: a module, the body of a CommonJS function, or JSON.
    pub source: String,
    /// Where parts of `source` come from, sorted by their place in it. Empty where `source` has
    /// the positions of the file.
    pub mappings: Vec<Mapping>,
    /// The text of the file.
    pub original: String,
    /// Each specifier as it is written, and the place in [`ModuleGraph::modules`] of what it
    /// means; sorted. A specifier that is missing here throws where it is evaluated. When a file
    /// both imports and requires a specifier, and a package has a module for each, this is what
    /// `import` gets.
    pub imports: Vec<(String, u32)>,
    /// It has a default export, or adds an event listener: it may handle requests itself.
    pub is_entry_like: bool,
}

/// How a module is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleKind {
    /// An ECMAScript module.
    Esm,
    /// The body of a function of `exports`, `require` and `module`.
    CommonJs {
        /// The names it exports as far as its text tells, and those that others import from it:
        /// they are undefined if it does not set them. Sorted; identifiers, no reserved words, not
        /// `default`.
        exports: Vec<String>,
        /// It says that it was an ECMAScript module (`__esModule`): its default export is
        /// `exports.default`.
        es_module: bool,
    },
    /// JSON.
    Json,
}

impl Module {
    /// The position in the file of a position in [`Module::source`]; both from 1, columns in
    /// characters. Text that the compiler added has the position of what stands before it.
    pub fn original_position(&self, line: u32, column: u32) -> (u32, u32) {
        script_abi::original_position(&self.mappings, line, column)
    }

    /// A problem at a position of the file, with its line.
    pub fn problem_at(&self, line: u32, column: u32, message: String) -> Problem {
        Problem {
            file: self.name.clone(),
            line,
            column,
            message,
            excerpt: self
                .original_line(line)
                .map(|text| Excerpt::new(text, column)),
        }
    }

    /// A line of the file, from 1, without its end.
    pub fn original_line(&self, line: u32) -> Option<&str> {
        position::line(&self.original, line)
    }
}

/// Reads the file `entry` of the folder `root`, and everything it imports.
///
/// `entry` is relative to `root`, with `/`.
///
/// # Errors
/// Every problem of every file, in the order in which they were come upon; never none.
pub fn collect(root: &Path, entry: &str) -> Result<ModuleGraph, Vec<Problem>> {
    let failed = |message: String| Err(vec![Problem::of_file(entry, message)]);
    thread::scope(|scope| {
        let spawn = |stack_bytes| {
            let thread = thread::Builder::new().stack_size(stack_bytes);
            thread.spawn_scoped(scope, || walk::walk(root, entry))
        };
        let [large, small] = STACK_BYTES;
        match spawn(large).or_else(|_| spawn(small)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| {
                failed("reading the modules failed, which is an error in wws".to_owned())
            }),
            Err(error) => failed(format!("there is no memory for a thread: {error}")),
        }
    })
}
