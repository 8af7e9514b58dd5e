//! Several apps share one Redis server, behind one nginx.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::counts::{assert_counts, counters};
use crate::support::{BundledApp, Connection, Nginx, RedisServer, RunningApp, wait_for};

/// One of the wws protocol, two scripts, one component.
const PATHS: [&str; 4] = ["/protocol", "/cache", "/increment", "/kv/incr?n"];
const CLIENTS: usize = 8;
const EACH: usize = 40;

fn four(app: &BundledApp, server: &RedisServer) -> Vec<RunningApp> {
    let location = server.location();
    (0..4).map(|_| app.start(&["--kv", &location])).collect()
}

fn before(apps: &[RunningApp]) -> Option<Nginx> {
    let ports: Vec<u16> = apps.iter().map(RunningApp::port).collect();
    Nginx::start(&ports)
}

#[test]
fn no_increment_is_lost_by_four_apps_behind_a_balancer() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let apps = four(&counters().bundle(), &server);
    let Some(nginx) = before(&apps) else {
        return;
    };
    for path in PATHS {
        assert_counts(nginx.port(), path);
    }
    for app in apps {
        assert!(!app.log().contains("worker_failed"), "{}", app.log());
    }
}

#[test]
fn what_was_acknowledged_stays_when_one_of_four_is_killed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let app = counters().bundle();
    for path in PATHS {
        let apps = four(&app, &server);
        let Some(nginx) = before(&apps) else {
            return;
        };
        let acknowledged = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| attempt(nginx.port(), path, &acknowledged));
            }
            let is_on_the_way = || acknowledged.load(Ordering::Relaxed) >= CLIENTS * EACH / 4;
            wait_for(|| is_on_the_way().then_some(()));
            apps[1].signal("KILL");
        });
        let acknowledged = acknowledged.into_inner();
        let next = apps[0].get(path).assert_status(200).text();
        let total = next.parse::<usize>().unwrap() - 1;
        assert!(total >= acknowledged, "{path}: {total} of {acknowledged}");
        assert!(total <= CLIENTS * EACH, "{path}: {total}");
        // The three others went on.
        let enough = CLIENTS * EACH * 3 / 4;
        assert!(acknowledged >= enough, "{path}: {acknowledged}");
    }
}

/// Asks for every increment once, whatever comes of it.
fn attempt(port: u16, path: &str, acknowledged: &AtomicUsize) {
    let mut connection = Connection::to(port);
    for _ in 0..EACH {
        match increment(&mut connection, path) {
            Ok(200) => {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(status) => assert_eq!(status, 502, "{path}"),
            Err(_) => connection = Connection::to(port),
        }
    }
}

fn increment(connection: &mut Connection, path: &str) -> io::Result<u16> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    connection.send(head.as_bytes())?;
    Ok(connection.answer("POST")?.status)
}
