//! The fields of a head or of trailers (RFC 9112, 5), and what they say of a body (6).

use crate::Refusal;
use crate::bytes::{count_tokens, count_values, is_token};
use crate::host::is_host;
use crate::text::Text;

/// Fields as they come, from the beginning of a line to the LF of the empty one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    state: State,
    known: Known,
    count: usize,
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LineStart,
    Name,
    /// From the colon on.
    Value,
    /// After the CR of a field.
    LineEnd,
    /// After the CR of the empty line.
    End,
}

/// Fields that say where a request goes or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Host,
    ContentLength,
    TransferEncoding,
    Other,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Bytes; 0 where there is none.
    Counted(u64),
    Chunked,
}

impl Fields {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::LineStart,
            known: Known::Other,
            count: 0,
            has_host: false,
            length: None,
            is_chunked: false,
        }
    }

    /// How many fields have begun.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Takes the bytes that go on with a name or a value, and says how many.
    pub(crate) fn take_run(&mut self, bytes: &[u8], text: &mut Text) -> usize {
        let count = match self.state {
            State::Name => count_tokens(bytes),
            State::Value => count_values(bytes),
            State::LineStart | State::LineEnd | State::End => 0,
        };
        // The value of any other field is nobody's business here.
        if self.state == State::Name || self.known != Known::Other {
            text.extend(&bytes[..count]);
        }
        count
    }

    /// Takes the next byte, at which a run ends; true if that was the last.
    pub(crate) fn push(&mut self, byte: u8, text: &mut Text) -> Result<bool, Refusal> {
        match self.state {
            State::LineStart => self.line_start(byte, text)?,
            State::Name => self.name(byte, text)?,
            State::Value if byte == b'\r' => self.state = State::LineEnd,
            State::Value if byte == b'\n' => return Err(Refusal::BareLf),
            State::Value => return Err(Refusal::FieldValue),
            State::LineEnd if byte == b'\n' => {
                self.settle(text)?;
                self.state = State::LineStart;
            }
            State::End if byte == b'\n' => return Ok(true),
            State::LineEnd | State::End => return Err(Refusal::BareCr),
        }
        Ok(false)
    }

    fn line_start(&mut self, byte: u8, text: &mut Text) -> Result<(), Refusal> {
        match byte {
            b'\r' => self.state = State::End,
            b'\n' => return Err(Refusal::BareLf),
            b' ' | b'\t' => return Err(Refusal::Fold),
            _ if is_token(byte) => {
                self.state = State::Name;
                self.count += 1;
                text.clear();
                text.extend(&[byte]);
            }
            _ => return Err(Refusal::FieldName),
        }
        Ok(())
    }

    fn name(&mut self, byte: u8, text: &mut Text) -> Result<(), Refusal> {
        match byte {
            b':' => {
                self.known = known(text);
                self.state = State::Value;
                text.clear();
            }
            b' ' | b'\t' => return Err(Refusal::BlankBeforeColon),
            _ => return Err(Refusal::FieldName),
        }
        Ok(())
    }

    /// What the field that has just ended means.
    fn settle(&mut self, text: &Text) -> Result<(), Refusal> {
        // What is too long for a text is nothing that any of these could be.
        let value = text.whole().map(without_blanks).unwrap_or_default();
        match self.known {
            Known::Other => {}
            Known::Host if self.has_host => return Err(Refusal::Hosts),
            Known::Host if !is_host(value) => return Err(Refusal::Host),
            Known::Host => self.has_host = true,
            Known::ContentLength if self.length.is_some() => return Err(Refusal::Lengths),
            Known::ContentLength => self.length = Some(number(value)?),
            Known::TransferEncoding => {
                if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::TransferEncoding);
                }
                self.is_chunked = true;
            }
        }
        Ok(())
    }

    /// The body that follows the head of a request.
    pub(crate) fn body(&self, is_1_0: bool) -> Result<Body, Refusal> {
        match (self.is_chunked, self.length) {
            _ if !is_1_0 && !self.has_host => Err(Refusal::Hosts),
            (true, _) if is_1_0 => Err(Refusal::TransferEncodingIn10),
            (true, Some(_)) => Err(Refusal::TwoFramings),
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Counted(length.unwrap_or(0))),
        }
    }

    /// Whether these are trailers that are none of the head's fields.
    pub(crate) fn check_trailers(&self) -> Result<(), Refusal> {
        match self.has_host || self.is_chunked || self.length.is_some() {
            true => Err(Refusal::Trailer),
            false => Ok(()),
        }
    }
}

/// Without the blanks around it. A tab is one too (RFC 9110, 5.6.3), but is no blank to all who
/// read what these fields say, and nobody sends it.
fn without_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}

fn known(name: &Text) -> Known {
    if name.is(b"host") {
        Known::Host
    } else if name.is(b"content-length") {
        Known::ContentLength
    } else if name.is(b"transfer-encoding") {
        Known::TransferEncoding
    } else {
        Known::Other
    }
}

/// `1*DIGIT`, within 64 bits.
fn number(digits: &[u8]) -> Result<u64, Refusal> {
    if digits.is_empty() {
        return Err(Refusal::Length);
    }
    let add = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    digits.iter().try_fold(0, add).ok_or(Refusal::Length)
}
