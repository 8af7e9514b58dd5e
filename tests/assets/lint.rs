//! What REDbot and httplint find in answers (`tests/lint`).

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{noise, site, text};
use crate::support::{RunningApp, repository, skipped};

/// A note that is about no mistake.
struct Justified {
    note: &'static str,
    /// Where the path begins.
    path: &'static str,
    /// Why, in words and sections.
    #[expect(dead_code, reason = "it is to be read here")]
    why: &'static str,
}

const JUSTIFIED: [Justified; 5] = [
    Justified {
        note: "STORE_PUBLIC_UNNECESSARY",
        path: "/",
        why: "RFC 9111, 3.5: for requests with Authorization, which a proxy in front may ask for, \
              nothing but `public` lets caches keep what is `immutable`",
    },
    Justified {
        note: "FRESHNESS_HEURISTIC",
        path: "/worker",
        why: "RFC 9111, 4.2.2: how long its answers are fresh is for a worker to say",
    },
    Justified {
        note: "INM_FULL",
        path: "/nothing",
        why: "RFC 9110, 13.2.1: conditions count only where the plain answer would be a 2xx",
    },
    Justified {
        note: "PARTIAL_WITHOUT_RANGE",
        path: "/script.js",
        why: "RFC 9110, 15.3.7.2: an answer in several parts must not have a Content-Range",
    },
    Justified {
        note: "STATUS_BAD_REQUEST",
        path: "/",
        why: "RFC 9112, 3.2: that is what was asked for",
    },
];

/// Lines of method, path and fields, as `lint.py` reads them.
const REQUESTS: &[&str] = &[
    "GET\t/",
    "GET\t/text.txt",
    "GET\t/script.js",
    "GET\t/assets/script.3f9c2b1a.js",
    "GET\t/image.png",
    "GET\t/nothing",
    "GET\t/nothing.png",
    "GET\t/folder",
    "GET\t/folder/",
    "GET\t/worker",
    "HEAD\t/",
    "HEAD\t/worker",
    "HEAD\t/nothing",
    "GET\t/script.js\tif-none-match=*",
    "GET\t/script.js\tif-match=\"x\"",
    "GET\t/script.js\trange=bytes=0-9",
    "GET\t/script.js\trange=bytes=0-9,500-509",
    "GET\t/script.js\trange=bytes=99999-",
    "GET\t/script.js\taccept-encoding=zstd",
    "GET\t/script.js\taccept-encoding=identity;q=0",
    "OPTIONS\t/script.js",
    "POST\t/script.js",
    "FOO\t/script.js",
    "POST\t/worker",
    "GET\t/\thost=two words",
];

#[test]
fn redbot_and_httplint_find_nothing_bad() {
    let python = repository("tests/lint/venv/bin/python");
    if !python.exists() {
        return skipped(
            "REDbot is missing: python3 -m venv tests/lint/venv, \
             and install tests/lint/requirements.txt there with pip",
        );
    }
    let own_page = "<!doctype html><html lang=en><title>Nothing</title>";
    // Longer than the ranges that REDbot asks for.
    let page = &[
        "<!doctype html><html lang=en>",
        &"<p>A line.</p>\n".repeat(200),
    ]
    .concat();
    for site in [site(), site().file("404.html", own_page)] {
        let app = site
            .file("script.js", text(20_000))
            .file("assets/script.3f9c2b1a.js", text(20_000))
            .file(
                "image.png",
                [&b"\x89PNG\r\n\x1a\n"[..], &noise(20_000)].concat(),
            )
            .file("index.html", page)
            .file("folder/index.html", page)
            .worker("worker", "hello")
            .bundle()
            .start(&[]);
        assert_clean(&notes(&app));
    }
}

/// What was found, one note a line.
fn notes(app: &RunningApp) -> String {
    let mut lint = Command::new(repository("tests/lint/venv/bin/python"));
    lint.arg(repository("tests/lint/lint.py"));
    lint.arg(format!("http://127.0.0.1:{}", app.port()));
    lint.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = lint.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(REQUESTS.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_clean(notes: &str) {
    let mut bad = String::new();
    let mut good = 0;
    for line in notes.lines() {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap();
        let (level, note, _method, path) = (column(), column(), column(), column());
        let is_justified = JUSTIFIED
            .iter()
            .any(|known| known.note == note && path.starts_with(known.path));
        match level {
            "GOOD" => good += 1,
            "INFO" => {}
            "BAD" | "WARN" if is_justified => {}
            _ => writeln!(bad, "{line}").unwrap(),
        }
    }
    assert!(bad.is_empty(), "\n{bad}");
    // It did look: at validators and codings at least.
    assert!(good >= 10, "{notes}");
}
