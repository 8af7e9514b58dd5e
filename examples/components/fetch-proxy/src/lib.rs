//! Hands requests on to another server, and its answers back, both as they come.
//!
//! `UPSTREAM` in the file beside the worker names the server, and `allowed_hosts` there allows it.

use wstd::http::{Body, Client, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let upstream = std::env::var("UPSTREAM").unwrap_or_default();
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let target = target.strip_prefix("/component").unwrap_or(target);
    let call = Request::builder()
        .method(request.method())
        .uri(format!("{upstream}{target}"))
        .body(request.into_body())?;
    Ok(match Client::new().send(call).await {
        Ok(mut response) => {
            // Said again by whoever sends the body on.
            response.headers_mut().remove("content-length");
            response
        }
        Err(error) => failed(&error),
    })
}

/// What a refused call gives too: the error says which rule is against it.
fn failed(error: &Error) -> Response<Body> {
    let mut response = Response::new(format!("{error}\n").into());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
