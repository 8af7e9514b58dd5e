//! A worker as the kits of Wasm Workers Server 1.x built them: it calls out through the import
//! `http.send-http-request`, in the ABI of wit-bindgen 0.2 (revision cb871cfa), by hand.
//!
//! The query of the URL says what to ask for, `?METHOD,URL`, or `?URL` for GET; the body of the
//! request becomes the body that is sent, its header `x-send` a header. The answer is JSON:
//! `{"ok":{"status":200,"headers":[["name","value"]],"body":"…"}}`, where `body` may be null, or
//! `{"error":"not-allowed","message":"…"}`.
//!
//! # The ABI
//!
//! From `wit/core/http.wit` and `http-types.wit` of Wasm Workers Server 1.7:
//!
//! ```text
//! send-http-request: func(request: http-request) -> expected<http-response, http-request-error>
//! record http-request { body: option<list<u8>>, headers: list<tuple<string, string>>,
//!                       method: http-method, params: list<tuple<string, string>>, uri: string }
//! record http-response { body: option<list<u8>>, headers: list<tuple<string, string>>, status: u16 }
//! record http-request-error { error: http-error, message: string }
//! ```
//!
//! The request is flattened into ten `i32`, the eleventh is the address of 28 bytes for the result:
//!
//! ```text
//! +0  u8   0: a response, 1: an error
//! +4  u8   body is there                     | error
//! +8  u32  address of the body, +12 length   | address of the message, +12 length
//! +16 u32  address of the headers, +20 count, 16 bytes each: name, length, value, length
//! +24 u16  status
//! ```
//!
//! The host takes memory for what it hands over from `canonical_abi_realloc(old, old_size, align,
//! new_size)`, and the guest owns it from then on. `canonical_abi_free` was exported beside it.

use std::alloc::{self, Layout};
use std::io::{self, Read, Write};
use std::ptr;

use serde_json::{Value, json};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];
const ERRORS: [&str; 7] = [
    "invalid-request",
    "invalid-request-body",
    "invalid-response-body",
    "not-allowed",
    "internal-error",
    "timeout",
    "redirect-loop",
];

#[link(wasm_import_module = "http")]
unsafe extern "C" {
    #[link_name = "send-http-request"]
    fn send_http_request(
        body_is_some: i32,
        body: *const u8,
        body_len: usize,
        headers: *const [Borrowed; 2],
        headers_len: usize,
        method: i32,
        params: *const [Borrowed; 2],
        params_len: usize,
        uri: *const u8,
        uri_len: usize,
        result: *mut ResultArea,
    );
}

/// A string that stays the guest's.
#[repr(C)]
#[derive(Clone, Copy)]
struct Borrowed {
    start: *const u8,
    len: usize,
}

impl From<&str> for Borrowed {
    fn from(text: &str) -> Self {
        Self {
            start: text.as_ptr(),
            len: text.len(),
        }
    }
}

/// A list or a string, where the host puts it.
#[repr(C)]
#[derive(Clone, Copy)]
struct List<T> {
    start: *mut T,
    len: usize,
}

#[repr(C)]
struct ResultArea {
    is_error: u8,
    payload: Payload,
}

#[repr(C)]
struct Payload {
    body_is_some_or_error: u8,
    body_or_message: List<u8>,
    headers: List<[List<u8>; 2]>,
    status: u16,
}

const _: () = assert!(size_of::<ResultArea>() == 28);

fn main() -> io::Result<()> {
    let mut input = String::new();
    io::stdin().lock().read_to_string(&mut input)?;
    let request: Value = serde_json::from_str(&input)?;
    let url = request["url"].as_str().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let (method, target) = query.split_once(',').unwrap_or(("GET", query));
    let body = request["body"].as_str().unwrap_or_default();
    let header = request["headers"]["x-send"]
        .as_str()
        .map(|value| ["x-send".into(), value.into()]);
    let data = send(method, target, header.as_slice(), body.as_bytes()).to_string();
    let response = json!({"data": data, "headers": {"content-type": "application/json"}});
    io::stdout().write_all(&serde_json::to_vec(&response)?)
}

fn send(method: &str, uri: &str, headers: &[[Borrowed; 2]], body: &[u8]) -> Value {
    // As the kits did: a method that the interface does not have is sent as GET.
    let method = METHODS.iter().position(|name| *name == method).unwrap_or(0);
    let nothing = List {
        start: ptr::null_mut(),
        len: 0,
    };
    let mut result = ResultArea {
        is_error: u8::MAX,
        payload: Payload {
            body_is_some_or_error: u8::MAX,
            body_or_message: nothing,
            headers: List {
                start: ptr::null_mut(),
                len: 0,
            },
            status: 0,
        },
    };
    unsafe {
        send_http_request(
            1,
            body.as_ptr(),
            body.len(),
            if headers.is_empty() {
                ptr::null()
            } else {
                headers.as_ptr()
            },
            headers.len(),
            i32::try_from(method).expect("one of seven"),
            ptr::null(),
            0,
            uri.as_ptr(),
            uri.len(),
            &raw mut result,
        );
        lift(&result)
    }
}

/// # Safety
/// `result` has to be what the host wrote.
unsafe fn lift(result: &ResultArea) -> Value {
    let payload = &result.payload;
    match result.is_error {
        0 => json!({"ok": {
            "status": payload.status,
            "headers": unsafe { owned(payload.headers) }.into_iter()
                .map(|field| field.map(|text| unsafe { string(text) })).collect::<Vec<_>>(),
            "body": match payload.body_is_some_or_error {
                0 => None,
                1 => Some(unsafe { string(payload.body_or_message) }),
                other => panic!("option {other}"),
            },
        }}),
        1 => json!({
            "error": ERRORS[usize::from(payload.body_is_some_or_error)],
            "message": unsafe { string(payload.body_or_message) },
        }),
        other => panic!("expected {other}"),
    }
}

/// Takes over what the host allocated, as the generated code did: what is freed later is exactly
/// `len` elements.
unsafe fn owned<T>(list: List<T>) -> Vec<T> {
    assert!(
        !list.start.is_null(),
        "a list at address 0, which no allocator gives"
    );
    assert!(
        list.start.is_aligned(),
        "a list at an address that is not aligned"
    );
    unsafe { Vec::from_raw_parts(list.start, list.len, list.len) }
}

unsafe fn string(list: List<u8>) -> String {
    String::from_utf8(unsafe { owned(list) }).expect("UTF-8")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn canonical_abi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    if old_size == 0 && new_size == 0 {
        return ptr::without_provenance_mut(align);
    }
    let layout = Layout::from_size_align(old_size.max(1), align).expect("a power of two");
    let new = if old_size == 0 {
        unsafe { alloc::alloc(Layout::from_size_align(new_size, align).expect("a small size")) }
    } else {
        unsafe { alloc::realloc(old, layout, new_size) }
    };
    if new.is_null() {
        alloc::handle_alloc_error(layout);
    }
    new
}

#[unsafe(no_mangle)]
unsafe extern "C" fn canonical_abi_free(start: *mut u8, size: usize, align: usize) {
    if size != 0 {
        unsafe {
            alloc::dealloc(
                start,
                Layout::from_size_align(size, align).expect("a layout"),
            )
        };
    }
}
