//! Every answer has the id of its request, and every request of a worker belongs to a trace.

use std::collections::HashSet;

use super::{echoed, field, site};
use crate::support::{Answer, RunningApp, TestSite};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[track_caller]
fn id_of(answer: &Answer) -> String {
    let id = answer.field("x-request-id").unwrap_or_default().to_owned();
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(id.len() == 32 && id.chars().all(is_digit), "{answer:?}");
    id
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    site().both_ways(|app| {
        let mut connection = app.connect();
        let mut ids = HashSet::new();
        // The short way and the general one, of assets, workers, redirects, and of nothing.
        for (method, path, fields) in [
            ("GET", "/", &[][..]),
            ("GET", "/", &[("te", "trailers")]),
            ("HEAD", "/long.txt", &[]),
            ("GET", "/long.txt", &[("range", "bytes=0-4")]),
            ("GET", "/docs", &[]),
            ("GET", "/nothing", &[]),
            ("DELETE", "/", &[]),
            ("GET", "/api/echo", &[]),
            ("GET", "/api/echo", &[("te", "trailers")]),
            ("GET", "/trap", &[]),
            ("GET", "/trap", &[("te", "trailers")]),
        ] {
            for _ in 0..2 {
                ids.insert(id_of(&connection.request(method, path, fields, b"")));
            }
        }
        assert_eq!(ids.len(), 22);
    });
}

#[test]
fn a_worker_gets_the_id_of_its_request_and_cannot_give_another() {
    let body = "return new Response(request.headers.get('x-request-id'), \
        { headers: { 'x-request-id': 'mine' } })";
    let script = format!("export default {{ async fetch(request) {{ {body} }} }}");
    TestSite::new().file("w.js", script).both_ways(|app| {
        for fields in [&[][..], &[("te", "trailers")]] {
            let answer = app.get_with("/w", fields);
            assert_eq!(answer.text(), id_of(&answer));
        }
    });
}

#[test]
fn an_id_is_taken_from_a_trusted_proxy_only() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, given: &[&str], want: Option<&str>) {
        for general in [&[][..], &[("te", "trailers")]] {
            let ids = given.iter().map(|id| ("x-request-id", *id));
            let fields: Vec<_> = ids.chain(general.iter().copied()).collect();
            let answer = app.get_with(path, &fields);
            match want {
                Some(want) => assert_eq!(answer.field("x-request-id"), Some(want)),
                None => drop(id_of(&answer)),
            }
        }
    }
    let app = site().bundle();
    let (alone, behind) = (app.start(&[]), app.start(&["--trusted-proxy", "127.0.0.1"]));
    let longest = "x".repeat(128);
    for path in ["/", "/nothing", "/docs", "/api/echo"] {
        check(&alone, path, &["abc-1"], None);
        check(&behind, path, &["abc-1"], Some("abc-1"));
        check(&behind, path, &[&longest], Some(&longest));
        check(&behind, path, &[&format!("{longest}x")], None);
        check(&behind, path, &["a b"], None);
        check(&behind, path, &["a", "b"], None);
    }
    let got = echoed(&behind.get_with("/api/echo", &[("x-request-id", "abc-1")]));
    assert_eq!(field(&got, "x-request-id"), Some("abc-1"));
}

#[test]
fn a_valid_trace_is_passed_on_and_another_begun() {
    let app = site().bundle().start(&[]);
    for general in [&[][..], &[("te", "trailers")]] {
        let ask = |fields: &[(&str, &str)]| {
            let answer = app.get_with("/api/echo", &[fields, general].concat());
            let got = echoed(&answer);
            let field = |name| field(&got, name).map(str::to_owned);
            (
                field("traceparent").unwrap(),
                field("tracestate"),
                id_of(&answer),
            )
        };
        let (parent, state, _) = ask(&[("traceparent", TRACE), ("tracestate", "a=1,b=2")]);
        assert_eq!(
            (parent.as_str(), state.as_deref()),
            (TRACE, Some("a=1,b=2"))
        );
        let bad = TRACE.replace("4bf", "xyz");
        for fields in [
            &[][..],
            &[("traceparent", bad.as_str()), ("tracestate", "a=1")],
        ] {
            let (parent, state, id) = ask(fields);
            assert!(parent.starts_with(&format!("00-{id}-")), "{parent}");
            assert!(parent.len() == 55 && parent.ends_with("-00"), "{parent}");
            assert_eq!(state, None);
        }
    }
}
