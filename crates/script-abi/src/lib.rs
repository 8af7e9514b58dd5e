//! What the JavaScript engine and its host say to each other.
//!
//! The engine is a core module that exports
//!
//! | export                     | what it does                                                     |
//! |----------------------------|------------------------------------------------------------------|
//! | `prepare()`                | makes the realm: intrinsics and web APIs                         |
//! | `load(bytes) -> ok`        | evaluates a [`Script`]; 0 after it has called `refuse`           |
//! | `request(id, bytes) -> ms` | begins a request, whose [`Request`] is the input                 |
//! | `resume(event, id) -> ms`  | goes on after an [`Event`]                                       |
//! | `settled(number, bytes) -> ms` | an operation has ended; the input is its [`Outcome`]         |
//!
//! `ms` is the time until the next timer is due, or infinity. Each export runs until the script
//! has nothing more to do for now; the host waits, never the engine. Between two calls the engine
//! has no state but its memory, so that a copy of the memory is a copy of the running script.
//!
//! It imports, from the module `wws`:
//!
//! | import                                     | what it does                                     |
//! |--------------------------------------------|--------------------------------------------------|
//! | `input(to)`                                | copies the input of the current call             |
//! | `body(id, to)`                             | copies the body of a request                     |
//! | `respond(id, head, length, body, length, flags)` | answers with an [`Answer`] and [`flags`]   |
//! | `chunk(id, bytes, length) -> room`         | the next piece of a body; 0: wait for [`Event::Drained`] |
//! | `end(id)`, `abort(id, text, length)`       | the end of a body, as planned or not             |
//! | `done(id)`                                 | nothing more will be done for the request        |
//! | `fail(id, kind, text, length)`             | there will be no answer, for a [`Failure`]       |
//! | `refuse(bytes, length)`                    | the script is no worker: a [`Refusal`]           |
//! | `operate(id, bytes, length) -> number`     | begins an [`Operation`] of a request, or of none with 0 |
//! | `log(level, text, length)`                 | a line for the log, with a [`Level`]             |
//! | `variable(index, to, room) -> length`      | the value of a variable of the environment       |
//! | `now() -> ms`, `elapsed() -> ms`           | the wall clock, and the age of the instance      |
//! | `random(to, length)`                       | random bytes                                     |
//!
//! Pointers and lengths are `u32`, times `f64`. Structures are postcard. Neither side believes the
//! other: the host checks what it reads like anything that a guest writes.

mod operation;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use operation::{
    CacheOperation, FetchBody, KEYS_MAX, KvOperation, Operation, Outcome, Redirect,
};

/// The module that all imports of the engine are in.
pub const IMPORT_MODULE: &str = "wws";

/// A script with all that it imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script<'s> {
    /// The entry first.
    #[serde(borrow)]
    pub modules: Vec<Module<'s>>,
    /// In the order of their index: names, and values where they are known already.
    #[serde(borrow)]
    pub variables: Vec<Variable<'s>>,
    /// Whether `request.body` is a string, as in Wasm Workers Server 1.7.
    pub body_text: bool,
}

/// One module of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module<'s> {
    /// Its name in stacks and messages.
    pub name: Cow<'s, str>,
    /// How its source is read.
    #[serde(borrow)]
    pub kind: ModuleKind<'s>,
    /// What is evaluated.
    pub source: Cow<'s, str>,
    /// Specifiers, and the places of the modules that they stand for; sorted.
    #[serde(borrow)]
    pub imports: Vec<(Cow<'s, str>, u32)>,
    /// From positions in `source` to those in the author's file; empty if they are the same.
    pub mappings: Vec<Mapping>,
}

/// How the source of a module is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModuleKind<'s> {
    /// An ECMAScript module.
    Esm,
    /// The body of a CommonJS module.
    CommonJs {
        /// The names that can be imported from it, beside `default`.
        #[serde(borrow)]
        exports: Vec<Cow<'s, str>>,
        /// Whether it says of itself that it was an ECMAScript module (`__esModule`).
        es_module: bool,
    },
    /// A JSON text.
    Json,
}

/// A position in generated code and the one that it comes from; all count from 1, columns in
/// characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mapping {
    /// In the generated code.
    pub generated_line: u32,
    /// In the generated code.
    pub generated_column: u32,
    /// In the author's file.
    pub line: u32,
    /// In the author's file.
    pub column: u32,
}

/// The position in the author's file of one in generated code.
pub fn original_position(mappings: &[Mapping], line: u32, column: u32) -> (u32, u32) {
    let behind = mappings.partition_point(|mapping| {
        (mapping.generated_line, mapping.generated_column) <= (line, column)
    });
    let before = behind.checked_sub(1).and_then(|place| mappings.get(place));
    let after = mappings.get(behind);
    // What stands on the same line tells more than what stands before on another.
    let on_line = |mapping: &&Mapping| mapping.generated_line == line;
    let nearest = before
        .filter(on_line)
        .or(after.filter(on_line))
        .or(before)
        .or(after);
    nearest.map_or((line, column), |mapping| (mapping.line, mapping.column))
}

/// A variable of the script's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable<'s> {
    /// Its name.
    pub name: Cow<'s, str>,
    /// `None`: known when the app starts.
    pub value: Option<Cow<'s, str>>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<'r> {
    /// As the client sent it.
    pub method: &'r str,
    /// Absolute.
    pub url: &'r str,
    /// Names in lower case.
    #[serde(borrow)]
    pub headers: Vec<(&'r str, &'r [u8])>,
    /// What the parts in brackets of the route stand for.
    #[serde(borrow)]
    pub params: Vec<(&'r str, &'r str)>,
    /// The length of the body.
    pub body_bytes: u32,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// From 200 to 599, says the script.
    pub status: u16,
    /// Names and values.
    #[serde(borrow)]
    pub headers: Vec<(&'a [u8], &'a [u8])>,
}

/// What is true of an answer, as bits.
pub mod flags {
    /// The body follows in pieces.
    pub const STREAMING: u32 = 1;
    /// Nothing more will be done for the request.
    pub const DONE: u32 = 2;
}

/// What the host tells a script that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Event {
    /// A timer is due.
    Timer = 0,
    /// There is room again for the body of a request.
    Drained = 1,
    /// Nobody waits for the answer any more.
    Cancelled = 2,
}

impl Event {
    /// The event with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Timer, Self::Drained, Self::Cancelled]
            .into_iter()
            .find(|event| *event as u32 == number)
    }
}

/// Why a request gets no answer from the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Failure {
    /// It threw.
    Exception = 0,
    /// What it answered with is no response.
    NoResponse = 1,
}

impl Failure {
    /// The failure with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Exception, Self::NoResponse]
            .into_iter()
            .find(|failure| *failure as u32 == number)
    }
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// `console.debug` and `console.trace`.
    Debug = 0,
    /// `console.log` and `console.info`.
    Info = 1,
    /// `console.warn`.
    Warn = 2,
    /// `console.error`, and what nobody caught.
    Error = 3,
}

/// Why a script is no worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal<'r> {
    /// In words; the stack of an exception follows on lines of its own.
    pub message: Cow<'r, str>,
    /// Whether all is well but that nothing in it answers requests: it may be meant as no worker.
    pub lacks_handler: bool,
    /// Where, in the author's files, if that is known.
    #[serde(borrow)]
    pub position: Option<Position<'r>>,
}

impl Refusal<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Refusal<'static> {
        Refusal {
            message: self.message.into_owned().into(),
            lacks_handler: self.lacks_handler,
            position: self.position.map(|position| Position {
                module: position.module.into_owned().into(),
                line: position.line,
                column: position.column,
            }),
        }
    }
}

/// A place in a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position<'p> {
    /// The name of the module.
    pub module: Cow<'p, str>,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(postcard::Error);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed message: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// The bytes of a message.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // Structures of numbers, strings and lists: there is nothing that could not be written.
    postcard::to_stdvec(message).unwrap_or_default()
}

/// Reads a message. Never panics, whatever the bytes.
pub fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Malformed> {
    postcard::from_bytes(bytes).map_err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_comes_back_as_it_was() {
        let request = Request {
            method: "GET",
            url: "http://a/b",
            headers: vec![("x-a", b"\xff"), ("x-a", b"")],
            params: vec![("id", "7")],
            body_bytes: 3,
        };
        assert_eq!(decode::<Request<'_>>(&encode(&request)), Ok(request));
    }

    #[test]
    fn the_nearest_mapping_of_the_line_tells_the_position() {
        let mapping = |generated_line, generated_column, line, column| Mapping {
            generated_line,
            generated_column,
            line,
            column,
        };
        let mappings = [
            mapping(2, 3, 10, 1),
            mapping(2, 8, 10, 9),
            mapping(5, 1, 20, 1),
        ];
        #[track_caller]
        fn check(mappings: &[Mapping], at: (u32, u32), want: (u32, u32)) {
            assert_eq!(original_position(mappings, at.0, at.1), want);
        }
        check(&mappings, (2, 3), (10, 1));
        check(&mappings, (2, 7), (10, 1));
        check(&mappings, (2, 80), (10, 9));
        check(&mappings, (2, 1), (10, 1));
        check(&mappings, (1, 1), (10, 1));
        check(&mappings, (4, 1), (10, 9));
        check(&mappings, (9, 9), (20, 1));
        check(&[], (3, 4), (3, 4));
    }

    #[test]
    fn numbers_of_another_version_are_none_of_ours() {
        assert_eq!(Event::from_number(2), Some(Event::Cancelled));
        assert_eq!(Event::from_number(3), None);
        assert_eq!(Failure::from_number(9), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = decode::<Answer<'_>>(&bytes);
            let _ = decode::<Request<'_>>(&bytes);
            let _ = decode::<Script<'_>>(&bytes);
            let _ = decode::<Refusal<'_>>(&bytes);
        }
    }
}
