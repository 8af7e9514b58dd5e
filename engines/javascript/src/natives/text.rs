//! Text encodings (<https://encoding.spec.whatwg.org>). `atob` and `btoa` are QuickJS's own.

use rquickjs::function::Func;
use rquickjs::{Ctx, Exception, Object, TypedArray, Value};

use crate::native::{Text, bytes_of};

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("utf8Encode", Func::from(utf8_encode))?;
    native.set("utf8EncodeInto", Func::from(utf8_encode_into))?;
    native.set("utf8Decode", Func::from(utf8_decode))?;
    native.set(
        "utf8Incomplete",
        Func::from(|bytes: TypedArray<'js, u8>| incomplete_tail(bytes_of(&bytes))),
    )?;
    native.set("utf16Decode", Func::from(utf16_decode))?;
    native.set("windows1252Decode", Func::from(windows_1252_decode))?;
    native.set("latin1Encode", Func::from(latin1_encode))?;
    native.set(
        "latin1Decode",
        Func::from(|bytes: TypedArray<'js, u8>| -> String {
            bytes_of(&bytes).iter().copied().map(char::from).collect()
        }),
    )
}

fn utf8_encode<'js>(ctx: Ctx<'js>, text: Text) -> rquickjs::Result<TypedArray<'js, u8>> {
    TypedArray::new(ctx, text.0)
}

/// How many UTF-16 units were read and how many bytes were written.
fn utf8_encode_into<'js>(
    ctx: Ctx<'js>,
    text: Text,
    into: TypedArray<'js, u8>,
) -> rquickjs::Result<Vec<usize>> {
    let _ = ctx;
    let Some(mut raw) = into.as_raw() else {
        return Ok(vec![0, 0]);
    };
    // SAFETY: `into` keeps the memory alive, and no script runs before this function ends.
    let room = unsafe { raw.as_mut() };
    let written = text.0.floor_char_boundary(room.len());
    let fits = &text.0.as_bytes()[..written];
    room[..written].copy_from_slice(fits);
    Ok(vec![text.0[..written].encode_utf16().count(), written])
}

/// The text of UTF-8, without its byte order mark unless that is to be kept. What is not valid is
/// replaced, or with `fatal` makes the result undefined.
fn utf8_decode<'js>(
    ctx: Ctx<'js>,
    bytes: TypedArray<'js, u8>,
    fatal: bool,
    keep_mark: bool,
) -> rquickjs::Result<Value<'js>> {
    let mut bytes = bytes_of(&bytes);
    if !keep_mark {
        bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => string(ctx, text),
        Err(_) if fatal => Ok(Value::new_undefined(ctx)),
        Err(_) => string(ctx, &String::from_utf8_lossy(bytes)),
    }
}

fn string<'js>(ctx: Ctx<'js>, text: &str) -> rquickjs::Result<Value<'js>> {
    rquickjs::String::from_str(ctx, text).map(rquickjs::String::into_value)
}

/// How many of the last bytes begin a character that may go on in the next chunk.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    (0..tail.len())
        .find(|&at| {
            matches!(std::str::from_utf8(&tail[at..]), Err(error)
                if error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| tail.len() - at)
}

/// The text of UTF-16; an odd byte at the end or half of a pair is replaced, or with `fatal` makes
/// the result undefined.
fn utf16_decode(bytes: TypedArray<'_, u8>, big_endian: bool, fatal: bool) -> Option<String> {
    let bytes = bytes_of(&bytes);
    let read = if big_endian {
        u16::from_be_bytes
    } else {
        u16::from_le_bytes
    };
    let (units, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(units.iter().map(|&unit| read(unit))) {
        match decoded {
            Ok(char) => text.push(char),
            Err(_) if fatal => return None,
            Err(_) => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
    if !rest.is_empty() {
        if fatal {
            return None;
        }
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Some(text)
}

/// windows-1252 from 0x80 to 0x9f; elsewhere it is Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252_decode(bytes: TypedArray<'_, u8>) -> String {
    let bytes = bytes_of(&bytes);
    let char_of = |&byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    };
    bytes.iter().map(char_of).collect()
}

/// The bytes of a byte string.
fn latin1_encode<'js>(ctx: Ctx<'js>, text: Text) -> rquickjs::Result<TypedArray<'js, u8>> {
    let bytes = text.0.chars().map(|char| u8::try_from(u32::from(char)));
    match bytes.collect::<Result<Vec<u8>, _>>() {
        Ok(bytes) => TypedArray::new(ctx, bytes),
        Err(_) => Err(Exception::throw_type(&ctx, "not a byte string")),
    }
}
