//! Why workers have not answered: by kind, and the last few in words.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::LimitName;

/// How many of the last failures are kept.
const KEPT_MAX: usize = 32;

/// How much of the words of one, in bytes.
const REASON_BYTES_MAX: usize = 600;

/// A request that a worker has not answered, or not to the end.
pub(crate) struct Failed<'f> {
    pub(crate) kind: FailureKind,
    /// The limit that it came up against, if that is why.
    pub(crate) limit: Option<LimitName>,
    /// What the client got.
    pub(crate) status: u16,
    pub(crate) reason: &'f dyn Display,
}

macro_rules! failure_kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $label:literal,)*) => {
        /// Why a worker has not answered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FailureKind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl FailureKind {
            /// All of them, in their order.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// As metrics name it.
            pub(crate) fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label,)*
                }
            }
        }
    };
}

failure_kinds! {
    /// It was stopped after its time.
    Timeout = "timeout",
    /// It never got to run.
    Waited = "waited",
    /// As many ran and waited as may.
    Busy = "busy",
    OutOfMemory = "out_of_memory",
    Trap = "trap",
    Exit = "exit",
    Exception = "exception",
    NeverAnswers = "never_answers",
    ResponseTooLarge = "response_too_large",
    /// What it wrote is no answer.
    BadResponse = "bad_response",
    /// Its answer had begun.
    BodyBrokeOff = "body_broke_off",
    /// Another request ended the instance that they shared.
    InstanceLost = "instance_lost",
    /// Others changed what it had read, again and again.
    Conflict = "conflict",
    Store = "store",
    /// It cannot run at all.
    Load = "load",
    RequestTooLarge = "request_too_large",
    RequestTooSlow = "request_too_slow",
    /// The client went away, or sent no valid body.
    RequestBroken = "request_broken",
}

/// One of the last failures.
#[derive(Clone, Debug)]
pub(crate) struct LastError {
    pub(crate) at: SystemTime,
    pub(crate) route: String,
    pub(crate) status: u16,
    pub(crate) kind: FailureKind,
    pub(crate) reason: String,
}

/// The last failures, the newest first.
#[derive(Default)]
pub(super) struct LastErrors(Mutex<VecDeque<LastError>>);

impl LastErrors {
    pub(super) fn push(&self, route: &str, failed: &Failed<'_>) {
        let mut reason = failed.reason.to_string();
        if reason.len() > REASON_BYTES_MAX {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
            reason.push('…');
        }
        let error = LastError {
            at: SystemTime::now(),
            route: route.to_owned(),
            status: failed.status,
            kind: failed.kind,
            reason,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front(error);
    }

    pub(super) fn all(&self) -> Vec<LastError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_no_more_of_them_than_is_of_use() {
        let errors = LastErrors::default();
        for number in 0..100 {
            let reason = format!("{number} {}", "ä".repeat(1000));
            errors.push(
                "/a",
                &Failed {
                    kind: FailureKind::Trap,
                    limit: None,
                    status: 500,
                    reason: &reason,
                },
            );
        }
        let kept = errors.all();
        assert_eq!(kept.len(), KEPT_MAX);
        assert!(kept[0].reason.starts_with("99 ä") && kept[31].reason.starts_with("68 ä"));
        assert!(
            kept.iter()
                .all(|error| error.reason.len() <= REASON_BYTES_MAX + 3)
        );
    }
}
