//! Greets, by name with `?name=Ada`.

use std::io;

use example_workers::{Request, Response, serve};

fn main() -> io::Result<()> {
    serve(|request: Request| match request.query("name") {
        None => Response::text("Hello from a Rust worker\n"),
        Some(name) => Response::text(format!("Hello from a Rust worker, {name}\n")),
    })
}
