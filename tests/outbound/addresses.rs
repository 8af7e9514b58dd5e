//! Addresses that are not of the public internet, by number and by name.

use super::{LOOPBACK, allowing, check_refused, each_door};
use crate::support::{DnsServer, Origin};

const OPEN: &str = "allow_http = true\n";

/// This machine, in each way in which it can be written.
const HERE: [&str; 16] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.0.9",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
];

/// Other networks that are nobody's business.
const INSIDE: [&str; 9] = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
];

#[test]
fn an_address_is_refused_in_every_spelling() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    each_door(&allowing(&["*"], OPEN), &[], |caller| {
        for host in HERE.iter().chain(&INSIDE) {
            let url = format!("http://{host}:{port}/");
            check_refused(caller, "GET", &url, &["allow_private"]);
        }
    });
    assert_eq!(origin.connections(), 0);
}

#[test]
fn with_leave_it_is_called_in_every_spelling() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    each_door(&allowing(&["*"], LOOPBACK), &[], |caller| {
        for host in HERE.iter().filter(|host| !host.starts_with("127.255")) {
            let got = caller.get(&format!("http://{host}:{port}/"));
            assert_eq!(got, Ok((200, "inside".to_owned())), "{host}");
        }
    });
    assert!(origin.connections() > 0);
}

#[test]
fn an_address_that_is_allowed_is_meant_in_every_spelling() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    let host = format!("127.0.0.1:{port}");
    each_door(&allowing(&[&host], LOOPBACK), &[], |caller| {
        for host in ["2130706433", "127.1", "[::ffff:127.0.0.1]"] {
            let got = caller.get(&format!("http://{host}:{port}/"));
            assert_eq!(got, Ok((200, "inside".to_owned())), "{host}");
        }
        let url = format!("http://[::1]:{port}/");
        check_refused(caller, "GET", &url, &["allowed_hosts"]);
    });
}

#[test]
fn names_of_this_machine_are_refused_without_asking() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    let dns = DnsServer::saying(&[]);
    each_door(&allowing(&["*"], OPEN), &[&dns.flag()], |caller| {
        for host in ["localhost", "LOCALHOST", "localhost.", "db.localhost"] {
            let url = format!("http://{host}:{port}/");
            check_refused(caller, "GET", &url, &["allow_private"]);
        }
    });
    assert_eq!((origin.connections(), dns.asked()), (0, 0));
}

#[test]
fn a_name_of_a_private_address_is_refused() {
    let origin = Origin::saying("inside");
    let port = origin.port();
    let dns = DnsServer::start(|name, _| {
        let address = match name.split('.').next() {
            Some("loopback") => "127.0.0.1",
            Some("six") => "::1",
            Some("mapped") => "::ffff:127.0.0.1",
            Some("metadata") => "169.254.169.254",
            Some("any") => "0.0.0.0",
            Some("office") => "192.168.1.1",
            _ => return Vec::new(),
        };
        vec![address.parse().unwrap()]
    });
    // A name that is allowed by itself, and not by a star, is refused as well.
    let allowed = format!("loopback.example:{port}");
    for hosts in [&["*"][..], &[&allowed]] {
        each_door(&allowing(hosts, OPEN), &[&dns.flag()], |caller| {
            let names = ["loopback", "six", "mapped", "metadata", "any", "office"];
            for name in names.into_iter().take(if hosts == ["*"] { 6 } else { 1 }) {
                let host = format!("{name}.example");
                let url = format!("http://{host}:{port}/");
                check_refused(caller, "GET", &url, &["allow_private", &host]);
            }
        });
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_name_without_an_address_is_an_error() {
    let dns = DnsServer::saying(&[]);
    each_door(&allowing(&["*"], OPEN), &[&dns.flag()], |caller| {
        let want = ["nobody.example", "cannot be resolved"];
        check_refused(caller, "GET", "http://nobody.example/", &want);
    });
}
