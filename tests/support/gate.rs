//! A server that workers call, and that answers when the test lets it.

use std::sync::{Arc, Condvar, Mutex};

use super::PATIENCE;
use super::origin::{Origin, respond};

/// Every call waits in front of it until it is open.
pub(crate) struct Gate {
    origin: Origin,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: usize,
    is_open: bool,
}

impl Gate {
    /// Closed.
    pub(crate) fn new() -> Self {
        let inner = Arc::<Inner>::default();
        let shared = Arc::clone(&inner);
        let origin = Origin::start(move |_, stream| {
            shared.pass();
            respond(stream, 200, &[], b"open")
        });
        Self { origin, inner }
    }

    /// Where it is.
    pub(crate) fn port(&self) -> u16 {
        self.origin.port()
    }

    /// How many calls have come so far.
    pub(crate) fn calls(&self) -> usize {
        self.inner.state.lock().unwrap().calls
    }

    /// Waits for the first call.
    #[track_caller]
    pub(crate) fn wait_for_call(&self) {
        let state = self.inner.state.lock().unwrap();
        let has_none = |state: &mut State| state.calls == 0;
        let waited = self
            .inner
            .changed
            .wait_timeout_while(state, PATIENCE, has_none);
        assert!(!waited.unwrap().1.timed_out(), "nobody calls");
    }

    /// Answers those who wait, and those who come.
    pub(crate) fn open(&self) {
        self.inner.state.lock().unwrap().is_open = true;
        self.inner.changed.notify_all();
    }
}

impl Inner {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        self.changed.notify_all();
        let is_closed = |state: &mut State| !state.is_open;
        drop(self.changed.wait_while(state, is_closed).unwrap());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Nobody waits for a test that is over.
        self.open();
    }
}
