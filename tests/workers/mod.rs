//! Workers from outside: what they get, what becomes of their answers, what they may not do, and
//! which folders of workers are refused.

mod answers;
mod failures;
mod layouts;
mod limits;
mod refusals;
mod requests;

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    Answer, Connection, RunningApp, assert_discreet, check_refusal, repository, wait_for,
};

/// A worker that writes `output`, whatever it is asked.
fn writes(output: &str) -> Vec<u8> {
    let data: String = output.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = output.len();
    let pages = (16 + length).div_ceil(1 << 16);
    let wat = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") {pages})
            (data (i32.const 0) "\10\00\00\00")
            (data (i32.const 16) "{data}")
            (func (export "_start")
                (i32.store (i32.const 4) (i32.const {length}))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    );
    wat::parse_str(wat).unwrap()
}

/// A worker that answers with `text`.
fn says(text: &str) -> Vec<u8> {
    writes(&json!({ "data": text }).to_string())
}

/// A worker of the example in Rust.
fn rust_worker(name: &str) -> Vec<u8> {
    fs::read(repository(&format!("examples/rust-worker/api/{name}.wasm"))).unwrap()
}

/// The JSON that the example `echo` got.
#[track_caller]
fn echoed(answer: &Answer) -> Value {
    answer.assert_status(200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Has `loop_on_query` loop at a path; returns as soon as it does, for as long as the connection
/// lives.
#[track_caller]
fn begin_loop(app: &RunningApp, path: &str) -> Connection {
    let loops = || app.log().matches("line=looping").count();
    let before = loops();
    let mut connection = app.connect();
    let head = format!("GET {path}?loop HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    wait_for(|| (loops() > before).then_some(()));
    connection
}
