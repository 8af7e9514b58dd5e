//! What stands in `allowed_hosts`, what it allows, and what is said about the rest.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

use outbound_rules::{HostPattern, Rules};
use proptest::prelude::*;

fn rules(hosts: &[&str]) -> Rules {
    Rules {
        hosts: hosts
            .iter()
            .map(|it| HostPattern::parse(it).unwrap())
            .collect(),
        methods: None,
        allow_http: true,
        allow_private: true,
    }
}

#[track_caller]
fn allows(pattern: &str, host: &str, port: u16, want: bool) {
    let found = rules(&[pattern]).check("GET", true, host, port);
    assert_eq!(
        found.is_ok(),
        want,
        "{pattern} for {host}:{port}: {found:?}"
    );
}

#[track_caller]
fn error(text: &str, want: &str) {
    assert_eq!(HostPattern::parse(text).unwrap_err().to_string(), want);
}

#[test]
fn a_host_without_port_is_allowed_at_the_usual_port_of_the_scheme() {
    allows("example.com", "example.com", 443, true);
    allows("example.com", "EXAMPLE.com.", 443, true);
    allows("example.com", "example.com", 80, false);
    allows("example.com", "example.com", 8443, false);
    allows("example.com", "a.example.com", 443, false);
    let rules = rules(&["example.com"]);
    rules.check("GET", false, "example.com", 80).unwrap();
    rules.check("GET", false, "example.com", 443).unwrap_err();
}

#[test]
fn a_host_with_port_is_allowed_at_that_port_alone() {
    allows("Example.com:8443", "example.com", 8443, true);
    allows("example.com:8443", "example.com", 443, false);
    allows("1.2.3.4:80", "1.2.3.4", 80, true);
    allows("[::1]:8080", "::1", 8080, true);
    allows("[::1]:8080", "[0::1]", 8080, true);
    allows("[::1]", "::1", 443, true);
    allows("localhost:3000", "localhost", 3000, true);
}

#[test]
fn a_star_stands_for_every_name_below() {
    allows("*.example.com", "a.example.com", 443, true);
    allows("*.example.com", "a.b.example.com", 443, true);
    allows("*.example.com", "example.com", 443, false);
    allows("*.example.com", "badexample.com", 443, false);
    allows("*.example.com", "example.com.evil.org", 443, false);
    allows("*.example.com", "a.example.com", 444, false);
    allows("*.example.com:444", "a.example.com", 444, true);
    allows("*.com", "127.0.0.1", 443, false);
}

#[test]
fn a_star_alone_stands_for_everything() {
    allows("*", "example.com", 8443, true);
    allows("*", "127.0.0.1", 1, true);
    allows("*:8443", "example.com", 8443, true);
    allows("*:8443", "example.com", 443, false);
}

#[test]
fn an_address_is_allowed_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "127.1",
        "::ffff:7f00:1",
    ] {
        allows("127.0.0.1", host, 443, true);
    }
}

#[test]
fn a_url_is_answered_with_its_host() {
    error(
        "https://api.example.com/v1",
        "\"https://api.example.com/v1\" is a URL; write the host alone: \"api.example.com\"",
    );
    error(
        "http://me:pw@api.example.com:8080?x#y",
        "\"http://me:pw@api.example.com:8080?x#y\" is a URL; write the host alone: \"api.example.com:8080\"",
    );
    error(
        "https://[::1]:80/",
        "\"https://[::1]:80/\" is a URL; write the host alone: \"[::1]:80\"",
    );
    error(
        "https://",
        "\"https://\" is a URL; write the host alone: \"example.com\"",
    );
    error(
        "example.com/v1",
        "\"example.com/v1\" has a path, but a host is allowed as a whole; write the host alone: \"example.com\"",
    );
    error(
        "me@example.com",
        "\"me@example.com\" has a user before \"@\"; write the host alone: \"example.com\"",
    );
}

#[test]
fn what_is_no_host_is_told_the_right_form() {
    error("", "\"\" names no host; write one, such as \"example.com\"");
    error(
        "a.example, b.example",
        "\"a.example, b.example\" has a space or a comma in it; write one host in each entry, as in [\"a.example\", \"b.example\"]",
    );
    error(
        "bücher.example",
        "\"bücher.example\" has letters that are not ASCII; write the form that the name has in the DNS, which begins with \"xn--\"",
    );
    error(
        "fe80::1",
        "\"fe80::1\" is an IPv6 address; write it in brackets: \"[fe80::1]\"",
    );
    error(
        "0x7f.1",
        "\"0x7f.1\" means the address 127.0.0.1; write it as \"127.0.0.1\"",
    );
    for port in ["", "0", "+1", "65536", "http"] {
        error(
            &format!("example.com:{port}"),
            &format!(
                "\"example.com:{port}\" has no port from 1 to 65535 after its colon; write \"example.com:8443\", or \"example.com\" for the usual port"
            ),
        );
    }
    for text in [
        "a.*.example.com",
        "*example.com",
        "**",
        "*.*",
        "*.1.2.3.4",
        "a*",
    ] {
        error(
            text,
            &format!(
                "\"{text}\" has a * where none may be; write \"*.example.com\" for all names below example.com, or \"*\" for every host"
            ),
        );
    }
    for text in [
        "a..b",
        ".",
        "a.1",
        "[::1",
        "[x]",
        "a!b",
        ":80",
        "1.2.3.4.5",
        "*.",
    ] {
        let message = HostPattern::parse(text).unwrap_err().to_string();
        assert!(message.contains("is no host; write"), "{text}: {message}");
    }
}

#[test]
fn an_entry_is_its_text_in_files_and_is_parsed_when_read() {
    let rules = rules(&["Example.com.", "*.example.com:444", "[0::1]", "*"]);
    let text = serde_json::to_string(&rules.hosts).unwrap();
    assert_eq!(text, r#"["example.com","*.example.com:444","[::1]","*"]"#);
    assert_eq!(
        serde_json::from_str::<Vec<HostPattern>>(&text).unwrap(),
        rules.hosts
    );
    let error = serde_json::from_str::<HostPattern>(r#""http://a""#).unwrap_err();
    assert!(error.to_string().contains("is a URL"), "{error}");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_keeps_its_meaning(text in "[a-zA-Z0-9.:*/@\\[\\] x-]{0,20}|.{0,20}") {
        if let Ok(pattern) = HostPattern::parse(&text) {
            let written = pattern.to_string();
            prop_assert_eq!(HostPattern::parse(&written).unwrap(), pattern, "{} from {}", written, text);
        }
    }

    #[test]
    fn a_suggestion_for_a_url_can_be_parsed(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}", port in proptest::option::of(1_u16..), path in "[/?#].{0,10}|") {
        let authority = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        let error = HostPattern::parse(&format!("https://{authority}{path}")).unwrap_err().to_string();
        let suggestion = error.rsplit('"').nth(1).unwrap();
        prop_assert_eq!(HostPattern::parse(suggestion).unwrap().to_string(), authority);
    }
}
