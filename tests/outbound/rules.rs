//! What the TOML file allows, and what it does not.

use std::io::Write;

use super::{Caller, DOORS, Door, LOOPBACK, allowing, allowing_origin, check_refused, each_door};
use crate::support::{DnsServer, Origin, TestSite, check_refusal, respond, wait_until_closed};

/// A server that says what it was asked.
fn echo() -> Origin {
    Origin::start(|asked, stream| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let host = asked.field("host").unwrap_or_default();
        let text = format!("{} {} {host} {body}", asked.method, asked.target);
        respond(stream, 203, &[], text.as_bytes())
    })
}

#[test]
fn what_is_allowed_is_called() {
    let origin = echo();
    let port = origin.port();
    each_door(&allowing_origin(&origin, ""), &[], |caller| {
        let said = |text: &str| Ok((203, text.to_owned()));
        let got = caller.get(&origin.url("/a%20b?c=d&e"));
        assert_eq!(got, said(&format!("GET /a%20b?c=d&e 127.0.0.1:{port} ")));
        let got = caller.call("POST", &origin.url("/"), "größer".as_bytes());
        assert_eq!(got, said(&format!("POST / 127.0.0.1:{port} größer")));
    });
}

#[test]
fn a_folder_that_is_served_calls_in_the_same_way() {
    let origin = echo();
    let port = origin.port();
    let dns = DnsServer::saying(&["127.0.0.1"]);
    let toml = allowing(&[&format!("api.example:{port}")], LOOPBACK);
    for door in DOORS {
        let app = door.site(&toml).serve(&[&dns.flag()]);
        let caller = Caller { door, app };
        let got = caller.get(&format!("http://api.example:{port}/x"));
        assert_eq!(got, Ok((203, format!("GET /x api.example:{port} "))));
        check_refused(&caller, "GET", &origin.url("/"), &["allowed_hosts"]);
    }
}

#[test]
fn a_host_may_be_allowed_by_its_name() {
    let origin = echo();
    let port = origin.port();
    let dns = DnsServer::saying(&["127.0.0.1"]);
    let by_name = format!("api.example:{port}");
    let toml = allowing(&[&by_name, "*.example.org"], LOOPBACK);
    each_door(&toml, &[&dns.flag()], |caller| {
        let got = caller.get(&format!("http://API.example:{port}/x"));
        assert_eq!(got, Ok((203, format!("GET /x api.example:{port} "))));
        // The usual port alone, since no other is named.
        let url = format!("http://a.example.org:{port}/");
        check_refused(caller, "GET", &url, &["allowed_hosts"]);
    });
    assert!(dns.asked() > 0);
}

#[test]
fn what_is_not_allowed_is_an_error_that_names_the_rule() {
    let origin = echo();
    let host = format!("127.0.0.1:{}", origin.port());
    let url = origin.url("/");
    let check = |toml: &str, url: &str, want: &[&str]| {
        each_door(toml, &[], |caller| check_refused(caller, "GET", url, want));
    };
    let words = ["allowed_hosts", &host];
    check("", &url, &words);
    check(&allowing(&[], LOOPBACK), &url, &words);
    check(
        &allowing(&["a.example", "127.0.0.1:1"], LOOPBACK),
        &url,
        &words,
    );
    check(
        &allowing(&["*.example", "127.0.0.1"], LOOPBACK),
        &url,
        &words,
    );
    let no_http = allowing(&[&host], "allow_private = true");
    check(&no_http, &url, &["allow_http", "https"]);
    let no_private = allowing(&[&host], "allow_http = true");
    check(&no_private, &url, &["allow_private"]);
    let posts = format!("{LOOPBACK}allowed_methods = [\"POST\", \"DELETE\"]");
    check(
        &allowing(&[&host], &posts),
        &url,
        &["allowed_methods", "GET"],
    );
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_method_that_is_allowed_is_used() {
    let origin = echo();
    let toml = allowing_origin(&origin, "allowed_methods = [\"post\"]");
    each_door(&toml, &[], |caller| {
        let got = caller.call("POST", &origin.url("/"), b"x").unwrap();
        assert!(got.1.starts_with("POST / "), "{got:?}");
        check_refused(caller, "GET", &origin.url("/"), &["allowed_methods"]);
    });
}

#[test]
fn what_is_no_url_of_a_server_is_an_error_too() {
    let toml = allowing(&["*"], LOOPBACK);
    each_door(&toml, &[], |caller| {
        for url in ["ftp://127.0.0.1/", "http://", "nothing", "http://a!b/"] {
            let told = caller.ask("GET", url, b"");
            assert!(told.is_err(), "{:?} {url}: {told:?}", caller.door);
        }
    });
}

#[test]
fn an_error_of_a_component_has_a_code_that_fits() {
    let origin = echo();
    let host = format!("127.0.0.1:{}", origin.port());
    let toml = allowing(&[&host], "allow_http = true");
    for door in [Door::Proxy, Door::Service] {
        let app = door.site(&toml).bundle().start(&[]);
        let code = |url: &str| app.get(&door.target("GET", url)).text();
        let private = code(&origin.url("/"));
        assert!(private.contains("DestinationIpProhibited"), "{private}");
        let denied = code("https://a.example/");
        assert!(denied.contains("HttpRequestDenied"), "{denied}");
    }
}

#[test]
fn an_error_of_the_others_has_a_code_too() {
    let origin = Origin::start(|asked, stream| match asked.target.as_str() {
        "/loop" => respond(stream, 302, &[("location", "/loop")], b""),
        "/long" => respond(stream, 200, &[], &[b'x'; 5000]),
        "/no-http" => {
            stream.write_all(b"no HTTP\r\n\r\n")?;
            super::close()
        }
        _ => {
            wait_until_closed(stream);
            super::close()
        }
    });
    let dns = DnsServer::saying(&[]);
    let hosts = [
        &*format!("127.0.0.1:{}", origin.port()),
        "127.0.0.1:1",
        "*.example",
    ];
    let limits = "[limits]\noutbound_time = \"1s\"\noutbound_response = \"4KiB\"\n";
    let toml = allowing(&hosts, &format!("{LOOPBACK}{limits}"));
    let url = |path: &str| origin.url(path);
    let cases = [
        ("http://127.0.0.1:2/".to_owned(), "refused", "not-allowed"),
        ("http://nobody.example/".to_owned(), "dns", "internal-error"),
        (
            "http://127.0.0.1:1/".to_owned(),
            "connect",
            "internal-error",
        ),
        (url("/slow"), "timeout", "timeout"),
        (url("/loop"), "redirect", "redirect-loop"),
        (url("/no-http"), "protocol", "invalid-response-body"),
        (url("/long"), "too-large", "invalid-response-body"),
    ];
    for (door, column) in [(Door::Script, 0), (Door::Legacy, 1)] {
        let caller = Caller::start(door, &toml, &[&dns.flag()]);
        for (url, of_script, of_legacy) in &cases {
            let want = [of_script, of_legacy][column];
            let words = caller.get(url).unwrap_err();
            assert!(
                words.starts_with(&format!("{want}: ")),
                "{door:?} {url}: no {want} in {words}"
            );
        }
    }
}

#[test]
fn an_url_among_the_hosts_is_refused_with_the_right_form() {
    let toml = allowing(&["a.example", "http://b.example/path"], "");
    for (name, worker) in [Door::Proxy, Door::Script].map(Door::worker) {
        let site = TestSite::new()
            .file(name, worker)
            .file("[...path].toml", &toml);
        let want = [
            "[...path].toml:2:31:",
            "\"http://b.example/path\"",
            "write the host alone: \"b.example\"",
        ];
        check_refusal(&site, &want);
    }
}
