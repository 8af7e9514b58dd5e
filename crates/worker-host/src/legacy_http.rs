//! `http.send-http-request`, as workers import it that were built with the kits of Wasm Workers
//! Server 1.x: a function of a core module, in the canonical ABI as wit-bindgen 0.2 had it.
//!
//! ```text
//! send-http-request: func(request: http-request) -> expected<http-response, http-request-error>
//!
//! record http-request { body: option<list<u8>>, headers: list<tuple<string, string>>,
//!     method: http-method, params: list<tuple<string, string>>, uri: string }
//! enum http-method { get, post, put, patch, delete, options, head }
//! record http-response { body: option<list<u8>>, headers: list<tuple<string, string>>, status: u16 }
//! record http-request-error { error: http-error, message: string }
//! enum http-error { invalid-request, invalid-request-body, invalid-response-body, not-allowed,
//!     internal-error, timeout, redirect-loop }
//! ```
//!
//! The request is ten flat parameters; the result is written to the place that the eleventh names.
//! What is longer than a number is put into memory that the guest gives (`canonical_abi_realloc`).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt;
use outbound::{Answer, CallError, CallOptions, Caller as Client, Redirects, RequestBody};
use wasmtime::{Caller, Extern, Linker, Memory, bail, format_err};

#[cfg(feature = "compile")]
use crate::compile::CompileError;
use crate::exchange::FIELDS_MAX;
use crate::state::State;

const MODULE: &str = "http";
const FUNCTION: &str = "send-http-request";

/// The names that wit-bindgen has given it: in the kit for Rust, and in that for Go.
const REALLOC: [&str; 2] = ["canonical_abi_realloc", "cabi_realloc"];

/// In the order of `http-method`.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
];

/// `http-error`.
#[derive(Clone, Copy)]
enum Code {
    InvalidRequest = 0,
    InvalidRequestBody = 1,
    InvalidResponseBody = 2,
    NotAllowed = 3,
    InternalError = 4,
    Timeout = 5,
    RedirectLoop = 6,
}

/// `http-request-error`.
struct Failure {
    code: Code,
    message: String,
}

/// `http-response`.
struct Received {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// Pointers and lengths of a request, as they are passed.
type Flat = (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32);

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        FUNCTION,
        |mut caller: Caller<'_, State>, flat: Flat| {
            Box::new(async move {
                let result = match read_request(&mut caller, &flat)? {
                    Ok(request) => {
                        let client = caller.data().worker.0.settings.outbound.clone();
                        send(client, request).await
                    }
                    Err(failure) => Err(failure),
                };
                write_result(&mut caller, flat.10, result).await
            })
        },
    )?;
    Ok(())
}

/// What a module that makes calls needs beside the import.
#[cfg(feature = "compile")]
pub(crate) fn check_module(module: &wasmtime::Module) -> Result<(), CompileError> {
    let calls = module
        .imports()
        .any(|import| (import.module(), import.name()) == (MODULE, FUNCTION));
    let has_realloc = REALLOC.iter().any(|name| module.get_export(name).is_some());
    match calls && !has_realloc {
        true => Err(CompileError::LacksRealloc { export: REALLOC[0] }),
        false => Ok(()),
    }
}

/// The request, or what is wrong with it. Pointers that lead nowhere are a trap.
fn read_request(
    caller: &mut Caller<'_, State>,
    flat: &Flat,
) -> wasmtime::Result<Result<Request<RequestBody>, Failure>> {
    let &(has_body, body, body_bytes, headers, headers_count, method, params, params_count, ..) =
        flat;
    let memory = memory(caller)?;
    let data = memory.data(&*caller);
    let body = match has_body {
        0 => Bytes::new(),
        _ => Bytes::copy_from_slice(slice(data, body, body_bytes)?),
    };
    let headers = pairs(data, headers, headers_count)?;
    let params = pairs(data, params, params_count)?;
    let uri = text(data, flat.8, flat.9)?;
    let Some(method) = METHODS.get(method as usize) else {
        bail!("{MODULE}.{FUNCTION}: there is no method {method}");
    };
    Ok(request(method.clone(), &uri, &params, headers, body))
}

fn request(
    method: Method,
    uri: &str,
    params: &[(String, String)],
    headers: Vec<(String, String)>,
    body: Bytes,
) -> Result<Request<RequestBody>, Failure> {
    let invalid = |message: String| Failure {
        code: Code::InvalidRequest,
        message,
    };
    let uri: Uri = with_params(uri, params)
        .parse()
        .map_err(|error| invalid(format!("{uri:?} is no URL: {error}")))?;
    let mut request = Request::new(RequestBody::Whole(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in headers {
        let bad = || invalid(format!("{name:?} with {value:?} is no header"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let text = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        request.headers_mut().append(key, text);
    }
    Ok(request)
}

/// The URL with `params` in its query.
fn with_params(uri: &str, params: &[(String, String)]) -> String {
    let mut uri = uri.split('#').next().unwrap_or_default().to_owned();
    for (name, value) in params {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        escape(name, &mut uri);
        uri.push('=');
        escape(value, &mut uri);
    }
    uri
}

/// As a form would (URL Standard, application/x-www-form-urlencoded percent-encode set).
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

async fn send(client: Client, request: Request<RequestBody>) -> Result<Received, Failure> {
    let options = CallOptions {
        // Kits of 1.x left that to the server.
        redirects: Redirects::Follow,
        ..CallOptions::default()
    };
    let Answer { response, .. } = client.send(request, options).await?;
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Ok(Received {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: body.collect().await?.to_bytes(),
    })
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::Refused(_) => Code::NotAllowed,
            CallError::BadRequest(_) => Code::InvalidRequest,
            CallError::RequestBody(_) => Code::InvalidRequestBody,
            CallError::ResponseTooLarge { .. } | CallError::Protocol(_) => {
                Code::InvalidResponseBody
            }
            CallError::ConnectTimeout { .. }
            | CallError::FirstByteTimeout { .. }
            | CallError::BetweenBytesTimeout { .. }
            | CallError::TotalTimeout { .. }
            | CallError::Busy { .. } => Code::Timeout,
            CallError::TooManyRedirects | CallError::RedirectRefused { .. } => Code::RedirectLoop,
            CallError::NoDnsServer { .. }
            | CallError::Dns { .. }
            | CallError::Connect { .. }
            | CallError::Tls { .. }
            | CallError::Broken(_) => Code::InternalError,
        };
        Self {
            code,
            message: error.to_string(),
        }
    }
}

/// Writes an `expected<http-response, http-request-error>`: which of them in the first byte, the
/// rest from the fourth on.
async fn write_result(
    caller: &mut Caller<'_, State>,
    to: u32,
    result: Result<Received, Failure>,
) -> wasmtime::Result<()> {
    let mut area = [0; 28];
    match result {
        Ok(Received {
            status,
            headers,
            body,
        }) => {
            area[4] = 1;
            let body = put(caller, &body, 1).await?;
            place(&mut area, 8, body);
            let mut list = Vec::with_capacity(headers.len() * 16);
            for (name, value) in &headers {
                for text in [name, value] {
                    let (at, length) = put(caller, text.as_bytes(), 1).await?;
                    list.extend(at.to_le_bytes());
                    list.extend(length.to_le_bytes());
                }
            }
            let (list, _) = put(caller, &list, 4).await?;
            place(&mut area, 16, (list, u32::try_from(headers.len())?));
            area[24..26].copy_from_slice(&status.to_le_bytes());
        }
        Err(Failure { code, message }) => {
            area[0] = 1;
            area[4] = code as u8;
            let message = put(caller, message.as_bytes(), 1).await?;
            place(&mut area, 8, message);
        }
    }
    let memory = memory(caller)?;
    memory.write(&mut *caller, to as usize, &area)?;
    Ok(())
}

/// A pointer and a length.
fn place(area: &mut [u8; 28], at: usize, (pointer, length): (u32, u32)) {
    area[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
    area[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
}

/// Copies bytes into memory that the guest gives.
async fn put(
    caller: &mut Caller<'_, State>,
    bytes: &[u8],
    align: u32,
) -> wasmtime::Result<(u32, u32)> {
    let length = u32::try_from(bytes.len())?;
    if bytes.is_empty() {
        return Ok((align, 0));
    }
    let realloc = REALLOC
        .iter()
        .find_map(|name| caller.get_export(name).and_then(Extern::into_func))
        .ok_or_else(|| format_err!("a module that imports {MODULE} exports {}", REALLOC[0]))?
        .typed::<(u32, u32, u32, u32), u32>(&*caller)?;
    let at = realloc
        .call_async(&mut *caller, (0, 0, align, length))
        .await?;
    memory(caller)?.write(&mut *caller, at as usize, bytes)?;
    Ok((at, length))
}

fn memory(caller: &mut Caller<'_, State>) -> wasmtime::Result<Memory> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    memory.ok_or_else(|| format_err!("a module that imports {MODULE} exports its memory"))
}

fn slice(data: &[u8], at: u32, length: u32) -> wasmtime::Result<&[u8]> {
    if length == 0 {
        // Then the pointer may be anything.
        return Ok(&[]);
    }
    let at = at as usize;
    let bytes = at
        .checked_add(length as usize)
        .and_then(|end| data.get(at..end));
    bytes.ok_or_else(|| format_err!("{MODULE}.{FUNCTION}: a pointer leads out of the memory"))
}

fn text(data: &[u8], at: u32, length: u32) -> wasmtime::Result<String> {
    Ok(String::from_utf8(slice(data, at, length)?.to_vec())?)
}

/// A list of two strings each.
fn pairs(data: &[u8], at: u32, count: u32) -> wasmtime::Result<Vec<(String, String)>> {
    if count as usize > FIELDS_MAX {
        bail!("{MODULE}.{FUNCTION}: a list of {count} pairs; it may have {FIELDS_MAX}");
    }
    let list = slice(data, at, count * 16)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes);
    let pair = |pair: &[u8]| {
        let numbers = [0, 4, 8, 12].map(|at| number(&pair[at..at + 4]));
        let [Ok(name), Ok(name_bytes), Ok(value), Ok(value_bytes)] = numbers else {
            bail!("a pair is four numbers");
        };
        Ok((
            text(data, name, name_bytes)?,
            text(data, value, value_bytes)?,
        ))
    };
    list.chunks_exact(16).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_become_the_query() {
        #[track_caller]
        fn check(uri: &str, want: &str) {
            let params = [("a b", "1&2"), ("ä", "")].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(with_params(uri, &params), want);
        }
        check("https://a/b", "https://a/b?a+b=1%262&%C3%A4=");
        check("https://a/b?c#d", "https://a/b?c&a+b=1%262&%C3%A4=");
        assert_eq!(with_params("https://a/b", &[]), "https://a/b");
    }

    proptest! {
        #[test]
        fn no_pointer_reads_beyond_the_memory(
            data in prop::collection::vec(any::<u8>(), 0..100), at: u32, count: u32
        ) {
            let _ = pairs(&data, at, count);
            let _ = pairs(&data, at % 100, count % 8);
            let _ = text(&data, at, count);
        }
    }
}
