//! The thread that writes the log.
//!
//! Who logs puts a line into a buffer that has a bound, and goes on. A pipe that nobody reads fills
//! the buffer; further lines are then left out, counted, and the count is logged as soon as there is
//! room again.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What may wait to be written, in bytes.
const PENDING_BYTES_MAX: usize = 1 << 20;

/// How long the end of the process waits for what is left.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(1);

/// The near end of the thread.
pub(super) struct Writer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    has_work: Condvar,
    is_done: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    /// Left out, and not yet said.
    unsaid: u64,
    dropped: u64,
    is_writing: bool,
    /// Without a thread, who logs writes.
    has_thread: bool,
}

impl Writer {
    /// Starts the thread. `say_dropped` makes the line that says how many were left out.
    pub(super) fn start(say_dropped: impl Fn(u64, &mut Vec<u8>) + Send + 'static) -> Self {
        Self::into(std::io::stderr(), say_dropped)
    }

    fn into(
        out: impl Write + Send + 'static,
        say_dropped: impl Fn(u64, &mut Vec<u8>) + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let started = thread.spawn(move || theirs.write_all(out, say_dropped));
        shared.lock().has_thread = started.is_ok();
        Self(shared)
    }

    /// Takes one line, with the line feed at its end. Never waits for who reads.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if !state.has_thread {
            drop(state);
            // There is nowhere left to say that the log is gone.
            let _ = std::io::stderr().lock().write_all(line);
            return;
        }
        if state.pending.len() + line.len() > PENDING_BYTES_MAX {
            state.unsaid += 1;
            state.dropped += 1;
            return;
        }
        let was_empty = state.pending.is_empty();
        state.pending.extend(line);
        drop(state);
        if was_empty {
            self.0.has_work.notify_one();
        }
    }

    /// Waits until all is written, or for [`FLUSH_TIME_MAX`].
    pub(super) fn flush(&self) {
        let state = self.0.lock();
        let is_busy = |state: &mut State| state.is_writing || !state.pending.is_empty();
        let waited = self
            .0
            .is_done
            .wait_timeout_while(state, FLUSH_TIME_MAX, is_busy);
        drop(waited);
    }

    /// How many lines were left out.
    pub(super) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl Shared {
    /// Nobody panics while holding it, and what it holds is whole at any time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Write, say_dropped: impl Fn(u64, &mut Vec<u8>)) {
        let mut lines = Vec::new();
        loop {
            lines.clear();
            let unsaid = self.take(&mut lines);
            if unsaid > 0 {
                say_dropped(unsaid, &mut lines);
            }
            let written = out.write_all(&lines).and_then(|()| out.flush());
            let mut state = self.lock();
            state.is_writing = false;
            if written.is_err() {
                // There is nowhere to say that the log is gone, but it can be counted.
                let lost = lines.iter().filter(|byte| **byte == b'\n').count();
                state.dropped += lost as u64;
            }
            drop(state);
            self.is_done.notify_all();
        }
    }

    /// Waits for lines, and takes all there are, and how many were left out.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut state = self.lock();
        while state.pending.is_empty() {
            let waited = self.has_work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.pending, lines);
        state.is_writing = true;
        std::mem::take(&mut state.unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Who takes a piece only when it is asked to.
    struct Slow {
        begun: mpsc::Sender<()>,
        may_go_on: mpsc::Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.may_go_on.recv();
            self.read.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_reads_slowly_makes_nobody_wait_and_is_told_what_is_missing() {
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let read = Arc::default();
        let slow = Slow {
            begun,
            may_go_on,
            read: Arc::clone(&read),
        };
        let writer = Writer::into(slow, |count, out| {
            out.extend(format!("dropped {count}\n").as_bytes());
        });
        writer.push(b"first\n");
        has_begun.recv().unwrap();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..1024 + 3 {
            writer.push(&line);
        }
        assert_eq!(writer.dropped(), 3);
        drop(go_on);
        writer.flush();
        let read = read.lock().unwrap();
        let lines: Vec<&[u8]> = read.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.first(), Some(&&b"first"[..]));
        assert_eq!(
            lines[1..=1024]
                .iter()
                .filter(|line| line.len() == 1023)
                .count(),
            1024
        );
        assert_eq!(lines[1025..], [&b"dropped 3"[..], b""]);
    }

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let (begun, _has_begun) = mpsc::channel();
        let (_, may_go_on) = mpsc::channel();
        let read: Arc<Mutex<Vec<u8>>> = Arc::default();
        let out = Slow {
            begun,
            may_go_on,
            read: Arc::clone(&read),
        };
        let writer = Writer::into(out, |_, _| {});
        std::thread::scope(|scope| {
            for letter in ["a", "b", "c"] {
                let writer = &writer;
                scope.spawn(move || {
                    let line = format!("{}\n", letter.repeat(50));
                    (0..100).for_each(|_| writer.push(line.as_bytes()));
                });
            }
        });
        writer.flush();
        let read = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        assert_eq!(read.lines().count(), 300);
        for line in read.lines() {
            assert!(
                line.len() == 50 && line.chars().all(|c| line.starts_with(c)),
                "{line}"
            );
        }
    }
}
