//! Workers of the wws protocol: they are given all that is text, and what they give back is what
//! there is.

use serde_json::json;

use super::{Place, compiled, namespace};
use crate::support::{RunningApp, TestSite, assert_discreet};

/// A worker that gives `output`, whatever it is asked. With a URL, it is called before that.
pub(super) fn giving(output: &str, after_call_of: Option<&str>) -> Vec<u8> {
    let data: String = output.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let pages = 2 + output.len().div_ceil(1 << 16);
    let (import, call) = match after_call_of {
        Some(url) => (
            r#"(import "http" "send-http-request"
                (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
            // A GET of the URL, without body, fields and parameters; the result goes to 256.
            format!(
                r#"(call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 512) (i32.const {}) (i32.const 256))
                (if (i32.load8_u (i32.const 256)) (then (unreachable)))"#,
                url.len()
            ),
        ),
        None => ("", String::new()),
    };
    let wat = format!(
        r#"(module
            {import}
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") {pages})
            (global $free (mut i32) (i32.const 4096))
            (data (i32.const 512) "{url}")
            (data (i32.const 65536) "{data}")
            (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                ;; The next one at a multiple of 8.
                (global.set $free (i32.and
                    (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7))
                    (i32.const -8))))
            (func (export "_start")
                {call}
                (i32.store (i32.const 0) (i32.const 65536))
                (i32.store (i32.const 4) (i32.const {length}))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
        url = after_call_of.unwrap_or_default(),
        length = output.len(),
    );
    wat::parse_str(wat).unwrap()
}

/// Fills and lists the namespace `n`.
fn site() -> TestSite {
    let fill = "await kv.setMany([['a', '1'], ['b', '2'], [Uint8Array.of(255), 'c'],
            ['d', Uint8Array.of(254)]]);
        return new Response('filled')";
    let list = "const { keys } = await kv.list();
        return Response.json(keys.map((key) => typeof key === 'string' ? key : [...key]))";
    TestSite::new()
        .storing("fill", "n", fill)
        .storing("list", "n", list)
        .with_toml("count.wasm", compiled("kv_p1"), &namespace("n"))
}

#[track_caller]
fn assert_keys(app: &RunningApp, want: &serde_json::Value) {
    let answer = app.get("/list");
    let keys: serde_json::Value = serde_json::from_slice(&answer.assert_status(200).body).unwrap();
    assert_eq!(&keys, want);
}

#[test]
fn what_is_no_text_is_not_shown_and_stays() {
    let nothing = giving(r#"{"data":"cleared","kv":{}}"#, None);
    let app = site()
        .with_toml("clear.wasm", nothing, &namespace("n"))
        .bundle();
    for place in Place::all() {
        let app = app.start(&["--kv", &place.location()]);
        app.get("/fill").assert_status(200);
        assert_eq!(app.get("/count?keys").text(), "2");
        assert_eq!(app.get("/count?set=e:5").text(), "5");
        assert_keys(&app, &json!(["a", "b", "d", "e", [255]]));
        assert_eq!(app.get("/clear").text(), "cleared");
        assert_keys(&app, &json!(["d", [255]]));
        assert_eq!(app.get("/count?keys").text(), "0");
    }
}

#[test]
fn without_kv_in_the_answer_everything_stays() {
    let app = site()
        .with_toml(
            "quiet.wasm",
            giving(r#"{"data":"quiet"}"#, None),
            &namespace("n"),
        )
        .bundle()
        .start(&[]);
    app.get("/fill").assert_status(200);
    assert_eq!(app.get("/quiet").text(), "quiet");
    assert_eq!(app.get("/count?get=a").text(), "1");
    assert_keys(&app, &json!(["a", "b", "d", [255]]));
}

#[test]
fn one_key_is_left_out_and_the_others_stay() {
    let app = site().bundle().start(&[]);
    app.get("/fill").assert_status(200);
    assert_eq!(app.get("/count?del=a").text(), "true");
    assert_eq!(app.get("/count?del=a").text(), "false");
    assert_keys(&app, &json!(["b", "d", [255]]));
}

#[test]
fn without_a_namespace_kv_is_empty_and_goes_nowhere() {
    let app = TestSite::new()
        .file("count.wasm", compiled("kv_p1"))
        .bundle()
        .start(&[]);
    for _ in 0..2 {
        assert_eq!(app.get("/count").assert_status(200).text(), "1");
    }
}

#[test]
fn what_is_no_state_is_502_and_changes_nothing() {
    let output = r#"{"data":"x","kv":{"a":"9","b":1}}"#;
    let app = site()
        .with_toml("bad.wasm", giving(output, None), &namespace("n"))
        .bundle()
        .start(&[]);
    app.get("/fill").assert_status(200);
    assert_discreet(app.get("/bad").assert_status(502));
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("`kv`") && line.contains("worker=bad.wasm"),
        "{line}"
    );
    assert_eq!(app.get("/count?get=a").text(), "1");
}

#[test]
fn a_value_that_is_too_long_is_500_and_changes_nothing() {
    let long = "x".repeat((1 << 20) + 1);
    let output = json!({ "data": "x", "kv": { "a": "9", "b": long } }).to_string();
    let app = site()
        .with_toml("long.wasm", giving(&output, None), &namespace("n"))
        .bundle()
        .start(&[]);
    app.get("/fill").assert_status(200);
    assert_discreet(app.get("/long").assert_status(500));
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("a value of 1048577 bytes; the longest has 1048576"),
        "{line}"
    );
    assert_eq!(app.get("/count?get=a").text(), "1");
}

#[test]
fn a_namespace_above_its_limit_is_500_and_the_log_says_what_to_do() {
    let more = "await kv.set('long', 'x'.repeat(1024)); return new Response('more')";
    let app = site().storing("more", "n", more).bundle();
    for place in Place::all() {
        let location = place.location();
        let app = app.start(&["--kv", &location, "--worker-kv-snapshot", "1KiB"]);
        app.get("/fill").assert_status(200);
        app.get("/count").assert_status(200);
        app.get("/more").assert_status(200);
        assert_discreet(app.get("/count").assert_status(500));
        let line = app.log_line("worker_failed");
        assert!(
            line.contains("1024 bytes") && line.contains("kv_snapshot"),
            "{line}"
        );
        // Those who are not given all of it go on.
        assert_keys(&app, &json!(["a", "b", "d", "long", "n", [255]]));
    }
}
