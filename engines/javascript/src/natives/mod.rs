//! What the prelude leaves to Rust since an interpreter would be slow at it: addresses, text
//! encodings, forms, digests, compression.

mod compression;
mod digest;
mod form;
mod promise;
mod text;
mod url;

use rquickjs::{Ctx, Object};

/// Adds all functions to `native`.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    text::install(ctx, native)?;
    url::install(ctx, native)?;
    form::install(ctx, native)?;
    digest::install(ctx, native)?;
    compression::install(ctx, native)?;
    promise::install(ctx, native)
}
