//! Which calls are refused, and with which words.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

use std::net::{IpAddr, Ipv4Addr};

use outbound_rules::{Host, HostPattern, Refused, Rules, is_public, literal_address};
use proptest::prelude::*;

fn everything() -> Rules {
    Rules {
        hosts: vec![HostPattern::parse("*").unwrap()],
        methods: None,
        allow_http: true,
        allow_private: false,
    }
}

#[track_caller]
fn refused(rules: &Rules, call: (&str, bool, &str, u16), want: &str) {
    let (method, is_https, host, port) = call;
    let error = rules.check(method, is_https, host, port).unwrap_err();
    assert_eq!(error.to_string(), want);
}

#[test]
fn nothing_is_allowed_until_a_host_is_named() {
    refused(
        &Rules::default(),
        ("GET", true, "api.example.com", 443),
        "a call to api.example.com was refused: this worker may make no calls until allowed_hosts = [\"api.example.com\"] stands under [features.http_requests] of its configuration",
    );
}

#[test]
fn a_refusal_names_the_text_to_add() {
    let rules = Rules {
        hosts: vec![HostPattern::parse("example.com").unwrap()],
        methods: Some(vec!["GET".to_owned()]),
        ..Rules::default()
    };
    rules.check("GET", true, "example.com", 443).unwrap();
    refused(
        &rules,
        ("GET", true, "api.example.com", 8443),
        "a call to api.example.com:8443 was refused: add \"api.example.com:8443\" to allowed_hosts under [features.http_requests]",
    );
    refused(
        &rules,
        ("GET", false, "example.com", 80),
        "a call to http://example.com was refused: use https, or add allow_http = true under [features.http_requests]",
    );
    refused(
        &rules,
        ("PUT", true, "example.com", 443),
        "a PUT call was refused: add \"PUT\" to allowed_methods under [features.http_requests]",
    );
    refused(
        &rules,
        ("get", true, "example.com", 443),
        "a get call was refused: add \"get\" to allowed_methods under [features.http_requests]",
    );
}

#[test]
fn the_host_of_a_refusal_can_be_written_into_the_list() {
    for (host, port) in [
        ("::1", 443),
        ("[::1]", 8080),
        ("a.example", 1),
        ("0x7f.1", 443),
    ] {
        let mut rules = Rules {
            hosts: vec![HostPattern::parse("other.example").unwrap()],
            allow_private: true,
            ..Rules::default()
        };
        let Err(Refused::Host { host: named }) = rules.check("GET", true, host, port) else {
            panic!("{host} must be refused by name");
        };
        rules.hosts.push(HostPattern::parse(&named).unwrap());
        rules.check("GET", true, host, port).unwrap();
    }
}

#[test]
fn no_rule_allows_connect_and_trace() {
    for method in ["CONNECT", "TRACE", "TRACK", "connect", "Trace"] {
        refused(
            &everything(),
            (method, true, "example.com", 443),
            &format!("a {method} call was refused: no worker may make one"),
        );
    }
}

#[test]
fn a_private_address_is_refused_until_it_is_allowed() {
    let mut rules = everything();
    let call = ("GET", false, "169.254.169.254", 80);
    refused(
        &rules,
        call,
        "a call to 169.254.169.254 was refused: its address 169.254.169.254 is not of the public internet; if that is meant, add allow_private = true under [features.http_requests]",
    );
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    rules.check_address("a.example", address).unwrap_err();
    rules.allow_private = true;
    rules.check("GET", false, "169.254.169.254", 80).unwrap();
    rules.check_address("a.example", address).unwrap();
}

#[test]
fn what_is_no_host_is_refused_by_every_rule() {
    for host in ["", "a b", "%6c", "１.1.1.1", "a.1", "[::1"] {
        let found = everything().check("GET", true, host, 443);
        assert!(
            matches!(found, Err(Refused::NotAHost(_))),
            "{host}: {found:?}"
        );
    }
}

/// All spellings of the number `value` as a part of an address.
fn part(value: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("{value}")),
        (0_usize..12).prop_map(move |zeros| format!("0{}{value:o}", "0".repeat(zeros))),
        (0_usize..12).prop_map(move |zeros| format!("0x{}{value:x}", "0".repeat(zeros))),
        Just(format!("0X{value:X}")),
    ]
}

/// An address of four, three, two parts or one, each in any notation.
fn spelling(bits: u32) -> impl Strategy<Value = String> {
    let [a, b, c, d] = bits.to_be_bytes().map(u32::from);
    let parts = |parts: Vec<u32>| {
        parts
            .into_iter()
            .map(part)
            .collect::<Vec<_>>()
            .prop_map(|it| it.join("."))
    };
    let numbers = prop_oneof![
        parts(vec![a, b, c, d]),
        parts(vec![a, b, c << 8 | d]),
        parts(vec![a, b << 16 | c << 8 | d]),
        parts(vec![bits]),
    ];
    let plain = Ipv4Addr::from(bits);
    prop_oneof![
        8 => (numbers, "\\.?").prop_map(|(text, dot)| text + &dot),
        1 => Just(format!("::ffff:{plain}")),
        1 => Just(format!("[{}]", plain.to_ipv6_mapped())),
    ]
}

fn not_public() -> impl Strategy<Value = u32> {
    let inside = |base: [u8; 4], mask: u32| {
        any::<u32>().prop_map(move |bits| u32::from_be_bytes(base) | bits & mask)
    };
    prop_oneof![
        inside([127, 0, 0, 0], 0x00ff_ffff),
        inside([10, 0, 0, 0], 0x00ff_ffff),
        inside([172, 16, 0, 0], 0x000f_ffff),
        inside([192, 168, 0, 0], 0x0000_ffff),
        inside([169, 254, 0, 0], 0x0000_ffff),
        inside([0, 0, 0, 0], 0x00ff_ffff),
    ]
}

proptest! {
    #[test]
    fn every_spelling_of_an_address_that_is_not_public_is_caught(
        (bits, text) in not_public().prop_flat_map(|bits| (Just(bits), spelling(bits)))
    ) {
        let address = IpAddr::V4(bits.into());
        prop_assert!(!is_public(address));
        prop_assert_eq!(literal_address(&text), Some(address), "{}", text);
        let found = everything().check("GET", true, &text, 443);
        let is_private = matches!(found, Err(Refused::Private { .. }));
        prop_assert!(is_private, "{}: {:?}", text, found);
    }

    /// The parser of URLs that browsers and the JavaScript engine agree with.
    #[test]
    fn what_a_url_takes_for_an_address_is_never_taken_for_a_name(
        text in "[0-9a-fA-FxX.]{1,18}|[0-9a-z.%:\\[\\]-]{1,20}|\\PC{1,12}"
    ) {
        let want = match url::Host::parse(&text) {
            Ok(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Ok(url::Host::Ipv6(address)) => Some(IpAddr::V6(address).to_canonical()),
            _ => None,
        };
        match (Host::parse(&text), want) {
            (Ok(Host::Name(name)), want) => prop_assert_eq!(want, None, "{}", name),
            (Ok(Host::Address(address)), Some(want)) => prop_assert_eq!(address, want),
            // An IPv6 address without brackets is none in a URL, but may be asked about here.
            (Ok(Host::Address(address)), None) => prop_assert!(address.is_ipv6() || text.contains(':')),
            (Err(_), _) => {}
        }
    }
}
