//! Secure connections, and whom they trust.

use std::fs;

use super::{Caller, allowing, check_refused, each_door};
use crate::support::{Authority, DnsServer, RunningApp, secure};

#[test]
fn an_authority_of_the_users_own_is_trusted_if_they_say_so() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = authority.write(folder.path());
    let origin = secure(&authority, "api.example", "in secret");
    let url = format!("https://api.example:{}/", origin.port());
    let dns = DnsServer::saying(&["127.0.0.1"]);
    let host = format!("*.example:{}", origin.port());
    let toml = allowing(&[&host], "allow_private = true");
    let trusting = format!("--outbound-ca={}", file.display());
    each_door(&toml, &[&dns.flag(), &trusting], |caller| {
        assert_eq!(caller.get(&url), Ok((200, "in secret".to_owned())));
        // For its own name alone.
        let other = format!("https://other.example:{}/", origin.port());
        let want = [
            "no secure connection to other.example",
            "not valid for name",
        ];
        check_refused(caller, "GET", &other, &want);
    });
    each_door(&toml, &[&dns.flag()], |caller: &Caller| {
        let want = ["no secure connection to api.example", "UnknownIssuer"];
        check_refused(caller, "GET", &url, &want);
    });
}

#[test]
fn a_file_of_authorities_that_is_none_keeps_the_app_from_starting() {
    #[track_caller]
    fn check(contents: Option<&str>, want: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        if let Some(contents) = contents {
            fs::write(&file, contents).unwrap();
        }
        let app = super::Door::Script.site(&allowing(&["*"], "")).bundle();
        let flag = format!("--outbound-ca={}", file.display());
        let Err(ended) = RunningApp::try_start(app.command(&[&flag])) else {
            panic!("it started");
        };
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        for part in ["roots.pem", want] {
            assert!(ended.log.contains(part), "no {part:?} in {}", ended.log);
        }
    }
    check(None, "No such file");
    check(Some("nothing"), "-----BEGIN CERTIFICATE-----");
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(Some(bad), "certificate 1");
}
