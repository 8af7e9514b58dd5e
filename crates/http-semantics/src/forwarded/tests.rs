use super::*;
use proptest::prelude::*;

/// 10.0.0.0/8 and ::1 are proxies.
fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.is_loopback(),
    }
}

fn read(fields: &[(&str, &str)]) -> Forwarding {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    forwarding(&map, is_trusted)
}

#[track_caller]
fn check(name: &str, value: &str, want: &[&str]) {
    let want: Vec<IpAddr> = want.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(read(&[(name, value)]).chain, want, "{name}: {value}");
}

#[test]
fn the_first_from_the_right_that_is_no_proxy_is_the_client() {
    for (name, [one, two, three, four, five]) in [
        (
            "x-forwarded-for",
            [
                "192.0.2.1",
                "192.0.2.1, 10.0.0.2",
                "1.1.1.1, 192.0.2.1,10.0.0.2 , 10.0.0.3",
                "10.0.0.1, 10.0.0.2",
                "2001:db8::1, ::1",
            ],
        ),
        (
            "forwarded",
            [
                "for=192.0.2.1",
                "For=192.0.2.1, for=10.0.0.2;proto=http",
                "for=1.1.1.1, for=192.0.2.1 , FOR=10.0.0.2, for=10.0.0.3",
                "for=10.0.0.1, for=10.0.0.2",
                "for=\"[2001:db8::1]\", for=\"[::1]:80\"",
            ],
        ),
    ] {
        check(name, one, &["192.0.2.1"]);
        check(name, two, &["192.0.2.1", "10.0.0.2"]);
        check(name, three, &["192.0.2.1", "10.0.0.2", "10.0.0.3"]);
        check(name, four, &["10.0.0.1", "10.0.0.2"]);
        check(name, five, &["2001:db8::1", "::1"]);
    }
}

#[test]
fn several_fields_are_one_list() {
    let found = read(&[
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "10.0.0.2"),
    ]);
    assert_eq!(found.client(), "192.0.2.1".parse().ok());
}

#[test]
fn an_address_may_have_a_port_and_brackets() {
    check("x-forwarded-for", "192.0.2.1:4711", &["192.0.2.1"]);
    check("x-forwarded-for", "[2001:db8::1]:4711", &["2001:db8::1"]);
    check("x-forwarded-for", "[2001:db8::1]", &["2001:db8::1"]);
    check("x-forwarded-for", "::ffff:192.0.2.1", &["192.0.2.1"]);
    check("forwarded", "for=\"192.0.2.1:4711\"", &["192.0.2.1"]);
}

#[test]
fn behind_who_is_unknown_nobody_is_known() {
    check(
        "x-forwarded-for",
        "192.0.2.1, unknown, 10.0.0.2",
        &["10.0.0.2"],
    );
    check(
        "forwarded",
        "for=192.0.2.1, for=_hidden, for=10.0.0.2",
        &["10.0.0.2"],
    );
    check("forwarded", "for=192.0.2.1, proto=https", &[]);
    check("forwarded", "for=unknown", &[]);
}

#[test]
fn one_bad_element_makes_the_list_worthless() {
    for list in [
        "192.0.2.1, x",
        "300.0.0.1",
        "192.0.2.1 10.0.0.2",
        "192.0.2.1:",
        "192.0.2.1:99999",
        "[::1",
        "example.com",
        "192.0.2.1\"",
    ] {
        check("x-forwarded-for", list, &[]);
    }
    for list in [
        "for",
        "for=",
        "=x",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1 for=192.0.2.2",
        "for=192.0.2.1, for=\"192.0.2.2",
        "for=192.0.2.1;proto=ftp",
        "for=192.0.2.1;host=\"a b\"",
        "for=192.0.2.1;by=x",
        "for=[::2]",
        "192.0.2.1",
    ] {
        check("forwarded", list, &[]);
    }
    let bytes = read(&[("x-forwarded-for", "192.0.2.1, \u{e9}")]);
    assert_eq!(bytes, Forwarding::default());
}

#[test]
fn empty_elements_and_unknown_parameters_are_passed_over() {
    check(
        "x-forwarded-for",
        ", 192.0.2.1,, 10.0.0.2,",
        &["192.0.2.1", "10.0.0.2"],
    );
    check(
        "forwarded",
        ",for=192.0.2.1;;ext=\"a,b;c\\\"\";by=_me,",
        &["192.0.2.1"],
    );
    check("forwarded", "", &[]);
}

#[test]
fn lists_have_a_limit() {
    let list = |count: usize| vec!["10.0.0.1"; count].join(",");
    assert_eq!(read(&[("x-forwarded-for", &list(64))]).chain.len(), 64);
    check("x-forwarded-for", &list(65), &[]);
    let list = |count: usize| vec!["for=10.0.0.1"; count].join(",");
    assert_eq!(read(&[("forwarded", &list(64))]).chain.len(), 64);
    check("forwarded", &list(65), &[]);
    let long = format!("{}192.0.2.1", " ".repeat(LIST_BYTES_MAX));
    check("x-forwarded-for", &long, &[]);
}

#[test]
fn scheme_and_host_are_those_that_the_client_used() {
    #[track_caller]
    fn check(fields: &[(&str, &str)], want: (Option<bool>, Option<&str>)) {
        let found = read(fields);
        let host = found.host.as_ref().map(Authority::as_str);
        assert_eq!((found.is_https, host), want, "{fields:?}");
    }
    let of = "x-forwarded-for";
    check(&[("x-forwarded-proto", "https")], (Some(true), None));
    check(&[("x-forwarded-proto", "HTTP")], (Some(false), None));
    check(
        &[("x-forwarded-host", "a.example:8443")],
        (None, Some("a.example:8443")),
    );
    let one = [(of, "192.0.2.1, 10.0.0.2"), ("x-forwarded-proto", "https")];
    check(&one, (Some(true), None));
    // What the client has put in front counts for nothing.
    let each = [
        (of, "9.9.9.9, 192.0.2.1, 10.0.0.2"),
        ("x-forwarded-proto", "http, https, http"),
        ("x-forwarded-host", "evil.example, a.example, b.example"),
    ];
    check(&each, (Some(true), Some("a.example")));
    check(
        &[(of, "192.0.2.1"), ("x-forwarded-proto", "gopher")],
        (None, None),
    );
    check(&[("x-forwarded-host", "user@a.example")], (None, None));
    let element = "for=9.9.9.9;host=evil.example, for=192.0.2.1;proto=https;host=\"a.example:1\"";
    check(&[("forwarded", element)], (Some(true), Some("a.example:1")));
}

#[test]
fn forwarded_is_not_looked_at_beside_the_others() {
    let fields = [
        ("forwarded", "for=9.9.9.9"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    assert_eq!(read(&fields).client(), "192.0.2.1".parse().ok());
    let fields = [("forwarded", "for=9.9.9.9"), ("x-forwarded-proto", "https")];
    assert_eq!(read(&fields).client(), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_only_the_last_may_be_untrusted(
        value in "[ -~]{0,80}|(for=)?[0-9a-f.:\\[\\]\", ;=]{0,40}",
        name in prop::sample::select(vec!["forwarded", "x-forwarded-for"]),
    ) {
        let found = read(&[(name, &value)]);
        prop_assert!(found.chain.iter().skip(1).all(|address| is_trusted(*address)));
    }

    #[test]
    fn whatever_a_client_puts_in_front_changes_nothing(
        front in prop::collection::vec(any::<std::net::Ipv4Addr>(), 0..20),
        client in any::<std::net::Ipv4Addr>(),
        proxies in prop::collection::vec(any::<[u8; 3]>(), 0..20),
    ) {
        prop_assume!(!is_trusted(client.into()));
        let proxies = proxies.iter().map(|[a, b, c]| std::net::Ipv4Addr::new(10, *a, *b, *c));
        let all: Vec<String> = front
            .into_iter()
            .chain([client])
            .chain(proxies)
            .map(|address| address.to_string())
            .collect();
        let found = read(&[("x-forwarded-for", &all.join(", "))]);
        prop_assert_eq!(found.client(), Some(IpAddr::V4(client)));
        let list: Vec<String> = all.iter().map(|address| format!("for={address}")).collect();
        let found = read(&[("forwarded", &list.join(", "))]);
        prop_assert_eq!(found.client(), Some(IpAddr::V4(client)));
    }
}
