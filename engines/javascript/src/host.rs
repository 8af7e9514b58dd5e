//! What the engine asks of its host: thin wrappers over the imports, so that pointers appear here
//! alone.

use script_abi::{Failure, Level};

#[cfg(not(target_family = "wasm"))]
pub use recorder as raw;

#[cfg(target_family = "wasm")]
mod raw {
    #[link(wasm_import_module = "wws")]
    unsafe extern "C" {
        pub(super) fn input(to: *mut u8);
        pub(super) fn body(id: u32, to: *mut u8);
        pub(super) fn respond(
            id: u32,
            head: *const u8,
            head_length: usize,
            body: *const u8,
            body_length: usize,
            flags: u32,
        );
        pub(super) fn chunk(id: u32, bytes: *const u8, length: usize) -> u32;
        pub(super) fn end(id: u32);
        pub(super) fn abort(id: u32, text: *const u8, length: usize);
        pub(super) fn done(id: u32);
        pub(super) fn fail(id: u32, kind: u32, text: *const u8, length: usize);
        pub(super) fn refuse(bytes: *const u8, length: usize);
        pub(super) fn operate(id: u32, bytes: *const u8, length: usize) -> u32;
        pub(super) fn log(level: u32, text: *const u8, length: usize);
        pub(super) fn variable(index: u32, to: *mut u8, room: usize) -> usize;
        pub(super) fn now() -> f64;
        pub(super) fn elapsed() -> f64;
        pub(super) fn random(to: *mut u8, length: usize);
    }
}

/// The input of the current call, whose length the host has passed.
pub(crate) fn input(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // SAFETY: the host writes as many bytes as it has announced, which is `length`.
    unsafe { raw::input(bytes.as_mut_ptr()) };
    bytes
}

/// The body of a request, whose length its head tells.
pub(crate) fn body(id: u32, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // SAFETY: the host writes as many bytes as the head of the request says.
    unsafe { raw::body(id, bytes.as_mut_ptr()) };
    bytes
}

/// Answers a request.
pub(crate) fn respond(id: u32, head: &[u8], body: &[u8], flags: u32) {
    // SAFETY: the host reads two slices that live until it returns.
    unsafe {
        raw::respond(
            id,
            head.as_ptr(),
            head.len(),
            body.as_ptr(),
            body.len(),
            flags,
        )
    }
}

/// Sends a piece of a body; false if there is no room for the next one yet.
pub(crate) fn chunk(id: u32, bytes: &[u8]) -> bool {
    // SAFETY: as in `respond`.
    unsafe { raw::chunk(id, bytes.as_ptr(), bytes.len()) != 0 }
}

/// A body has been sent whole.
pub(crate) fn end(id: u32) {
    // SAFETY: no memory is passed.
    unsafe { raw::end(id) }
}

/// A body ends early.
pub(crate) fn abort(id: u32, text: &str) {
    // SAFETY: as in `respond`.
    unsafe { raw::abort(id, text.as_ptr(), text.len()) }
}

/// Nothing more will be done for a request.
pub(crate) fn done(id: u32) {
    // SAFETY: no memory is passed.
    unsafe { raw::done(id) }
}

/// A request gets no answer.
pub(crate) fn fail(id: u32, failure: Failure, text: &str) {
    // SAFETY: as in `respond`.
    unsafe { raw::fail(id, failure as u32, text.as_ptr(), text.len()) }
}

/// The script is no worker.
pub(crate) fn refuse(refusal: &[u8]) {
    // SAFETY: as in `respond`.
    unsafe { raw::refuse(refusal.as_ptr(), refusal.len()) }
}

/// Begins an operation of a request, or of none with 0: its number, or the length of its outcome.
pub(crate) fn operate(id: u32, operation: &[u8]) -> u32 {
    // SAFETY: as in `respond`.
    unsafe { raw::operate(id, operation.as_ptr(), operation.len()) }
}

/// A line for the log.
pub(crate) fn log(level: Level, text: &str) {
    // SAFETY: as in `respond`.
    unsafe { raw::log(level as u32, text.as_ptr(), text.len()) }
}

/// The value of a variable of the environment.
pub(crate) fn variable(index: u32) -> Vec<u8> {
    const FIRST_TRY: usize = 256;
    let mut bytes = vec![0; FIRST_TRY];
    // SAFETY: the host writes at most as much as there is room, and says how much it would write.
    let length = unsafe { raw::variable(index, bytes.as_mut_ptr(), bytes.len()) };
    if length > bytes.len() {
        bytes.resize(length, 0);
        // SAFETY: as above.
        unsafe { raw::variable(index, bytes.as_mut_ptr(), bytes.len()) };
    }
    bytes.truncate(length);
    bytes
}

/// Milliseconds since 1970.
pub(crate) fn now() -> f64 {
    // SAFETY: no memory is passed.
    unsafe { raw::now() }
}

/// Milliseconds since the instance began.
pub(crate) fn elapsed() -> f64 {
    // SAFETY: no memory is passed.
    unsafe { raw::elapsed() }
}

/// Fills `bytes` with random ones.
pub(crate) fn random(bytes: &mut [u8]) {
    // SAFETY: the host writes into one slice that is borrowed for as long.
    unsafe { raw::random(bytes.as_mut_ptr(), bytes.len()) }
}

/// A host that notes what it is told, for trying the engine on the machine that builds it.
#[cfg(not(target_family = "wasm"))]
#[allow(
    clippy::missing_safety_doc,
    missing_docs,
    reason = "the signatures are those of the imports"
)]
pub mod recorder {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::time::{Instant, SystemTime};

    /// What became of a request.
    #[derive(Clone, Debug, Default)]
    pub struct Outcome {
        pub head: Vec<u8>,
        pub body: Vec<u8>,
        pub ended: bool,
        pub done: bool,
        pub failure: Option<(u32, String)>,
        pub aborted: Option<String>,
    }

    #[derive(Default)]
    pub struct State {
        pub input: Vec<u8>,
        pub bodies: BTreeMap<u32, Vec<u8>>,
        pub outcomes: BTreeMap<u32, Outcome>,
        pub refusal: Option<Vec<u8>>,
        pub variables: Vec<String>,
        pub begin: Option<Instant>,
        pub log: Vec<(u32, String)>,
        /// How many operations were begun, and which of them have not ended.
        pub begun: u32,
        pub waiting: Vec<u32>,
    }

    thread_local! {
        pub static STATE: RefCell<State> = RefCell::default();
    }

    unsafe fn slice<'a>(from: *const u8, length: usize) -> &'a [u8] {
        // SAFETY: every caller passes a slice taken apart.
        unsafe { std::slice::from_raw_parts(from, length) }
    }

    unsafe fn copy(bytes: &[u8], to: *mut u8) {
        // SAFETY: every caller has made room for as many bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn outcome(id: u32, change: impl FnOnce(&mut Outcome)) {
        STATE.with_borrow_mut(|state| change(state.outcomes.entry(id).or_default()));
    }

    pub unsafe fn input(to: *mut u8) {
        STATE.with_borrow(|state| unsafe { copy(&state.input, to) });
    }

    pub unsafe fn body(id: u32, to: *mut u8) {
        STATE.with_borrow(|state| unsafe { copy(&state.bodies[&id], to) });
    }

    pub unsafe fn respond(
        id: u32,
        head: *const u8,
        head_length: usize,
        body: *const u8,
        body_length: usize,
        flags: u32,
    ) {
        let (head, body) = unsafe { (slice(head, head_length), slice(body, body_length)) };
        outcome(id, |outcome| {
            outcome.head = head.to_vec();
            outcome.body.extend(body);
            outcome.ended = flags & script_abi::flags::STREAMING == 0;
            outcome.done = flags & script_abi::flags::DONE != 0;
        });
    }

    pub unsafe fn chunk(id: u32, bytes: *const u8, length: usize) -> u32 {
        let bytes = unsafe { slice(bytes, length) };
        outcome(id, |outcome| outcome.body.extend(bytes));
        1
    }

    pub unsafe fn end(id: u32) {
        outcome(id, |outcome| outcome.ended = true);
    }

    pub unsafe fn abort(id: u32, reason: *const u8, length: usize) {
        let reason = text(unsafe { slice(reason, length) });
        outcome(id, |outcome| outcome.aborted = Some(reason));
    }

    pub unsafe fn done(id: u32) {
        outcome(id, |outcome| outcome.done = true);
    }

    pub unsafe fn fail(id: u32, kind: u32, reason: *const u8, length: usize) {
        let reason = text(unsafe { slice(reason, length) });
        outcome(id, |outcome| outcome.failure = Some((kind, reason)));
    }

    pub unsafe fn refuse(bytes: *const u8, length: usize) {
        let bytes = unsafe { slice(bytes, length) };
        STATE.with_borrow_mut(|state| state.refusal = Some(bytes.to_vec()));
    }

    /// What becomes of every operation: there is nothing outside.
    pub fn outcome_of_operations() -> Vec<u8> {
        script_abi::encode(&script_abi::Outcome::Failed {
            code: "none",
            message: "there is nothing outside",
        })
    }

    pub unsafe fn operate(_: u32, bytes: *const u8, length: usize) -> u32 {
        let operation = script_abi::decode(unsafe { slice(bytes, length) });
        STATE.with_borrow_mut(|state| match operation {
            Ok(script_abi::Operation::Cache(_)) => {
                state.input = outcome_of_operations();
                u32::try_from(state.input.len()).unwrap_or(0)
            }
            Ok(script_abi::Operation::Cancel { .. }) => 0,
            _ => {
                state.begun += 1;
                state.waiting.push(state.begun);
                state.begun
            }
        })
    }

    pub unsafe fn log(level: u32, line: *const u8, length: usize) {
        let line = text(unsafe { slice(line, length) });
        eprintln!("{line}");
        STATE.with_borrow_mut(|state| state.log.push((level, line)));
    }

    pub unsafe fn variable(index: u32, to: *mut u8, room: usize) -> usize {
        STATE.with_borrow(|state| {
            let value = state.variables[index as usize].as_bytes();
            if value.len() <= room {
                unsafe { copy(value, to) };
            }
            value.len()
        })
    }

    pub unsafe fn now() -> f64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64() * 1000.0)
    }

    pub unsafe fn elapsed() -> f64 {
        STATE.with_borrow_mut(|state| {
            let begin = *state.begin.get_or_insert_with(Instant::now);
            begin.elapsed().as_secs_f64() * 1000.0
        })
    }

    pub unsafe fn random(to: *mut u8, length: usize) {
        let mut state = unsafe { now() }.to_bits() | 1;
        for place in 0..length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            unsafe { to.add(place).write(state.to_le_bytes()[3]) };
        }
    }
}
