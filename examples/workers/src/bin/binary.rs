//! Answers a POST with the bytes it got, and their type.

use std::io;

use example_workers::{Request, Response, serve};

fn main() -> io::Result<()> {
    serve(|request: Request| {
        if request.method != "POST" {
            return Response::text("POST some bytes to get them back\n")
                .status(405)
                .header("allow", "POST");
        }
        let content_type = request.header("content-type");
        Response::bytes(
            &request.body,
            content_type.unwrap_or("application/octet-stream"),
        )
    })
}
