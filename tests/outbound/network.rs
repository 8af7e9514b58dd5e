//! A network of its own for one test, in which an address of the public internet is this machine.

use std::any::type_name_of_val;
use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use crate::support::{skipped, unshare};

/// An address that the rules take for public. It is this machine's in such a network alone.
pub(super) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 32, 10));
/// Another one, where nobody listens.
pub(super) const SILENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 32, 11));
pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const INSIDE: &str = "WWS_TEST_OWN_NETWORK";

const SETUP: &str = "ip link set lo up && ip address add 192.0.32.10/32 dev lo && \
    ip address add 192.0.32.11/32 dev lo && exec \"$@\"";

/// Runs the test in a process and a network of its own. The closure has to be that of the test
/// itself: the test is found by its type.
#[track_caller]
pub(super) fn in_own_network<F: Fn()>(test: F) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    let name = type_name_of_val(&test).trim_end_matches("::{{closure}}");
    let (_, name) = name.split_once("::").unwrap();
    let ready = command().is_some_and(|mut command| {
        let output = command.arg("true").output();
        output.is_ok_and(|output| output.status.success())
    });
    let Some(mut command) = command().filter(|_| ready) else {
        return skipped(&format!(
            "{name} needs unshare and ip, with leave to use them"
        ));
    };
    command.arg(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{name} was not found: {text}");
}

fn command() -> Option<Command> {
    let mut command = unshare(&["--net"])?;
    command.args(["sh", "-c", SETUP, "sh"]);
    Some(command)
}
