//! All that a client sends on a connection.

use crate::Refusal;
use crate::chunks::Chunks;
use crate::fields::{Body, Fields};
use crate::request_line::RequestLine;
use crate::text::Text;

/// How large a head may be, and the trailers of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a head from its first byte to the empty line, and of trailers.
    pub head_bytes: usize,
    /// Of a head, and of trailers.
    pub fields: usize,
    /// Of the target in the request line.
    pub target_bytes: usize,
}

impl Default for Limits {
    /// 16 KiB in 100 fields, half of it the target.
    fn default() -> Self {
        Self {
            head_bytes: 16 << 10,
            fields: 100,
            target_bytes: 8 << 10,
        }
    }
}

/// What a client sends on an HTTP/1 connection, read as it comes.
#[derive(Clone, Debug)]
pub struct Framing {
    limits: Limits,
    state: State,
    line: RequestLine,
    fields: Fields,
    chunks: Chunks,
    /// What is being collected: a method, a host, a name, a value.
    text: Text,
    /// Of the head or the trailers, up to here.
    head_bytes: usize,
    target_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    /// After the first byte of an empty line before a request.
    EmptyLine,
    /// After the empty line.
    AfterEmptyLine,
    RequestLine,
    /// After the CR of the request line.
    RequestLineEnd,
    Fields,
    /// How many bytes of the body are still to come, at least one.
    Counted(u64),
    Chunks,
    Trailers,
    Refused(Refused),
}

/// Bytes that do not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many bytes of the piece still pass, with all that was held back before them.
    pub passes: usize,
    /// Where the first one stands that does not.
    pub place: Place,
    /// What is wrong.
    pub refusal: Refusal,
}

/// Where a refused byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a message of which nothing has passed.
    Message,
    /// In the body of a message whose head has passed.
    Body,
}

impl Framing {
    /// At the beginning of a connection.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Between,
            line: RequestLine::new(),
            fields: Fields::new(),
            chunks: Chunks::new(),
            text: Text::new(),
            head_bytes: 0,
            target_bytes: 0,
        }
    }

    /// Whether a body has begun and not ended.
    #[must_use]
    pub const fn is_in_body(&self) -> bool {
        matches!(
            self.state,
            State::Counted(_) | State::Chunks | State::Trailers
        )
    }

    /// Reads the next piece, and says how many of its bytes may pass, with all that was held back
    /// before. The rest is the beginning of a head, to be held back until its end has come: nothing
    /// passes of a head that is refused. If none pass, nothing that was held back does.
    ///
    /// # Errors
    /// [`Refused`], now and from now on: whatever comes after it is no request.
    pub fn push(&mut self, piece: &[u8]) -> Result<usize, Refused> {
        if let State::Refused(refused) = self.state {
            return Err(Refused {
                passes: 0,
                ..refused
            });
        }
        // Where the message began that may not pass yet, or whose head came to its end just now.
        let mut message = (!self.is_in_body()).then_some(0);
        let mut at = 0;
        while at < piece.len() {
            if self.state == State::Between {
                message = Some(at);
            }
            match self.step(&piece[at..]) {
                Ok(taken) => at += taken,
                Err(refusal) => {
                    let refused = Refused {
                        passes: message.unwrap_or(at),
                        place: message.map_or(Place::Body, |_| Place::Message),
                        refusal,
                    };
                    self.state = State::Refused(refused);
                    return Err(refused);
                }
            }
        }
        Ok(match (self.is_in_head(), message) {
            (true, Some(begin)) => begin,
            _ => piece.len(),
        })
    }

    const fn is_in_head(&self) -> bool {
        !self.is_in_body() && !matches!(self.state, State::Between)
    }

    /// Takes a byte, or several that belong together; says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let byte = bytes[0];
        let mut taken = 1;
        match self.state {
            State::Between => taken = self.begin(byte),
            State::EmptyLine if byte == b'\n' => self.state = State::AfterEmptyLine,
            State::EmptyLine => return Err(Refusal::BareCr),
            State::AfterEmptyLine if byte == b'\r' || byte == b'\n' => {
                return Err(Refusal::EmptyLines);
            }
            State::AfterEmptyLine => {
                taken = 0;
                self.state = State::RequestLine;
            }
            State::RequestLine => taken = self.request_line(bytes)?,
            State::RequestLineEnd if byte == b'\n' => self.state = State::Fields,
            State::RequestLineEnd => return Err(Refusal::BareCr),
            State::Fields | State::Trailers => return self.take_fields(bytes),
            State::Counted(left) => return Ok(self.counted(left, bytes.len())),
            State::Chunks => return self.take_chunks(bytes),
            State::Refused(refused) => return Err(refused.refusal),
        }
        self.count(taken)?;
        Ok(taken)
    }

    /// Takes the CR of an empty line, or nothing.
    fn begin(&mut self, byte: u8) -> usize {
        self.line = RequestLine::new();
        self.fields = Fields::new();
        self.text.clear();
        self.head_bytes = 0;
        self.target_bytes = 0;
        let is_empty_line = byte == b'\r';
        self.state = match is_empty_line {
            true => State::EmptyLine,
            false => State::RequestLine,
        };
        is_empty_line.into()
    }

    fn request_line(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let in_target = self.line.in_target();
        let run = self.line.take_run(bytes, &mut self.text);
        let taken = run.max(1);
        if in_target {
            self.target_bytes += taken;
            // The blank at its end is counted too.
            if self.target_bytes > self.limits.target_bytes.saturating_add(1) {
                return Err(Refusal::TargetTooLong);
            }
        }
        if run == 0 && self.line.push(bytes[0], &mut self.text)? {
            self.state = State::RequestLineEnd;
        }
        Ok(taken)
    }

    fn take_fields(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let run = self.fields.take_run(bytes, &mut self.text);
        let taken = run.max(1);
        self.count(taken)?;
        if run > 0 {
            return Ok(taken);
        }
        let is_end = self.fields.push(bytes[0], &mut self.text)?;
        if self.fields.count() > self.limits.fields {
            return Err(Refusal::TooManyFields);
        }
        if is_end {
            self.state = self.after_fields()?;
        }
        Ok(taken)
    }

    fn after_fields(&mut self) -> Result<State, Refusal> {
        if self.state == State::Trailers {
            self.fields.check_trailers()?;
            return Ok(State::Between);
        }
        Ok(match self.fields.body(self.line.is_1_0())? {
            Body::Counted(0) => State::Between,
            Body::Counted(length) => State::Counted(length),
            Body::Chunked => {
                self.chunks = Chunks::new();
                State::Chunks
            }
        })
    }

    fn counted(&mut self, left: u64, available: usize) -> usize {
        let taken = usize::try_from(left).map_or(available, |left| left.min(available));
        self.state = match left - taken as u64 {
            0 => State::Between,
            left => State::Counted(left),
        };
        taken
    }

    fn take_chunks(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let data = self.chunks.take_data(bytes.len());
        if data > 0 {
            return Ok(data);
        }
        if self.chunks.push(bytes[0])? {
            self.state = State::Trailers;
            self.fields = Fields::new();
            self.head_bytes = 0;
        }
        Ok(1)
    }

    fn count(&mut self, taken: usize) -> Result<(), Refusal> {
        self.head_bytes += taken;
        match self.head_bytes > self.limits.head_bytes {
            true if self.state == State::RequestLine => Err(Refusal::TargetTooLong),
            true => Err(Refusal::FieldsTooLarge),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
