//! A component with wasi:http 0.2, written with wstd: it answers all paths of a site.
//!
//! It is a worker like any other, but speaks HTTP itself: bodies flow, and headers are headers.

use wstd::http::{Body, Error, Method, Request, Response, StatusCode};
use wstd::time::{Duration, Timer};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/") => Ok(text(StatusCode::OK, "Hello from a component\n")),
        (&Method::GET, "/ticks") => Ok(Response::new(ticks())),
        (&Method::POST, "/upper") => upper(request).await,
        _ => Ok(text(
            StatusCode::NOT_FOUND,
            "Try /, /ticks or POST /upper\n",
        )),
    }
}

fn text(status: StatusCode, content: &'static str) -> Response<Body> {
    let mut response = Response::new(content.into());
    *response.status_mut() = status;
    response
}

/// Three lines, of which each is on its way before the next is made.
fn ticks() -> Body {
    Body::from_stream(futures_lite::stream::unfold(1, |number| async move {
        if number > 3 {
            return None;
        }
        if number > 1 {
            Timer::after(Duration::from_millis(500)).wait().await;
        }
        Some((format!("tick {number}\n").into_bytes(), number + 1))
    }))
}

/// The body of the request, in capitals.
async fn upper(request: Request<Body>) -> Result<Response<Body>, Error> {
    let mut body = request.into_body();
    let text = body.str_contents().await?.to_uppercase();
    Ok(Response::new(text.into()))
}
