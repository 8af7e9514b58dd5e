//! What the prelude is given: the requests, the answers, the clock, the log.

use std::rc::Rc;

use rquickjs::context::EvalOptions;
use rquickjs::function::{Func, Opt};
use rquickjs::{Array, ArrayBuffer, Ctx, Exception, Object, TypedArray, Value};
use script_abi::{Answer, Failure, Level, encode, flags};

use crate::host;
use crate::realm::{Shared, Wake};

/// Options for evaluating code of our own, or a CommonJS module, under a name.
pub(crate) fn sloppy(name: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.to_owned());
    options
}

/// Adds all functions to `native`.
pub(crate) fn install<'js>(
    ctx: &Ctx<'js>,
    native: &Object<'js>,
    shared: &Rc<Shared>,
) -> rquickjs::Result<()> {
    install_requests(native, shared)?;
    install_answers(native, shared)?;
    install_clock(native, shared)?;
    crate::operations::install(native, shared)?;
    native.set(
        "log",
        Func::from(|level: u32, text: Text| host::log(level_of(level), &text.0)),
    )?;
    let of = Rc::clone(shared);
    native.set("snapshotting", Func::from(move || !of.evaluated.get()))?;
    native.set("variable", Func::from(variable))?;
    let of = Rc::clone(shared);
    native.set(
        "position",
        Func::from(move |stack: Text| of.graph.borrow().map_stack(&stack.0)),
    )?;
    let of = Rc::clone(shared);
    native.set(
        "random",
        Func::from(move |ctx: Ctx<'js>, bytes: TypedArray<'js, u8>| random(&ctx, &of, &bytes)),
    )?;
    let _ = ctx;
    Ok(())
}

fn install_requests<'js>(native: &Object<'js>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let of = Rc::clone(shared);
    let headers = move |ctx: Ctx<'js>, id: u32| -> rquickjs::Result<Array<'js>> {
        let list = Array::new(ctx.clone())?;
        let requests = of.requests.borrow();
        let headers = requests.get(id).map(|request| request.headers);
        for (place, (name, value)) in headers.unwrap_or_default().into_iter().enumerate() {
            list.set(2 * place, name)?;
            list.set(2 * place + 1, byte_string(value))?;
        }
        Ok(list)
    };
    native.set("headers", Func::from(headers))?;
    let of = Rc::clone(shared);
    let params = move |ctx: Ctx<'js>, id: u32| -> rquickjs::Result<Array<'js>> {
        let list = Array::new(ctx.clone())?;
        let requests = of.requests.borrow();
        let params = requests.get(id).map(|request| request.params);
        for (place, (name, value)) in params.unwrap_or_default().into_iter().enumerate() {
            list.set(2 * place, name)?;
            list.set(2 * place + 1, value)?;
        }
        Ok(list)
    };
    native.set("params", Func::from(params))?;
    let of = Rc::clone(shared);
    let body = move |ctx: Ctx<'js>, id: u32| ArrayBuffer::new(ctx, body(&of, id));
    native.set("body", Func::from(body))?;
    let of = Rc::clone(shared);
    let text = move |id: u32| {
        let bytes = self::body(&of, id);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    native.set("bodyText", Func::from(text))
}

fn body(shared: &Shared, id: u32) -> Vec<u8> {
    let length = shared
        .requests
        .borrow()
        .get(id)
        .map_or(0, |request| request.body_bytes);
    // A u32 fits into a usize on every machine that this is built for.
    host::body(id, length as usize)
}

/// A text in which every character stands for one byte.
pub(crate) fn byte_string(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn install_answers<'js>(native: &Object<'js>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let of = Rc::clone(shared);
    let respond = move |id: u32,
                        status: u16,
                        headers: Array<'js>,
                        body: Value<'js>,
                        streaming: bool,
                        done: bool| {
        // What the prelude answers to warm up has no client.
        if !of.evaluated.get() {
            return Ok(());
        }
        respond(id, status, &headers, &body, (streaming, done))?;
        if done {
            of.requests.borrow_mut().remove(id);
        }
        rquickjs::Result::Ok(())
    };
    native.set("respond", Func::from(respond))?;
    let chunk = |id: u32, bytes: TypedArray<'js, u8>| host::chunk(id, bytes_of(&bytes));
    native.set("chunk", Func::from(chunk))?;
    native.set("end", Func::from(host::end))?;
    native.set(
        "abort",
        Func::from(|id: u32, text: Text| host::abort(id, &text.0)),
    )?;
    let of = Rc::clone(shared);
    let done = move |id: u32| {
        of.requests.borrow_mut().remove(id);
        host::done(id);
    };
    native.set("done", Func::from(done))?;
    let of = Rc::clone(shared);
    let fail = move |id: u32, kind: Text, text: Opt<Text>| {
        let failure = match &*kind.0 {
            "response" => Failure::NoResponse,
            _ => Failure::Exception,
        };
        of.requests.borrow_mut().remove(id);
        host::fail(id, failure, text.0.as_ref().map_or("", |text| &text.0));
    };
    native.set("fail", Func::from(fail))
}

fn respond<'js>(
    id: u32,
    status: u16,
    headers: &Array<'js>,
    body: &Value<'js>,
    (streaming, done): (bool, bool),
) -> rquickjs::Result<()> {
    let fields = (0..headers.len())
        .map(|place| Ok(byte_chars(&headers.get::<Text>(place)?.0)))
        .collect::<rquickjs::Result<Vec<_>>>()?;
    let headers = fields
        .chunks_exact(2)
        .map(|pair| (&*pair[0], &*pair[1]))
        .collect();
    let head = encode(&Answer { status, headers });
    let flags = u32::from(streaming) * flags::STREAMING + u32::from(done) * flags::DONE;
    if let Some(text) = body.as_string() {
        host::respond(id, &head, Text::of(text).0.as_bytes(), flags);
    } else if let Some(bytes) = body.as_object().and_then(|o| o.as_typed_array::<u8>()) {
        host::respond(id, &head, bytes_of(bytes), flags);
    } else {
        host::respond(id, &head, b"", flags);
    }
    Ok(())
}

/// The bytes of a byte string. A header with other characters was refused by `Headers`.
pub(crate) fn byte_chars(text: &str) -> Vec<u8> {
    text.chars()
        .map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?'))
        .collect()
}

pub(crate) fn bytes_of<'a>(bytes: &'a TypedArray<'_, u8>) -> &'a [u8] {
    // SAFETY: nothing of the script runs while the slice is in use.
    unsafe { bytes.as_bytes() }.unwrap_or_default()
}

fn install_clock<'js>(native: &Object<'js>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let of = Rc::clone(shared);
    native.set("now", Func::from(move || of.now()))?;
    let of = Rc::clone(shared);
    native.set("monotonic", Func::from(move || of.elapsed()))?;
    let of = Rc::clone(shared);
    native.set("wake", Func::from(move |ms: f64| of.wake.set(Wake(ms))))
}

fn variable(index: u32) -> String {
    String::from_utf8_lossy(&host::variable(index)).into_owned()
}

fn random<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    bytes: &TypedArray<'js, u8>,
) -> rquickjs::Result<()> {
    if !shared.evaluated.get() {
        let message = "random values made at the top level of a script would be the same for all \
             requests; make them when a request comes";
        return Err(Exception::throw_message(ctx, message));
    }
    if let Some(mut raw) = bytes.as_raw() {
        // SAFETY: the array lives as long as `bytes`, and nothing of the script runs meanwhile.
        host::random(unsafe { raw.as_mut() });
    }
    Ok(())
}

fn level_of(number: u32) -> Level {
    match number {
        0 => Level::Debug,
        1 => Level::Info,
        2 => Level::Warn,
        _ => Level::Error,
    }
}

/// Any JavaScript string; what is no Unicode in it is replaced.
pub(crate) struct Text(pub(crate) String);

impl Text {
    pub(crate) fn of(string: &rquickjs::String<'_>) -> Self {
        Self(match string.to_string() {
            Ok(text) => text,
            Err(_) => lossy(string),
        })
    }
}

/// Lone surrogates are what `to_string` refuses.
fn lossy(string: &rquickjs::String<'_>) -> String {
    let method = string
        .ctx()
        .globals()
        .get::<_, Object<'_>>("String")
        .and_then(|class| class.get::<_, Object<'_>>("prototype"))
        .and_then(|prototype| prototype.get::<_, rquickjs::Function<'_>>("toWellFormed"));
    let well_formed = method
        .and_then(|method| method.call::<_, String>((rquickjs::function::This(string.clone()),)));
    well_formed.unwrap_or_default()
}

impl<'js> rquickjs::FromJs<'js> for Text {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<Self> {
        match value.as_string() {
            Some(string) => Ok(Self::of(string)),
            None => Err(rquickjs::Error::new_from_js(value.type_name(), "string")),
        }
    }
}
