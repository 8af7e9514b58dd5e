//! Names, the addresses behind them, and which of those are connected to.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outbound::{CallError, Caller, Client, ClientOptions};
use outbound_rules::{HostPattern, Refused, Rules};
use tokio::net::TcpListener;

use crate::support::{LIMITS, Server, dns, fetch, fetch_text, ok, open_rules, public_rules};

/// An address that is nobody's: the system refuses to connect to it.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 1);

async fn caller_asking<F>(rules: Rules, addresses: F) -> Caller
where
    F: Fn(&str, usize) -> Vec<Ipv4Addr> + Send + 'static,
{
    let (server, _) = dns(addresses).await;
    let options = ClientOptions {
        dns_server: Some(server),
        ..ClientOptions::default()
    };
    Client::new(options).caller(rules, LIMITS)
}

#[tokio::test]
async fn a_name_leads_to_its_address() {
    let server = Server::http(|request| async move {
        ok(request.headers()["host"].to_str().unwrap().to_owned())
    })
    .await;
    let caller = caller_asking(open_rules(), |name, _| {
        assert_eq!(name, "api.example");
        vec![Ipv4Addr::LOCALHOST]
    })
    .await;
    let port = server.address.port();
    let found = fetch_text(&caller, &format!("http://API.example:{port}/")).await;
    assert_eq!(found.unwrap(), format!("api.example:{port}"));
}

#[tokio::test]
async fn a_name_without_address_is_told() {
    let caller = caller_asking(open_rules(), |_, _| Vec::new()).await;
    let error = fetch(&caller, "http://nobody.example/").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "nobody.example cannot be resolved: there is no such name, or it has no address"
    );
}

#[tokio::test]
async fn a_name_of_a_private_address_is_refused() {
    for address in [
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(10, 0, 0, 1),
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::UNSPECIFIED,
    ] {
        let caller = caller_asking(public_rules(), move |_, _| vec![address]).await;
        let error = fetch(&caller, "http://inside.example/").await.unwrap_err();
        let CallError::Refused(Refused::Private {
            host,
            address: told,
        }) = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((host.as_str(), told), ("inside.example", address.into()));
    }
}

#[tokio::test]
async fn this_machine_is_refused_by_every_name_without_asking() {
    let server = Server::http(|_| async { ok("inside") }).await;
    let port = server.address.port();
    let (address, asked) = dns(|_, _| Vec::new()).await;
    let client = Client::new(ClientOptions {
        dns_server: Some(address),
        ..ClientOptions::default()
    });
    let public = client.caller(public_rules(), LIMITS);
    let open = client.caller(open_rules(), LIMITS);
    for host in [
        "localhost",
        "LOCALHOST.",
        "db.localhost",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "0.0.0.0",
    ] {
        let url = format!("http://{host}:{port}/");
        let error = fetch(&public, &url).await.unwrap_err();
        let is_private = matches!(&error, CallError::Refused(Refused::Private { .. }));
        assert!(is_private, "{host}: {error:?}");
        assert_eq!(fetch_text(&open, &url).await.unwrap(), "inside", "{host}");
    }
    for host in [
        "[::1]",
        "[::]",
        "[fd00:ec2::254]",
        "169.254.169.254",
        "0xa9fea9fe",
    ] {
        let error = fetch(&public, &format!("http://{host}:{port}/"))
            .await
            .unwrap_err();
        let is_private = matches!(&error, CallError::Refused(Refused::Private { .. }));
        assert!(is_private, "{host}: {error:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_that_changes_after_the_check_changes_nothing() {
    let checked = Server::http(|_| async { ok("checked") }).await;
    let port = checked.address.port();
    let other = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port))
        .await
        .unwrap();
    let (address, asked) = dns(|_, times| match times {
        0 => vec![Ipv4Addr::LOCALHOST],
        _ => vec![Ipv4Addr::new(127, 0, 0, 2)],
    })
    .await;
    let client = Client::new(ClientOptions {
        dns_server: Some(address),
        ..ClientOptions::default()
    });
    let caller = client.caller(open_rules(), LIMITS);
    let url = format!("http://rebind.example:{port}/");
    assert_eq!(fetch_text(&caller, &url).await.unwrap(), "checked");
    // What was checked is what was connected to: nobody asks again in between.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A worker for which there is no such connection yet asks anew, and is refused.
    let public = client.caller(public_rules(), LIMITS);
    let error = fetch(&public, &url).await.unwrap_err();
    assert!(
        matches!(error, CallError::Refused(Refused::Private { .. })),
        "{error:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let nobody = tokio::time::timeout(Duration::ZERO, other.accept()).await;
    assert!(nobody.is_err());
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_passed_over() {
    let server = Server::http(|_| async { ok("here") }).await;
    let port = server.address.port();
    let caller = caller_asking(open_rules(), |_, _| vec![NOWHERE, Ipv4Addr::LOCALHOST]).await;
    let found = fetch_text(&caller, &format!("http://two.example:{port}/")).await;
    assert_eq!(found.unwrap(), "here");
}

#[tokio::test]
async fn a_redirect_to_a_name_of_this_machine_is_refused() {
    let target = Server::http(|_| async { ok("secret") }).await;
    let port = target.address.port();
    let server = Server::http(move |_| async move {
        let mut answer = ok("");
        *answer.status_mut() = http::StatusCode::FOUND;
        let there = format!("http://inside.example:{port}/");
        answer
            .headers_mut()
            .insert("location", there.parse().unwrap());
        answer
    })
    .await;
    // The first name has to be allowed, so this is about the rules for hosts.
    let mut rules = open_rules();
    let first = format!("outside.example:{}", server.address.port());
    rules.hosts = vec![HostPattern::parse(&first).unwrap()];
    let caller = caller_asking(rules, |_, _| vec![Ipv4Addr::LOCALHOST]).await;
    let error = fetch(&caller, &format!("http://{first}/"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Refused(Refused::Host { .. })),
        "{error:?}"
    );
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn callers_at_the_same_time_ask_once() {
    let (address, asked) = dns(|_, _| vec![Ipv4Addr::LOCALHOST]).await;
    let client = Client::new(ClientOptions {
        dns_server: Some(address),
        ..ClientOptions::default()
    });
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.resolve("Same.example").await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), [Ipv4Addr::LOCALHOST]);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_no_name_of_the_dns_is_not_asked_for() {
    let (address, asked) = dns(|_, _| vec![Ipv4Addr::LOCALHOST]).await;
    let client = Client::new(ClientOptions {
        dns_server: Some(address),
        ..ClientOptions::default()
    });
    let error = client.resolve("a..example").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a..example cannot be resolved: the parts of a name between dots have 1 to 63 characters of ASCII"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
