//! A look at a promise that costs no microtask.

use rquickjs::function::Func;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Object, Value};

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("fulfilled", Func::from(fulfilled))
}

/// What a promise was fulfilled with; undefined for one that is pending or rejected, and for
/// anything else. Most handlers are async functions that have ended when they return.
fn fulfilled<'js>(ctx: Ctx<'js>, value: Value<'js>) -> rquickjs::Result<Value<'js>> {
    if let Some(promise) = value.as_promise()
        && promise.state() == PromiseState::Resolved
        && let Some(result) = promise.result()
    {
        return result;
    }
    Ok(Value::new_undefined(ctx))
}
