//! The standard output and error of a guest.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Where each line goes that a guest logs.
pub type LogLine = Arc<dyn Fn(LogLevel, &str) + Send + Sync>;

/// How much a line of a guest's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// For whoever looks for an error.
    Debug,
    /// What has no level has this one.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// A longer line is logged in pieces.
const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// What one request may log; the rest is dropped, and that is said.
const LOG_BYTES_MAX: usize = 256 * 1024;

/// A bounded buffer that a guest writes its answer to.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    limit: usize,
    state: Arc<Mutex<AnswerState>>,
}

#[derive(Debug, Default)]
struct AnswerState {
    bytes: BytesMut,
    overflowed: bool,
}

impl Answer {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Arc::default(),
        }
    }

    /// What was written, or `None` if it was more than the limit.
    pub(crate) fn take(&self) -> Option<BytesMut> {
        let mut state = lock(&self.state);
        (!state.overflowed).then(|| std::mem::take(&mut state.bytes))
    }

    pub(crate) fn overflowed(&self) -> bool {
        lock(&self.state).overflowed
    }

    /// False if the limit does not allow it; the guest cannot be told why.
    fn push(&self, bytes: &[u8]) -> bool {
        let mut state = lock(&self.state);
        if state.overflowed || bytes.len() > self.limit - state.bytes.len() {
            *state = AnswerState {
                bytes: BytesMut::new(),
                overflowed: true,
            };
            return false;
        }
        state.bytes.extend_from_slice(bytes);
        true
    }
}

/// Splits what a guest writes into lines and logs each.
#[derive(Clone)]
pub(crate) struct Log {
    line: LogLine,
    state: Arc<Mutex<LogState>>,
}

#[derive(Default)]
struct LogState {
    unfinished: Vec<u8>,
    logged_bytes: usize,
}

impl Log {
    pub(crate) fn new(line: LogLine) -> Self {
        Self {
            line,
            state: Arc::default(),
        }
    }

    /// Logs what came after the last newline.
    pub(crate) fn finish(&self) {
        let unfinished = std::mem::take(&mut lock(&self.state).unfinished);
        if !unfinished.is_empty() {
            (self.line)(LogLevel::Info, &String::from_utf8_lossy(&unfinished));
        }
        lock(&self.state).logged_bytes = 0;
    }

    /// Logs a text of one or more lines.
    pub(crate) fn say(&self, level: LogLevel, text: &str) {
        for line in text.split('\n') {
            self.add(level, line.as_bytes());
            self.add(level, b"\n");
        }
    }

    pub(crate) fn error(&self, text: &str) {
        self.say(LogLevel::Error, text);
    }

    /// Logs what was written to standard error.
    pub(crate) fn push(&self, bytes: &[u8]) {
        self.add(LogLevel::Info, bytes);
    }

    fn add(&self, level: LogLevel, bytes: &[u8]) {
        let mut state = lock(&self.state);
        if state.logged_bytes > LOG_BYTES_MAX {
            return;
        }
        state.logged_bytes += bytes.len();
        for &byte in bytes {
            if byte != b'\n' {
                state.unfinished.push(byte);
            }
            if byte == b'\n' || state.unfinished.len() == LOG_LINE_BYTES_MAX {
                let line = std::mem::take(&mut state.unfinished);
                (self.line)(level, &String::from_utf8_lossy(&line));
            }
        }
        if state.logged_bytes > LOG_BYTES_MAX {
            state.unfinished.clear();
            (self.line)(
                LogLevel::Warn,
                "this request has logged too much; the rest of its log is dropped",
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while a line is logged leaves a half-written line at worst.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IsTerminal for Answer {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Answer {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

/// How much a guest may offer at once.
const PERMIT_BYTES: usize = 64 * 1024;

impl OutputStream for Answer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match self.push(&bytes) {
            true => Ok(()),
            false => Err(StreamError::Trap(wasmtime::format_err!(
                "the response is too large"
            ))),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

impl OutputStream for Log {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Answer {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl Pollable for Log {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Answer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(match self.push(bytes) {
            true => Ok(bytes.len()),
            false => Err(std::io::ErrorKind::FileTooLarge.into()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Log {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(writes: &[&[u8]]) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let log = Log::new(Arc::new(move |_, line: &str| {
            lock(&sink).push(line.to_owned())
        }));
        writes.iter().for_each(|bytes| log.push(bytes));
        log.finish();
        lock(&lines).clone()
    }

    #[test]
    fn an_answer_above_its_limit_is_dropped_whole() {
        let answer = Answer::new(4);
        assert!(answer.push(b"abcd"));
        assert!(!answer.push(b"e"));
        assert!(answer.overflowed());
        assert!(answer.take().is_none());
    }

    #[test]
    fn every_line_is_logged_once_and_the_last_without_newline_too() {
        assert_eq!(logged(&[b"a", b"b\nc\n\nd"]), ["ab", "c", "", "d"]);
        assert_eq!(logged(&[]), [""; 0]);
        assert_eq!(logged(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn an_endless_log_is_cut_and_says_so() {
        let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
        let lines = logged(&vec![&line[..]; 1000]);
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes < LOG_BYTES_MAX + 2 * LOG_LINE_BYTES_MAX, "{bytes}");
        assert!(lines.iter().all(|line| line.len() <= LOG_LINE_BYTES_MAX));
        assert!(lines.last().unwrap().contains("dropped"));
    }
}
