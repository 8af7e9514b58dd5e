//! A component with wasi:http 0.2 whose path says what it does. The query is the argument.
//!
//! ```text
//! /hello            200, text/plain, "hello"
//! /echo             the request body, piece by piece, then its trailers
//! /headers          method, path with query, scheme, authority and all headers, one a line
//! /params           the header x-wws-params
//! /env              the environment, one variable a line
//! /config?KEY       the value of KEY in wasi:config, or 404
//! /config-all       all of wasi:config, one a line
//! /sse              five events, 200 ms apart
//! /big?N            N MiB, each byte the low byte of its place
//! /status?CODE      that status, with an empty body
//! /two-cookies      set-cookie twice
//! /trap             traps before it answers
//! /trap-late        traps after the head and the piece "before\n"
//! /no-answer        returns without an answer
//! /error            answers with error-code internal-error("as asked")
//! /loop             never returns
//! /grow             allocates until it cannot
//! /wait-forever     waits for a clock that never comes
//! /log              a line to standard output and one to standard error
//! /fetch?URL        GET URL: its status, its content-type and its body, as it comes
//! /fetch-post?URL   the same with POST, and the body of the request as it comes
//! ```
//!
//! Other paths are 404. Errors of calls are 502 with the text "error: " and the error.

mod body;
mod calls;

use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
    Scheme,
};

wit_bindgen::generate!({
    inline: "
        package wasi:config@0.2.0-rc.1;

        interface store {
            variant error { upstream(string), io(string) }
            get: func(key: string) -> result<option<string>, error>;
            get-all: func() -> result<list<tuple<string, string>>, error>;
        }

        world imports { import store; }
    ",
});

use wasi::config::store;

struct Guest;

wasip2::http::proxy::export!(Guest);

impl wasip2::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/hello" => text(answer, 200, "hello"),
            "/echo" => body::echo(request, answer),
            "/headers" => text(answer, 200, &head(&request)),
            "/params" => text(answer, 200, &header(&request, "x-wws-params")),
            "/env" => text(answer, 200, &lines(std::env::vars())),
            "/config" => config(answer, query),
            "/config-all" => text(answer, 200, &lines(store::get_all().expect("a store"))),
            "/sse" => events(answer),
            "/big" => body::big(answer, number(query)),
            "/status" => text(answer, number(query) as u16, ""),
            "/two-cookies" => two_cookies(answer),
            "/trap" => core::arch::wasm32::unreachable(),
            "/trap-late" => trap_late(answer),
            "/no-answer" => {}
            "/error" => fail(answer),
            "/loop" => run_forever(),
            "/grow" => grow(),
            "/wait-forever" => monotonic_clock::subscribe_instant(u64::MAX).block(),
            "/log" => log(answer),
            "/fetch" => calls::fetch(Method::Get, query, None, answer),
            "/fetch-post" => calls::fetch(Method::Post, query, Some(request), answer),
            _ => text(answer, 404, "no such path\n"),
        }
    }
}

/// Sends the head of an answer, and gives its body.
pub(crate) fn start(
    answer: ResponseOutparam,
    status: u16,
    fields: &[(&str, &str)],
) -> OutgoingBody {
    let headers = Fields::new();
    for (name, value) in fields {
        headers
            .append(name, value.as_bytes())
            .expect("a header that may be set");
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the body, for the first time");
    ResponseOutparam::set(answer, Ok(response));
    body
}

/// Answers with `content`, which may be of any length.
pub(crate) fn text(answer: ResponseOutparam, status: u16, content: &str) {
    let body = start(answer, status, &[("content-type", "text/plain")]);
    let stream = body.write().expect("the stream, for the first time");
    body::write_all(&stream, content.as_bytes());
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn number(query: &str) -> usize {
    query.parse().expect("a number in the query")
}

fn lines(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

fn head(request: &IncomingRequest) -> String {
    let method = match request.method() {
        Method::Other(name) => name,
        known => format!("{known:?}")
            .trim_start_matches("Method::")
            .to_uppercase(),
    };
    let scheme = match request.scheme() {
        Some(Scheme::Http) => "http".to_owned(),
        Some(Scheme::Https) => "https".to_owned(),
        Some(Scheme::Other(name)) => name,
        None => "-".to_owned(),
    };
    let mut text = format!(
        "method: {method}\npath-with-query: {}\nscheme: {scheme}\nauthority: {}\n\n",
        request.path_with_query().unwrap_or_else(|| "-".to_owned()),
        request.authority().unwrap_or_else(|| "-".to_owned()),
    );
    for (name, value) in request.headers().entries() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    text
}

fn header(request: &IncomingRequest, name: &str) -> String {
    let values = request.headers().get(name);
    values.first().map_or_else(String::new, |value| {
        String::from_utf8_lossy(value).into_owned()
    })
}

fn config(answer: ResponseOutparam, key: &str) {
    match store::get(key) {
        Ok(Some(value)) => text(answer, 200, &value),
        Ok(None) => text(answer, 404, "no such key\n"),
        Err(error) => text(answer, 500, &format!("{error:?}\n")),
    }
}

fn events(answer: ResponseOutparam) {
    let body = start(answer, 200, &[("content-type", "text/event-stream")]);
    let stream = body.write().expect("the stream, for the first time");
    for number in 1..=5 {
        if number > 1 {
            let pause = Duration::from_millis(200).as_nanos() as u64;
            monotonic_clock::subscribe_duration(pause).block();
        }
        let event = format!("data: {number}\n\n");
        if stream.blocking_write_and_flush(event.as_bytes()).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn two_cookies(answer: ResponseOutparam) {
    let body = start(answer, 200, &[("set-cookie", "a=1"), ("set-cookie", "b=2")]);
    let _ = OutgoingBody::finish(body, None);
}

fn trap_late(answer: ResponseOutparam) {
    let body = start(answer, 200, &[("content-type", "text/plain")]);
    let stream = body.write().expect("the stream, for the first time");
    let _ = stream.blocking_write_and_flush(b"before\n");
    core::arch::wasm32::unreachable()
}

fn fail(answer: ResponseOutparam) {
    let error = ErrorCode::InternalError(Some("as asked".to_owned()));
    ResponseOutparam::set(answer, Err(error));
}

fn run_forever() {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

fn grow() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

fn log(answer: ResponseOutparam) {
    println!("said on standard output");
    eprintln!("said on standard error");
    text(answer, 200, "logged\n");
}
