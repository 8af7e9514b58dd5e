//! Answers that lead elsewhere.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use outbound::{CallError, CallOptions, Client, ClientOptions, Redirects, RequestBody};
use outbound_rules::{HostPattern, Refused};

use crate::support::{
    LIMITS, Server, ServerBody, caller, fetch, get, ok, open_rules, request, text, whole,
};

fn redirect(status: u16, location: &str) -> Response<ServerBody> {
    let mut answer = Response::new(whole(""));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
        .headers_mut()
        .insert("location", HeaderValue::from_str(location).unwrap());
    answer
}

/// `/3` leads to `/2` and so on to `/0`, which is the answer.
async fn countdown(request: Request<Incoming>) -> Response<ServerBody> {
    match request.uri().path()[1..].parse::<u32>().unwrap() {
        0 => ok(request.method().as_str().to_owned()),
        n => redirect(302, &format!("{}#part", n - 1)),
    }
}

#[tokio::test]
async fn a_chain_is_followed_to_its_end_over_one_connection() {
    let server = Server::http(countdown).await;
    let answer = fetch(&caller(LIMITS), &server.url("/20")).await.unwrap();
    assert!(answer.redirected);
    assert_eq!(answer.url, server.url("/0"));
    assert_eq!(text(answer).await.unwrap(), "GET");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_chain_of_21_is_taken_for_a_circle() {
    let server = Server::http(countdown).await;
    let error = fetch(&caller(LIMITS), &server.url("/21"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TooManyRedirects), "{error:?}");
}

#[tokio::test]
async fn a_chain_is_bound_by_the_time_of_the_call() {
    let server = Server::http(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        redirect(302, "/")
    })
    .await;
    let mut limits = LIMITS;
    limits.total = Duration::from_millis(200);
    let error = fetch(&caller(limits), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, CallError::TotalTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_the_answer_or_an_error_where_the_call_says_so() {
    let server = Server::http(countdown).await;
    let caller = caller(LIMITS);
    let answer = caller
        .send(get(&server.url("/1")), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(answer.response.status(), 302);
    assert_eq!(answer.response.headers()["location"], "0#part");
    assert!(!answer.redirected);
    let options = CallOptions {
        redirects: Redirects::Error,
        ..CallOptions::default()
    };
    let error = caller
        .send(get(&server.url("/1")), options)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer leads elsewhere, to 0#part: the call takes no redirect"
    );
}

#[tokio::test]
async fn a_body_is_sent_again_where_the_method_stays() {
    use http_body_util::BodyExt;
    let server = Server::http(|request| async move {
        if request.uri().path() == "/" {
            return redirect(307, "/there");
        }
        let method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        ok(format!("{method} {}", String::from_utf8_lossy(&body)))
    })
    .await;
    let body = RequestBody::Whole(Bytes::from_static(b"body"));
    let options = CallOptions {
        redirects: Redirects::Follow,
        ..CallOptions::default()
    };
    let call = request(Method::POST, &server.url("/"), body);
    let answer = caller(LIMITS).send(call, options).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "POST body");
}

#[tokio::test]
async fn secrets_do_not_follow_to_another_origin() {
    let other = Server::http(|request| async move {
        let headers = request.headers();
        ok(format!(
            "{} {}",
            headers.contains_key("authorization"),
            headers.contains_key("x-mine")
        ))
    })
    .await;
    let there = other.url("/");
    let server = Server::http(move |_| {
        let there = there.clone();
        async move { redirect(302, &there) }
    })
    .await;
    let mut call = get(&server.url("/"));
    for name in ["authorization", "x-mine"] {
        call.headers_mut()
            .insert(name, HeaderValue::from_static("1"));
    }
    let options = CallOptions {
        redirects: Redirects::Follow,
        ..CallOptions::default()
    };
    let answer = caller(LIMITS).send(call, options).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "false true");
}

/// A redirect to the other server, whose rules let the first request through.
#[track_caller]
fn is_refused(found: Result<outbound::Answer, CallError>) -> Refused {
    match found {
        Err(CallError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_redirect_is_checked_against_all_rules() {
    let target = Server::http(|_| async { ok("secret") }).await;
    let there = target.url("/");
    let server = Server::http(move |request| {
        let there = match request.uri().path() {
            "/host" => there.clone(),
            "/spelled" => there.replace("127.0.0.1", "0x7f.1"),
            "/https" => there.replace("http:", "https:"),
            path => panic!("{path}"),
        };
        async move { redirect(302, &there) }
    })
    .await;
    let mut rules = open_rules();
    rules.hosts = vec![HostPattern::parse(&server.address.to_string()).unwrap()];
    let client = Client::new(ClientOptions::default());
    let caller = client.caller(rules, LIMITS);
    for path in ["/host", "/spelled", "/https"] {
        let refused = is_refused(fetch(&caller, &server.url(path)).await);
        assert!(matches!(refused, Refused::Host { .. }), "{path}: {refused}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_redirect_may_change_the_method_to_one_that_is_not_allowed() {
    let server = Server::http(|_| async { redirect(303, "/") }).await;
    let mut rules = open_rules();
    rules.methods = Some(vec!["POST".to_owned()]);
    let caller = Client::new(ClientOptions::default()).caller(rules, LIMITS);
    let call = request(
        Method::POST,
        &server.url("/"),
        RequestBody::Whole(Bytes::new()),
    );
    let options = CallOptions {
        redirects: Redirects::Follow,
        ..CallOptions::default()
    };
    let refused = is_refused(caller.send(call, options).await);
    assert_eq!(
        refused,
        Refused::Method {
            method: "GET".to_owned()
        }
    );
}
