//! The smallest answer of a component with wasi:http 0.3: 200, `text/plain`, "hello".
//!
//! For benchmarks.

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let fields = Fields::new();
        let _ = fields.append("content-type", b"text/plain");
        let (mut body, content) = wit_stream::new();
        let (trailers, no_trailers) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(fields, Some(content), no_trailers);
        drop(trailers);
        wasip3::spawn_local(async move {
            body.write_all(b"hello".to_vec()).await;
        });
        Ok(response)
    }
}
