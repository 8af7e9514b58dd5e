//! Counters in wasi:keyvalue: each request adds one to the counter that its path names.

wit_bindgen::generate!({ path: "wit" });

use wasi::keyvalue::{atomics, store};
use wstd::http::{Body, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    // The empty name is the store of this worker, which `[data.kv]` in the file beside it names.
    let count = store::open("").and_then(|bucket| atomics::increment(&bucket, name, 1));
    Ok(match count {
        Ok(count) => Response::new(format!("{name}: {count}\n").into()),
        Err(error) => failed(&error),
    })
}

fn failed(error: &store::Error) -> Response<Body> {
    let mut response = Response::new(format!("{error:?}\n").into());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
