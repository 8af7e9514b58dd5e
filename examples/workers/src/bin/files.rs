//! `/api/files/[...path]`: the rest of the path, however many parts it has.

use std::io;

use example_workers::{Request, Response, serve};
use serde_json::json;

/// The files there are, by their paths.
const FILES: &[(&str, &str)] = &[
    (
        "readme.txt",
        "Two folders and three files, all of them in the worker.\n",
    ),
    ("notes/ideas.txt", "A server that is one file.\n"),
    ("notes/2026/plan.txt", "Bundle it, copy it, run it.\n"),
];

fn main() -> io::Result<()> {
    serve(|request: Request| {
        let path = request.param("path").trim_matches('/');
        if let Some((_, text)) = FILES.iter().find(|(name, _)| *name == path) {
            return Response::text(*text);
        }
        let folder = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let below = FILES
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(&folder));
        let files: Vec<&str> = below.collect();
        let status = if files.is_empty() { 404 } else { 200 };
        Response::json(&json!({ "folder": path, "files": files })).status(status)
    })
}
