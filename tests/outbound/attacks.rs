//! Other servers that try to lead a worker astray: by redirects, and by names that change.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::network::{LOOPBACK, PUBLIC, SILENT, in_own_network};
use super::{Caller, Door, allowing, allowing_origin, check_refused, close, each_door};
use crate::support::{DnsServer, Origin, TestSite, respond};

/// Rules that leave the whole internet open, and nothing else.
const INTERNET: &str = "allow_http = true\n";

/// A server that sends all others on to a URL, which can be changed.
fn redirecting(at: Option<SocketAddr>, to: &Arc<Mutex<String>>) -> Origin {
    let to = Arc::clone(to);
    let answer = move |_: &_, stream: &mut _| {
        let to = to.lock().unwrap().clone();
        respond(stream, 302, &[("location", &to)], b"elsewhere")
    };
    match at {
        Some(address) => Origin::start_at(address, answer),
        None => Origin::start(answer),
    }
}

/// The doors that follow redirects; components do that themselves.
const FOLLOWERS: [Door; 2] = [Door::Script, Door::Legacy];

#[test]
fn a_redirect_to_a_host_that_is_not_allowed_is_refused() {
    let secret = Origin::saying("secret");
    let to = Arc::new(Mutex::new(secret.url("/")));
    let first = redirecting(None, &to);
    for door in FOLLOWERS {
        let caller = Caller::start(door, &allowing_origin(&first, ""), &[]);
        for to_host in ["127.0.0.1", "localhost", "127.1", "[::1]"] {
            *to.lock().unwrap() = format!("http://{to_host}:{}/", secret.port());
            check_refused(&caller, "GET", &first.url("/"), &["allowed_hosts"]);
        }
        *to.lock().unwrap() = "ftp://a.example/".to_owned();
        check_refused(&caller, "GET", &first.url("/"), &["ftp://a.example/"]);
    }
    assert_eq!(secret.connections(), 0);
}

#[test]
fn components_get_redirects_as_they_are() {
    let secret = Origin::saying("secret");
    let to = Arc::new(Mutex::new(secret.url("/")));
    let first = redirecting(None, &to);
    for door in [Door::Proxy, Door::Service] {
        let caller = Caller::start(door, &allowing_origin(&first, ""), &[]);
        let got = caller.get(&first.url("/"));
        assert_eq!(got, Ok((302, "elsewhere".to_owned())));
    }
    assert_eq!(secret.connections(), 0);
}

#[test]
fn a_redirect_from_the_internet_to_a_private_address_is_refused() {
    in_own_network(|| {
        let secret = Origin::saying("secret");
        let port = secret.port();
        let dns = DnsServer::saying(&["127.0.0.1"]);
        let to = Arc::<Mutex<String>>::default();
        let first = redirecting(Some(SocketAddr::new(PUBLIC, port)), &to);
        for door in FOLLOWERS {
            let caller = Caller::start(door, &allowing(&["*"], INTERNET), &[&dns.flag()]);
            for host in [
                "127.0.0.1",
                "localhost",
                "inside.example",
                "2130706433",
                "[::ffff:127.0.0.1]",
                "[::1]",
                "169.254.169.254",
            ] {
                *to.lock().unwrap() = format!("http://{host}:{port}/");
                check_refused(&caller, "GET", &first.url("/"), &["allow_private"]);
            }
            *to.lock().unwrap() = format!("//0x7f.1:{port}/");
            check_refused(&caller, "GET", &first.url("/"), &["allow_private"]);
        }
        assert_eq!(secret.connections(), 0);
        assert!(first.connections() > 0);
    });
}

#[test]
fn a_name_that_turns_private_after_a_call_is_refused() {
    in_own_network(|| {
        let secret = Origin::saying("secret");
        let port = secret.port();
        // It keeps no connection, so that each call asks for the name again.
        let public = Origin::start_at(SocketAddr::new(PUBLIC, port), |_, stream| {
            respond(stream, 200, &[("connection", "close")], b"public")?;
            close()
        });
        for door in super::DOORS {
            let turned = Arc::<AtomicUsize>::default();
            let state = Arc::clone(&turned);
            let dns = DnsServer::start(move |_, _| {
                vec![match state.load(Ordering::SeqCst) {
                    0 => PUBLIC,
                    _ => LOOPBACK,
                }]
            });
            let caller = Caller::start(door, &allowing(&["*"], INTERNET), &[&dns.flag()]);
            let url = format!("http://rebind.example:{port}/");
            assert_eq!(caller.get(&url), Ok((200, "public".to_owned())));
            turned.store(1, Ordering::SeqCst);
            check_refused(&caller, "GET", &url, &["allow_private"]);
        }
        assert_eq!(secret.connections(), 0);
        assert_eq!(public.connections(), super::DOORS.len());
    });
}

#[test]
fn a_name_that_turns_private_between_check_and_connection_leads_nowhere() {
    in_own_network(|| {
        let secret = Origin::saying("secret");
        let port = secret.port();
        let public = Origin::start_at(SocketAddr::new(PUBLIC, port), |_, stream| {
            respond(stream, 200, &[("connection", "close")], b"public")?;
            close()
        });
        for door in super::DOORS {
            // Public for whoever checks, private for whoever asks once more.
            let dns = DnsServer::start(|_, times| match times % 2 {
                0 => vec![PUBLIC],
                _ => vec![LOOPBACK],
            });
            let caller = Caller::start(door, &allowing(&["*"], INTERNET), &[&dns.flag()]);
            for round in 0..4 {
                let got = caller.get(&format!("http://rebind.example:{port}/"));
                let is_as_it_should_be = match &got {
                    Ok((_, text)) => text == "public",
                    Err(words) => words.contains("allow_private"),
                };
                assert!(is_as_it_should_be, "{door:?}, {round}: {got:?}");
            }
        }
        assert_eq!(secret.connections(), 0);
        assert!(public.connections() > 0);
    });
}

#[test]
fn of_mixed_addresses_the_private_ones_are_passed_over() {
    in_own_network(|| {
        let secret = Origin::saying("secret");
        let port = secret.port();
        let public = Origin::start_at(SocketAddr::new(PUBLIC, port), |_, stream| {
            respond(stream, 200, &[], b"public")
        });
        let dns = DnsServer::start(|name, _| {
            let six: IpAddr = "::1".parse().unwrap();
            match name {
                "mixed.example" => vec![LOOPBACK, six, PUBLIC],
                _ => vec![SILENT, LOOPBACK, six],
            }
        });
        each_door(&allowing(&["*"], INTERNET), &[&dns.flag()], |caller| {
            let got = caller.get(&format!("http://mixed.example:{port}/"));
            assert_eq!(got, Ok((200, "public".to_owned())));
            let url = format!("http://silent.example:{port}/");
            check_refused(caller, "GET", &url, &["cannot be reached"]);
        });
        assert_eq!(secret.connections(), 0);
        assert!(public.connections() > 0);
    });
}

#[test]
fn a_connection_that_was_made_with_leave_serves_nobody_without() {
    in_own_network(|| {
        let public = Origin::start_at("192.0.32.10:0".parse().unwrap(), |_, stream| {
            respond(stream, 200, &[], b"public")
        });
        let with_leave = allowing(&["*"], &format!("{INTERNET}allow_private = true\n"));
        let without = allowing(&["*"], INTERNET);
        let script = Door::Script.worker().1;
        let site = TestSite::new()
            .file("a.js", &script)
            .file("a.toml", &with_leave)
            .file("b.js", &script)
            .file("b.toml", &without);
        let app = site.bundle().start(&[]);
        let url = public.url("/");
        for (worker, connections) in [("a", 1), ("a", 1), ("b", 2), ("b", 2), ("a", 2)] {
            let answer = app.get(&format!("/{worker}?{url}"));
            assert_eq!(answer.assert_status(200).text(), "public");
            assert_eq!(public.connections(), connections, "{worker}");
        }
    });
}

#[test]
fn a_name_that_another_worker_may_call_is_checked_all_the_same() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    let dns = DnsServer::saying(&["127.0.0.1"]);
    let with_leave = allowing(&["*"], super::LOOPBACK);
    let without = allowing(&["*"], INTERNET);
    let script = Door::Script.worker().1;
    let site = TestSite::new()
        .file("a.js", &script)
        .file("a.toml", &with_leave)
        .file("b.js", &script)
        .file("b.toml", &without);
    let app = site.bundle().start(&[&dns.flag()]);
    let url = format!("http://inside.example:{port}/");
    let ask = |worker: &str| app.get(&format!("/{worker}?{url}"));
    assert_eq!(ask("a").assert_status(200).text(), "inside");
    let refused = ask("b");
    assert!(refused.assert_status(502).text().contains("allow_private"));
    assert_eq!(ask("a").assert_status(200).text(), "inside");
    assert_eq!(origin.connections(), 1);
}
