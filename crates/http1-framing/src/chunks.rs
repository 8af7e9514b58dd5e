//! The chunks of a body (RFC 9112, 7.1), up to the trailers.

use crate::Refusal;
use crate::bytes::is_value;

/// Extensions mean nothing to us; longer ones are there to keep us busy.
const EXTENSION_BYTES_MAX: u16 = 256;

/// As many hexadecimal digits as 64 bits have.
const DIGITS_MAX: u8 = 16;

/// Chunks as they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Of the chunk, in bytes; counted down in its data.
    size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// How many digits have come.
    Size(u8),
    /// How many bytes have come.
    Extension(u16),
    /// After the CR of the size.
    SizeEnd,
    Data,
    /// After the data.
    DataEnd,
    /// After the CR that follows the data.
    DataLineEnd,
}

impl Chunks {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Size(0),
            size: 0,
        }
    }

    /// Takes as many of the bytes as are data, and says how many.
    pub(crate) fn take_data(&mut self, available: usize) -> usize {
        if self.state != State::Data {
            return 0;
        }
        let taken = usize::try_from(self.size).map_or(available, |size| size.min(available));
        self.size -= taken as u64;
        if self.size == 0 {
            self.state = State::DataEnd;
        }
        taken
    }

    /// Takes the next byte, which is no data; true if that was the last before the trailers.
    pub(crate) fn push(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.state = match self.state {
            State::Size(digits) => self.in_size(digits, byte)?,
            State::Extension(count) => in_extension(count, byte)?,
            State::SizeEnd if byte != b'\n' => return Err(Refusal::BareCr),
            State::SizeEnd if self.size == 0 => return Ok(true),
            State::SizeEnd => State::Data,
            State::DataEnd if byte == b'\r' => State::DataLineEnd,
            State::DataLineEnd if byte == b'\n' => {
                self.size = 0;
                State::Size(0)
            }
            State::Data | State::DataEnd | State::DataLineEnd => return Err(Refusal::ChunkEnd),
        };
        Ok(false)
    }

    fn in_size(&mut self, digits: u8, byte: u8) -> Result<State, Refusal> {
        match byte {
            b'\r' if digits > 0 => return Ok(State::SizeEnd),
            b';' if digits > 0 => return Ok(State::Extension(0)),
            b'\n' => return Err(Refusal::BareLf),
            _ => {}
        }
        let digit = char::from(byte).to_digit(16).ok_or(Refusal::ChunkSize)?;
        if digits == DIGITS_MAX {
            return Err(Refusal::ChunkSize);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size(digits + 1))
    }
}

fn in_extension(count: u16, byte: u8) -> Result<State, Refusal> {
    match byte {
        b'\r' => Ok(State::SizeEnd),
        b'\n' => Err(Refusal::BareLf),
        _ if !is_value(byte) || count == EXTENSION_BYTES_MAX => Err(Refusal::ChunkExtension),
        _ => Ok(State::Extension(count + 1)),
    }
}
