//! `CompressionStream` and `DecompressionStream` (<https://compression.spec.whatwg.org>).

use std::io::{self, Write};
use std::mem;

use flate2::write::{DeflateEncoder, GzDecoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, Decompress, FlushDecompress, Status};
use rquickjs::class::{JsClass, Trace, Tracer, Writable};
use rquickjs::function::{Constructor, Func};
use rquickjs::{Class, Ctx, Exception, JsLifetime, Object, TypedArray};

use crate::native::{Text, bytes_of};

/// Room for what one step of inflating makes.
const STEP_BYTES: usize = 32 * 1024;

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("codec", Func::from(codec))?;
    native.set("codecWrite", Func::from(write))?;
    native.set("codecEnd", Func::from(end))
}

/// The state of one stream. An encoder's output is taken from its `Vec` after every chunk.
enum Codec {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    DeflateRaw(DeflateEncoder<Vec<u8>>),
    Gunzip(GzDecoder<Vec<u8>>),
    Inflate { state: Decompress, ended: bool },
    Ended,
}

impl Codec {
    fn new(format: &str, compress: bool) -> Option<Self> {
        let level = Compression::default();
        Some(match (format, compress) {
            ("gzip", true) => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            ("deflate", true) => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
            ("deflate-raw", true) => Self::DeflateRaw(DeflateEncoder::new(Vec::new(), level)),
            ("gzip", false) => Self::Gunzip(GzDecoder::new(Vec::new())),
            ("deflate", false) => Self::Inflate {
                state: Decompress::new(true),
                ended: false,
            },
            ("deflate-raw", false) => Self::Inflate {
                state: Decompress::new(false),
                ended: false,
            },
            _ => return None,
        })
    }

    /// What a chunk leads to, which may be nothing yet.
    fn write(&mut self, input: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(to) => to.write_all(input).map(|()| mem::take(to.get_mut())),
            Self::Deflate(to) => to.write_all(input).map(|()| mem::take(to.get_mut())),
            Self::DeflateRaw(to) => to.write_all(input).map(|()| mem::take(to.get_mut())),
            // It takes no more bytes when the stream has ended: `write_all` fails then.
            Self::Gunzip(to) => to.write_all(input).map(|()| mem::take(to.get_mut())),
            Self::Inflate { state, ended } => inflate(state, ended, input),
            Self::Ended => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The rest of the output.
    fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(from) => from.finish(),
            Self::Deflate(from) => from.finish(),
            Self::DeflateRaw(from) => from.finish(),
            Self::Gunzip(from) => from.finish(),
            Self::Inflate { ended: true, .. } => Ok(Vec::new()),
            Self::Inflate { .. } | Self::Ended => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Bytes behind the end of the stream are an error (Compression, 6.1).
fn inflate(state: &mut Decompress, ended: &mut bool, input: &[u8]) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let (first_in, mut read) = (state.total_in(), 0);
    loop {
        if *ended && read < input.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if *ended {
            return Ok(output);
        }
        output.reserve(STEP_BYTES);
        let before = (read, output.len());
        let status = state.decompress_vec(&input[read..], &mut output, FlushDecompress::None)?;
        read = usize::try_from(state.total_in() - first_in).unwrap_or(input.len());
        *ended = status == Status::StreamEnd;
        if !*ended && before == (read, output.len()) {
            return Ok(output);
        }
    }
}

impl<'js> Trace<'js> for Codec {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

// SAFETY: it holds no JavaScript value.
unsafe impl<'js> JsLifetime<'js> for Codec {
    type Changed<'to> = Codec;
}

impl<'js> JsClass<'js> for Codec {
    const NAME: &'static str = "Codec";

    type Mutable = Writable;

    fn constructor(_: &Ctx<'js>) -> rquickjs::Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

fn codec<'js>(ctx: Ctx<'js>, format: Text, compress: bool) -> rquickjs::Result<Class<'js, Codec>> {
    match Codec::new(&format.0, compress) {
        Some(codec) => Class::instance(ctx, codec),
        None => Err(Exception::throw_type(&ctx, "unknown compression format")),
    }
}

fn write<'js>(
    ctx: Ctx<'js>,
    codec: Class<'js, Codec>,
    input: TypedArray<'js, u8>,
) -> rquickjs::Result<TypedArray<'js, u8>> {
    let output = codec.try_borrow_mut()?.write(bytes_of(&input));
    give(ctx, output)
}

fn end<'js>(ctx: Ctx<'js>, codec: Class<'js, Codec>) -> rquickjs::Result<TypedArray<'js, u8>> {
    let codec = mem::replace(&mut *codec.try_borrow_mut()?, Codec::Ended);
    give(ctx, codec.end())
}

fn give<'js>(ctx: Ctx<'js>, output: io::Result<Vec<u8>>) -> rquickjs::Result<TypedArray<'js, u8>> {
    match output {
        Ok(bytes) => TypedArray::new(ctx, bytes),
        Err(error) => {
            let message = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the compressed data ends too early",
                io::ErrorKind::WriteZero => "there are bytes behind the end of the compressed data",
                _ => "the compressed data is damaged",
            };
            Err(Exception::throw_type(&ctx, message))
        }
    }
}
