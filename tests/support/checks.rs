//! What is looked at again and again: waiting, pages of errors, refusals.

use std::thread;
use std::time::{Duration, Instant};

use super::{Answer, PATIENCE, TestSite};

/// Looks again and again until there is something.
#[track_caller]
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "what is waited for never came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Words that would tell a client about the inside.
const INSIDE: [&str; 12] = [
    "wasm",
    "wasi",
    "worker",
    "limit",
    "memory",
    "trap",
    "unreachable",
    "exit",
    "stack",
    "json",
    "/w/",
    "header",
];

/// A page that says nothing about the inside.
#[track_caller]
pub(crate) fn assert_discreet(answer: &Answer) {
    let text = answer.text().to_lowercase();
    let told: Vec<&&str> = INSIDE.iter().filter(|word| text.contains(**word)).collect();
    assert!(
        told.is_empty() && text.contains(&answer.status.to_string()),
        "{told:?} in {text}"
    );
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

/// Bundling is refused, in words that hold all of `want`.
#[track_caller]
pub(crate) fn check_refusal(site: &TestSite, want: &[&str]) {
    let message = site.refusal(&[]);
    for part in want {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}
