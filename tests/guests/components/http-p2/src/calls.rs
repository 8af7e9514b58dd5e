//! Calls to other servers.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    ResponseOutparam, Scheme,
};

use crate::body;

/// Calls `url`, with the body of `request` if there is one, and answers with what comes back.
pub(crate) fn fetch(
    method: Method,
    url: &str,
    request: Option<IncomingRequest>,
    answer: ResponseOutparam,
) {
    match call(method, url, request) {
        Ok(response) => hand_on(&response, answer),
        Err(error) => crate::text(answer, 502, &format!("error: {error:?}")),
    }
}

fn call(
    method: Method,
    url: &str,
    request: Option<IncomingRequest>,
) -> Result<IncomingResponse, ErrorCode> {
    let call = outgoing(method, url)?;
    let body = call.body().expect("the body, for the first time");
    let coming = outgoing_handler::handle(call, None)?;
    match request {
        Some(request) => body::copy(
            request.consume().expect("the body, for the first time"),
            body,
        ),
        None => OutgoingBody::finish(body, None)?,
    }
    coming.subscribe().block();
    coming
        .get()
        .expect("it is there")
        .expect("it is asked for once")
}

fn outgoing(method: Method, url: &str) -> Result<OutgoingRequest, ErrorCode> {
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
    let call = OutgoingRequest::new(Fields::new());
    call.set_method(&method).map_err(invalid)?;
    call.set_scheme(Some(&scheme)).map_err(invalid)?;
    call.set_authority(Some(authority)).map_err(invalid)?;
    call.set_path_with_query(Some(if path.is_empty() { "/" } else { path }))
        .map_err(invalid)?;
    Ok(call)
}

fn hand_on(response: &IncomingResponse, answer: ResponseOutparam) {
    let content_type = response.headers().get("content-type").into_iter().next();
    let content_type = String::from_utf8_lossy(content_type.as_deref().unwrap_or_default());
    let fields = [("content-type", &*content_type)];
    let fields = if content_type.is_empty() {
        &fields[..0]
    } else {
        &fields[..]
    };
    let to = crate::start(answer, response.status(), fields);
    body::copy(
        response.consume().expect("the body, for the first time"),
        to,
    );
}
