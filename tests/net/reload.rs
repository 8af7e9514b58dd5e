//! A certificate that is replaced while it is used.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use rustls::version::TLS13;

use super::{Ends, Load, Secured, site};
use crate::support::{Connection, RunningApp, TlsClient, wait_for};

/// The certificate that an app shows to who has not been there before: others remember it.
fn shown(secured: &Secured, running: &RunningApp) -> Vec<u8> {
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let stream = client.connect(running.port()).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_new_certificate_is_shown_under_load_and_no_request_is_lost() {
    let secured = Secured::new();
    let running = secured.start(&site().bundle(), &[]);
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let mut kept = client.open(running.port());
    kept.request("GET", "/", &[], b"").assert_status(200);
    assert_eq!(shown(&secured, &running), secured.issued.der.to_vec());
    let load = Load::default();
    thread::scope(|scope| {
        let _ends = Ends(&load);
        for requests_max in [1, 1, usize::MAX] {
            let connect = || Ok(Connection::over(client.connect(running.port())?));
            let load = &load;
            scope.spawn(move || load.run(connect, requests_max));
        }
        for signal in [Some("HUP"), None, Some("HUP")] {
            load.wait_for(20);
            let issued = secured.authority.issue();
            issued.write(secured.folder.path());
            if let Some(signal) = signal {
                running.signal(signal);
            }
            // Without a signal, within a few seconds.
            wait_for(|| (shown(&secured, &running) == issued.der.to_vec()).then_some(()));
            load.wait_for(20);
        }
    });
    assert_eq!(load.failed.into_inner(), 0, "{}", running.log());
    kept.request("GET", "/", &[], b"").assert_status(200);
    assert!(running.log().contains("tls_reloaded"), "{}", running.log());
    assert!(!running.log().contains("tls_kept"), "{}", running.log());
}

#[test]
fn a_bad_new_file_keeps_the_old_one_and_says_so() {
    let (secured, other) = (Secured::new(), Secured::new());
    let running = secured.start(&site().bundle(), &[]);
    let path = |name| secured.folder.path().join(name);
    let own = fs::read(path("key.pem")).unwrap();
    fs::write(path("key.pem"), &other.issued.key).unwrap();
    running.signal("HUP");
    let line = running.log_line("tls_kept");
    assert!(line.contains("not that of the first certificate"), "{line}");
    assert_eq!(shown(&secured, &running), secured.issued.der.to_vec());
    fs::write(path("key.pem"), own).unwrap();
    running.signal("HUP");
    running.log_line("tls_reloaded");
}

/// As secrets of Kubernetes and certificates of certbot are: files that are links, through folders
/// that are links.
#[test]
fn links_that_lead_elsewhere_are_followed_by_a_process_that_is_shut_off_from_files() {
    let secured = Secured::new();
    let root = secured.folder.path();
    for name in ["..1", "..2"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    secured.issued.write(&root.join("..1"));
    let second = secured.authority.issue();
    second.write(&root.join("..2"));
    symlink("..1", root.join("..data")).unwrap();
    for name in ["cert.pem", "key.pem"] {
        fs::remove_file(root.join(name)).unwrap();
        symlink(format!("..data/{name}"), root.join(name)).unwrap();
    }
    let running = secured.start(&site().bundle(), &[]);
    assert_eq!(shown(&secured, &running), secured.issued.der.to_vec());
    symlink("..2", root.join("..new")).unwrap();
    fs::rename(root.join("..new"), root.join("..data")).unwrap();
    running.signal("HUP");
    running.log_line("tls_reloaded");
    assert_eq!(shown(&secured, &running), second.der.to_vec());
}
