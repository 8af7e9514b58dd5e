//! Answers with the JSON of the request, all of it, and sets two cookies.

use std::io;

use example_workers::{Response, serve};
use serde_json::Value;

fn main() -> io::Result<()> {
    serve(|request: Value| {
        eprintln!("echo: {} {}", request["method"], request["url"]);
        Response::json(&request)
            .header("set-cookie", "flavour=oat; Path=/; SameSite=Lax")
            .header("set-cookie", "topping=raisin; Path=/; SameSite=Lax")
    })
}
