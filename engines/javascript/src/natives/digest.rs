//! The algorithms of `crypto.subtle`, and the numbers of `Math.random`.

use hmac::{Hmac, Mac};
use rquickjs::function::Func;
use rquickjs::{ArrayBuffer, Ctx, Exception, Object, TypedArray};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::native::{Text, bytes_of};

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("digest", Func::from(digest))?;
    native.set("hmac", Func::from(hmac))?;
    native.set(
        "sameBytes",
        Func::from(|a: TypedArray<'js, u8>, b: TypedArray<'js, u8>| {
            same(bytes_of(&a), bytes_of(&b))
        }),
    )
}

fn digest<'js>(
    ctx: Ctx<'js>,
    name: Text,
    data: TypedArray<'js, u8>,
) -> rquickjs::Result<ArrayBuffer<'js>> {
    let data = bytes_of(&data);
    let bytes = match &*name.0 {
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        _ => return Err(unknown(&ctx)),
    };
    ArrayBuffer::new(ctx, bytes)
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    name: Text,
    key: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> rquickjs::Result<ArrayBuffer<'js>> {
    let (key, data) = (bytes_of(&key), bytes_of(&data));
    let code = match &*name.0 {
        "SHA-1" => code::<Hmac<Sha1>>(key, data),
        "SHA-256" => code::<Hmac<Sha256>>(key, data),
        "SHA-384" => code::<Hmac<Sha384>>(key, data),
        "SHA-512" => code::<Hmac<Sha512>>(key, data),
        _ => None,
    };
    let code = code.ok_or_else(|| unknown(&ctx))?;
    ArrayBuffer::new(ctx, code)
}

fn code<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as Mac>::new_from_slice(key).ok()?;
    mac.update(data);
    Some(mac.finalize().into_bytes().to_vec())
}

fn unknown(ctx: &Ctx<'_>) -> rquickjs::Error {
    Exception::throw_dom(ctx, "NotSupportedError", "unknown algorithm")
}

/// Takes as long for bytes that differ early as for those that differ late.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}
