//! `/api/users/[id]`: a part of the path, and a variable from the file beside the worker.

use std::{env, io};

use example_workers::{Request, Response, serve};
use serde_json::json;

fn main() -> io::Result<()> {
    serve(|request: Request| {
        let id = request.param("id");
        let greeting = env::var("GREETING").unwrap_or_else(|_| "Hello".to_owned());
        Response::json(&json!({ "id": id, "message": format!("{greeting}, {id}!") }))
    })
}
