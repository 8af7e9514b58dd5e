//! What scripts have their host do: the functions that begin operations, and what their outcomes
//! are in JavaScript.

use std::rc::Rc;

use rquickjs::function::Func;
use rquickjs::{Array, BigInt, Ctx, Exception, IntoJs, Object, TypedArray, Value};
use script_abi::{
    CacheOperation, FetchBody, KvOperation, Operation, Outcome, Redirect, decode, encode,
};

use crate::host;
use crate::native::{Text, byte_chars, byte_string, bytes_of};
use crate::realm::Shared;

/// Adds all functions to `native`. `owner` is the request that an operation is begun for.
pub(crate) fn install(native: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let of = Rc::clone(shared);
    native.set("current", Func::from(move || of.current.get()))?;
    let of = Rc::clone(shared);
    native.set("causedBy", Func::from(move |id: u32| of.current.set(id)))?;
    install_calls(native)?;
    install_kv(native)?;
    native.set("cacheGet", Func::from(cache_get))?;
    native.set("cacheSet", Func::from(cache_set))
}

fn begin(owner: u32, operation: &Operation<'_>) -> u32 {
    host::operate(owner, &encode(operation))
}

fn install_calls(native: &Object<'_>) -> rquickjs::Result<()> {
    native.set("fetch", Func::from(fetch))?;
    let send = |owner: u32, call: u32, piece: Raw| {
        let piece = piece.as_deref();
        begin(owner, &Operation::Send { call, piece })
    };
    native.set("send", Func::from(send))?;
    let receive = |owner: u32, call: u32| begin(owner, &Operation::Receive { call });
    native.set("receive", Func::from(receive))?;
    let cancel = |number: u32| {
        begin(0, &Operation::Cancel { number });
    };
    native.set("cancel", Func::from(cancel))
}

fn fetch<'js>(
    owner: u32,
    method: Text,
    url: Text,
    headers: Array<'js>,
    body: Value<'js>,
    redirect: Text,
) -> rquickjs::Result<u32> {
    let fields = (0..headers.len())
        .map(|place| Ok(byte_chars(&headers.get::<Text>(place)?.0)))
        .collect::<rquickjs::Result<Vec<_>>>()?;
    let whole;
    let body = match body.as_bool() {
        Some(_) => FetchBody::Stream,
        None => {
            whole = Raw::from_value(&body)?;
            whole.as_deref().map_or(FetchBody::None, FetchBody::Whole)
        }
    };
    let operation = Operation::Fetch {
        method: &method.0,
        url: &url.0,
        headers: fields
            .chunks_exact(2)
            .map(|pair| (&*pair[0], &*pair[1]))
            .collect(),
        body,
        redirect: match &*redirect.0 {
            "manual" => Redirect::Manual,
            "error" => Redirect::Error,
            _ => Redirect::Follow,
        },
    };
    Ok(begin(owner, &operation))
}

fn install_kv(native: &Object<'_>) -> rquickjs::Result<()> {
    let kv = |owner: u32, operation: KvOperation<'_>| begin(owner, &Operation::Kv(operation));
    let get = move |owner: u32, key: Raw| kv(owner, KvOperation::Get(key.bytes()));
    native.set("kvGet", Func::from(get))?;
    let get_many = move |owner: u32, keys: Array<'_>| {
        let keys = list(&keys)?;
        let keys = keys.iter().map(Raw::bytes).collect();
        rquickjs::Result::Ok(kv(owner, KvOperation::GetMany(keys)))
    };
    native.set("kvGetMany", Func::from(get_many))?;
    // Keys and values by turns.
    let write = move |owner: u32, pairs: Array<'_>| {
        let pairs = list(&pairs)?;
        let pairs = pairs.chunks_exact(2);
        let pairs = pairs.map(|pair| (pair[0].bytes(), pair[1].as_deref()));
        rquickjs::Result::Ok(kv(owner, KvOperation::Write(pairs.collect())))
    };
    native.set("kvWrite", Func::from(write))?;
    let delete = move |owner: u32, key: Raw| kv(owner, KvOperation::Delete(key.bytes()));
    native.set("kvDelete", Func::from(delete))?;
    let list = move |owner: u32, prefix: Raw, after: Raw, limit: u32| {
        let (prefix, after) = (prefix.bytes(), after.as_deref());
        let operation = KvOperation::List {
            prefix,
            after,
            limit,
        };
        kv(owner, operation)
    };
    native.set("kvList", Func::from(list))?;
    let increment = move |owner: u32, key: Raw, delta: BigInt<'_>| {
        let (key, delta) = (key.bytes(), delta.to_i64()?);
        rquickjs::Result::Ok(kv(owner, KvOperation::Increment { key, delta }))
    };
    native.set("kvIncrement", Func::from(increment))?;
    let compare_and_set = move |owner: u32, key: Raw, expected: Raw, value: Raw| {
        let operation = KvOperation::CompareAndSet {
            key: key.bytes(),
            expected: expected.as_deref(),
            value: value.as_deref(),
        };
        kv(owner, operation)
    };
    native.set("kvCompareAndSet", Func::from(compare_and_set))
}

/// What a key stands for, or why that is not known.
fn cache_get<'js>(ctx: Ctx<'js>, key: Raw) -> rquickjs::Result<Value<'js>> {
    cache(&ctx, CacheOperation::Get(key.bytes()))
}

fn cache_set<'js>(ctx: Ctx<'js>, key: Raw, value: Raw) -> rquickjs::Result<Value<'js>> {
    cache(&ctx, CacheOperation::Set(key.bytes(), value.as_deref()))
}

/// Its outcome, as a list of whether it failed and what it is.
fn cache<'js>(ctx: &Ctx<'js>, operation: CacheOperation<'_>) -> rquickjs::Result<Value<'js>> {
    // An instance that has it works on one request.
    let length = begin(0, &Operation::Cache(operation));
    // A u32 fits into a usize on every machine that this is built for.
    let outcome = host::input(length as usize);
    let (failed, value) = outcome_of(ctx, &outcome)?;
    let list = Array::new(ctx.clone())?;
    list.set(0, failed)?;
    list.set(1, value)?;
    Ok(list.into_value())
}

/// Whether an operation failed, and its outcome as a value.
pub(crate) fn outcome_of<'js>(
    ctx: &Ctx<'js>,
    outcome: &[u8],
) -> rquickjs::Result<(bool, Value<'js>)> {
    let outcome = decode::<Outcome<'_>>(outcome)
        .map_err(|error| Exception::throw_message(ctx, &error.to_string()))?;
    let value = match outcome {
        Outcome::Done => Value::new_undefined(ctx.clone()),
        Outcome::Answer {
            status,
            reason,
            url,
            redirected,
            headers,
        } => {
            let list = Array::new(ctx.clone())?;
            for (place, (name, value)) in headers.into_iter().enumerate() {
                list.set(2 * place, byte_string(name))?;
                list.set(2 * place + 1, byte_string(value))?;
            }
            let answer = Object::new(ctx.clone())?;
            answer.set("status", status)?;
            answer.set("reason", reason)?;
            answer.set("url", url)?;
            answer.set("redirected", redirected)?;
            answer.set("headers", list)?;
            answer.into_value()
        }
        Outcome::Piece(bytes) => piece(ctx, bytes)?,
        Outcome::Is(is) => Value::new_bool(ctx.clone(), is),
        Outcome::Sum(sum) => BigInt::from_i64(ctx.clone(), sum)?.into_value(),
        Outcome::Values(values) => {
            let list = Array::new(ctx.clone())?;
            for (place, value) in values.into_iter().enumerate() {
                list.set(place, optional(ctx, value)?)?;
            }
            list.into_value()
        }
        Outcome::Keys { keys, next } => {
            let list = Array::new(ctx.clone())?;
            for (place, key) in keys.into_iter().enumerate() {
                list.set(place, piece(ctx, key)?)?;
            }
            let page = Object::new(ctx.clone())?;
            page.set("keys", list)?;
            page.set("next", optional(ctx, next)?)?;
            page.into_value()
        }
        Outcome::Failed { code, message } => {
            let failure = Object::new(ctx.clone())?;
            failure.set("code", code)?;
            failure.set("message", message)?;
            return Ok((true, failure.into_value()));
        }
    };
    Ok((false, value))
}

fn piece<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> rquickjs::Result<Value<'js>> {
    TypedArray::<u8>::new_copy(ctx.clone(), bytes)?.into_js(ctx)
}

fn optional<'js>(ctx: &Ctx<'js>, bytes: Option<&[u8]>) -> rquickjs::Result<Value<'js>> {
    match bytes {
        Some(bytes) => piece(ctx, bytes),
        None => Ok(Value::new_null(ctx.clone())),
    }
}

fn list(values: &Array<'_>) -> rquickjs::Result<Vec<Raw>> {
    values.iter::<Raw>().collect()
}

/// A key or a value: a string or a Uint8Array; or nothing.
struct Raw(Option<Vec<u8>>);

impl Raw {
    fn from_value(value: &Value<'_>) -> rquickjs::Result<Self> {
        if value.is_null() || value.is_undefined() {
            return Ok(Self(None));
        }
        if let Some(text) = value.as_string() {
            return Ok(Self(Some(Text::of(text).0.into_bytes())));
        }
        match value.as_object().and_then(|o| o.as_typed_array::<u8>()) {
            Some(bytes) => Ok(Self(Some(bytes_of(bytes).to_vec()))),
            None => Err(rquickjs::Error::new_from_js(value.type_name(), "bytes")),
        }
    }

    fn as_deref(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    fn bytes(&self) -> &[u8] {
        self.as_deref().unwrap_or_default()
    }
}

impl<'js> rquickjs::FromJs<'js> for Raw {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<Self> {
        Self::from_value(&value)
    }
}
