//! Calls to other servers.

use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_future, wit_stream};

use crate::body;

/// Calls `url`, with the body of `request` if there is one, and answers with what comes back.
pub(crate) async fn fetch(method: Method, url: &str, request: Option<Request>) -> Response {
    match call(method, url, request).await {
        Ok(response) => hand_on(response),
        Err(error) => crate::text(502, &format!("error: {error:?}")),
    }
}

async fn call(method: Method, url: &str, request: Option<Request>) -> Result<Response, ErrorCode> {
    let (trailers, coming) = wit_future::new(|| Ok(None));
    let content = request.map(|request| {
        let (to, content) = wit_stream::new();
        let (_taken, result) = wit_future::new(|| Ok(()));
        let (from, end) = Request::consume_body(request, result);
        wasip3::spawn_local(body::copy(from, end, to, trailers));
        content
    });
    let (call, _sent) = Request::new(Fields::new(), content, coming, None);
    aim(&call, &method, url)?;
    client::send(call).await
}

fn aim(call: &Request, method: &Method, url: &str) -> Result<(), ErrorCode> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    call.set_method(method).map_err(invalid)?;
    call.set_scheme(Some(&scheme)).map_err(invalid)?;
    call.set_authority(Some(authority)).map_err(invalid)?;
    call.set_path_with_query(Some(if path.is_empty() { "/" } else { path }))
        .map_err(invalid)
}

fn hand_on(response: Response) -> Response {
    let content_type = crate::header(&response.get_headers(), "content-type");
    let fields = [("content-type", content_type.as_str())];
    let fields = if content_type.is_empty() {
        &fields[..0]
    } else {
        &fields[..]
    };
    let (answer, to, trailers) = crate::start(response.get_status_code(), fields);
    let (_taken, result) = wit_future::new(|| Ok(()));
    let (from, coming) = Response::consume_body(response, result);
    wasip3::spawn_local(body::copy(from, coming, to, trailers));
    answer
}
