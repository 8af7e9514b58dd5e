//! A component with wasi:http 0.3 whose path says what it does. The query is the argument.
//!
//! ```text
//! /hello            200, text/plain, "hello"
//! /echo             the request body, piece by piece, then its trailers
//! /headers          method, path with query, scheme, authority and all headers, one a line
//! /params           the header x-wws-params
//! /env              the environment, one variable a line
//! /count            how many requests this instance has had, this one included
//! /sse              five events, 200 ms apart
//! /wait?MS          "waited", after MS milliseconds
//! /big?N            N MiB, each byte the low byte of its place
//! /status?CODE      that status, with an empty body
//! /two-cookies      set-cookie twice
//! /trap             traps before it answers
//! /trap-late        traps after the head and the piece "before\n"
//! /error            returns error-code internal-error("as asked")
//! /loop             never returns
//! /grow             allocates until it cannot
//! /wait-forever     waits for a clock that never comes
//! /fetch?URL        GET URL: its status, its content-type and its body, as it comes
//! /fetch-post?URL   the same with POST, and the body of the request as it comes
//! ```
//!
//! Other paths are 404. Errors of calls are 502 with the text "error: " and the error.

mod body;
mod calls;

use std::sync::atomic::{AtomicU32, Ordering};

use wasip3::clocks::monotonic_clock;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureWriter, StreamReader, StreamWriter};
use wasip3::{wit_future, wit_stream};

struct Guest;

wasip3::http::service::export!(Guest);

const MILLISECOND: u64 = 1_000_000;

static REQUESTS: AtomicU32 = AtomicU32::new(0);

impl wasip3::exports::http::handler::Guest for Guest {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(match path {
            "/hello" => text(200, "hello"),
            "/echo" => body::echo(request),
            "/headers" => text(200, &head(&request)),
            "/params" => text(200, &header(&request.get_headers(), "x-wws-params")),
            "/env" => text(200, &environment()),
            "/count" => text(200, &count.to_string()),
            "/sse" => events(),
            "/wait" => {
                monotonic_clock::wait_for(number(query) * MILLISECOND).await;
                text(200, "waited")
            }
            "/big" => body::big(number(query)),
            "/status" => text(number(query) as u16, ""),
            "/two-cookies" => two_cookies(),
            "/trap" => core::arch::wasm32::unreachable(),
            "/trap-late" => trap_late(),
            "/error" => return Err(ErrorCode::InternalError(Some("as asked".to_owned()))),
            "/loop" => run_forever(),
            "/grow" => grow(),
            "/wait-forever" => {
                monotonic_clock::wait_until(u64::MAX).await;
                text(200, "the end of time")
            }
            "/fetch" => calls::fetch(Method::Get, query, None).await,
            "/fetch-post" => calls::fetch(Method::Post, query, Some(request)).await,
            _ => text(404, "no such path\n"),
        })
    }
}

type TrailersWriter = FutureWriter<Result<Option<Trailers>, ErrorCode>>;

/// The head of an answer, and the ends that its body and its trailers are written to.
pub(crate) fn start(
    status: u16,
    fields: &[(&str, &str)],
) -> (Response, StreamWriter<u8>, TrailersWriter) {
    let headers = Fields::new();
    for (name, value) in fields {
        headers
            .append(name, value.as_bytes())
            .expect("a header that may be set");
    }
    let (body, content) = wit_stream::new();
    let (trailers, coming) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(headers, Some(content), coming);
    response.set_status_code(status).expect("a status");
    (response, body, trailers)
}

pub(crate) fn text(status: u16, content: &str) -> Response {
    let (response, mut body, _trailers) = start(status, &[("content-type", "text/plain")]);
    let content = content.as_bytes().to_vec();
    wasip3::spawn_local(async move {
        body.write_all(content).await;
    });
    response
}

pub(crate) fn header(headers: &Fields, name: &str) -> String {
    let values = headers.get(name);
    values.first().map_or_else(String::new, |value| {
        String::from_utf8_lossy(value).into_owned()
    })
}

fn number(query: &str) -> u64 {
    query.parse().expect("a number in the query")
}

fn environment() -> String {
    let variables = wasip3::cli::environment::get_environment();
    variables
        .into_iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

fn head(request: &Request) -> String {
    let method = match request.get_method() {
        Method::Other(name) => name,
        known => format!("{known:?}")
            .trim_start_matches("Method::")
            .to_uppercase(),
    };
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http".to_owned(),
        Some(Scheme::Https) => "https".to_owned(),
        Some(Scheme::Other(name)) => name,
        None => "-".to_owned(),
    };
    let mut text = format!(
        "method: {method}\npath-with-query: {}\nscheme: {scheme}\nauthority: {}\n\n",
        request
            .get_path_with_query()
            .unwrap_or_else(|| "-".to_owned()),
        request.get_authority().unwrap_or_else(|| "-".to_owned()),
    );
    for (name, value) in request.get_headers().copy_all() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    text
}

fn events() -> Response {
    let (response, mut body, _trailers) = start(200, &[("content-type", "text/event-stream")]);
    wasip3::spawn_local(async move {
        for number in 1..=5 {
            if number > 1 {
                monotonic_clock::wait_for(200 * MILLISECOND).await;
            }
            if !body
                .write_all(format!("data: {number}\n\n").into_bytes())
                .await
                .is_empty()
            {
                return;
            }
        }
    });
    response
}

fn two_cookies() -> Response {
    start(200, &[("set-cookie", "a=1"), ("set-cookie", "b=2")]).0
}

fn trap_late() -> Response {
    let (response, mut body, _trailers) = start(200, &[("content-type", "text/plain")]);
    wasip3::spawn_local(async move {
        body.write_all(b"before\n".to_vec()).await;
        monotonic_clock::wait_for(20 * MILLISECOND).await;
        core::arch::wasm32::unreachable()
    });
    response
}

fn run_forever() -> ! {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

fn grow() -> ! {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

/// The body of a message, as it comes.
pub(crate) type Content = StreamReader<u8>;
