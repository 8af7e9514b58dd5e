//! The first line of a request (RFC 9112, 3).

use crate::Refusal;
use crate::bytes::{count_paths, count_queries, count_tokens, is_path, is_query, is_target};
use crate::host::is_host;
use crate::text::Text;

/// A request line as it comes. Ends before its CR.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine {
    state: State,
    method: Method,
    is_1_0: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Method,
    TargetStart,
    /// `*`, which nothing may follow.
    Asterisk,
    Scheme,
    /// After a scheme; how many of its two slashes have come.
    Slashes(u8),
    Authority,
    /// Of the target; so is what follows. The text is a character that has not come to its end.
    Path,
    /// After the `?`.
    Query,
    /// How many bytes of the version have come.
    Version(u8),
    /// All of it.
    Whole,
}

/// What a method means to the form of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Connect,
    Options,
    Other,
}

/// `d` stands for a digit.
const VERSION: &[u8; 8] = b"HTTP/d.d";

impl RequestLine {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Method,
            method: Method::Other,
            is_1_0: false,
        }
    }

    pub(crate) fn is_1_0(self) -> bool {
        self.is_1_0
    }

    /// Whether the next byte belongs to the target, or ends it.
    pub(crate) fn in_target(self) -> bool {
        !matches!(self.state, State::Method | State::Version(_) | State::Whole)
    }

    /// Takes the bytes that go on with a method, or with a path and query, and says how many.
    pub(crate) fn take_run(self, bytes: &[u8], text: &mut Text) -> usize {
        match self.state {
            State::Method => {
                let count = count_tokens(bytes);
                text.extend(&bytes[..count]);
                count
            }
            State::Path if text.is_empty() => count_paths(bytes),
            State::Query if text.is_empty() => count_queries(bytes),
            _ => 0,
        }
    }

    /// Takes the next byte, at which a run ends; true if that was the CR at the end.
    pub(crate) fn push(&mut self, byte: u8, text: &mut Text) -> Result<bool, Refusal> {
        if byte == b'\n' {
            return Err(Refusal::BareLf);
        }
        match self.state {
            State::Method => self.method(byte, text)?,
            State::Version(at) => self.version(at, byte, text)?,
            State::Whole if byte == b'\r' => return Ok(true),
            State::Whole => return Err(Refusal::RequestLine),
            _ => self.target(byte, text)?,
        }
        Ok(false)
    }

    fn method(&mut self, byte: u8, text: &mut Text) -> Result<(), Refusal> {
        let method = text.whole().ok_or(Refusal::Method)?;
        if byte != b' ' || method.is_empty() {
            return Err(Refusal::Method);
        }
        self.method = match method {
            b"CONNECT" => Method::Connect,
            b"OPTIONS" => Method::Options,
            _ => Method::Other,
        };
        self.state = State::TargetStart;
        text.clear();
        Ok(())
    }

    fn target(&mut self, byte: u8, text: &mut Text) -> Result<(), Refusal> {
        if byte != b' ' && !is_target(byte) {
            return Err(Refusal::Target);
        }
        self.state = match (self.state, byte) {
            (State::TargetStart, b' ') => return Err(Refusal::Target),
            (State::TargetStart, _) if self.method == Method::Connect => {
                text.extend(&[byte]);
                State::Authority
            }
            (State::TargetStart, b'/') => State::Path,
            (State::TargetStart, b'*') if self.method == Method::Options => State::Asterisk,
            (State::TargetStart, _) => {
                text.extend(&[byte]);
                State::Scheme
            }
            (State::Scheme, b':') if text.is(b"http") || text.is(b"https") => State::Slashes(0),
            (State::Scheme, _) if byte.is_ascii_alphabetic() => {
                text.extend(&[byte]);
                State::Scheme
            }
            (State::Slashes(0), b'/') => State::Slashes(1),
            (State::Slashes(1), b'/') => {
                text.clear();
                State::Authority
            }
            (State::Authority, b'/' | b'?' | b' ') => self.after_authority(byte, text)?,
            (State::Authority, _) => {
                text.extend(&[byte]);
                State::Authority
            }
            (State::Path | State::Query, _) => self.path_or_query(byte, text)?,
            (State::Asterisk, b' ') => State::Version(0),
            _ => return Err(Refusal::Target),
        };
        Ok(())
    }

    fn path_or_query(self, byte: u8, text: &mut Text) -> Result<State, Refusal> {
        if !byte.is_ascii() || !text.is_empty() {
            take_beyond_ascii(byte, text)?;
            return Ok(self.state);
        }
        match (self.state, byte) {
            (_, b' ') => Ok(State::Version(0)),
            (State::Path, b'?') => Ok(State::Query),
            (State::Path, _) if is_path(byte) => Ok(State::Path),
            (State::Query, _) if is_query(byte) => Ok(State::Query),
            _ => Err(Refusal::TargetBytes),
        }
    }

    fn after_authority(self, byte: u8, text: &mut Text) -> Result<State, Refusal> {
        // Escapes, which a name may have as `Host`, the http crate takes in no authority.
        let is_authority = |host: &[u8]| is_host(host) && !host.contains(&b'%');
        if !text.whole().is_some_and(is_authority) {
            return Err(Refusal::Host);
        }
        text.clear();
        match byte {
            b' ' => Ok(State::Version(0)),
            _ if self.method == Method::Connect => Err(Refusal::Target),
            b'?' => Ok(State::Query),
            _ => Ok(State::Path),
        }
    }

    fn version(&mut self, at: u8, byte: u8, text: &mut Text) -> Result<(), Refusal> {
        let fits = match VERSION[usize::from(at)] {
            b'd' => byte.is_ascii_digit(),
            wanted => byte == wanted,
        };
        if !fits {
            return Err(Refusal::RequestLine);
        }
        text.extend(&[byte]);
        let next = at + 1;
        if usize::from(next) < VERSION.len() {
            self.state = State::Version(next);
            return Ok(());
        }
        self.is_1_0 = match text.whole() {
            Some(b"HTTP/1.1") => false,
            Some(b"HTTP/1.0") => true,
            _ => return Err(Refusal::Version),
        };
        self.state = State::Whole;
        Ok(())
    }
}

/// Takes the next byte of a character in UTF-8, which is no text any more once it is whole.
fn take_beyond_ascii(byte: u8, text: &mut Text) -> Result<(), Refusal> {
    text.extend(&[byte]);
    let begun = text.whole().ok_or(Refusal::TargetBytes)?;
    match std::str::from_utf8(begun).map(drop) {
        Ok(()) => text.clear(),
        Err(error) if error.error_len().is_none() => {}
        Err(_) => return Err(Refusal::TargetBytes),
    }
    Ok(())
}
