//! What an error of the connection or the server means for an operation.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::KvError;

/// Whether an operation changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Writes,
}

/// An operation that failed.
pub(super) struct Failure {
    pub(super) error: KvError,
    /// Whether the connection is of no use any more.
    pub(super) is_lost: bool,
}

impl Failure {
    /// Of an operation that has been sent.
    pub(super) fn of(error: &RedisError, effect: Effect) -> Self {
        match error.kind() {
            ErrorKind::Server(kind) => Self::of_server(kind, error),
            ErrorKind::Extension => Self::of_code(error),
            _ => Self {
                error: KvError::Unavailable {
                    reason: in_words(error),
                    maybe_done: effect == Effect::Writes,
                },
                is_lost: true,
            },
        }
    }

    /// The server has done nothing of what it answers with an error.
    fn of_server(kind: ServerErrorKind, error: &RedisError) -> Self {
        match kind {
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain => Self::away(error, false),
            // Another server has taken over: the name may lead there by now.
            ServerErrorKind::ReadOnly => Self::away(error, true),
            _ => Self::refused(error),
        }
    }

    fn of_code(error: &RedisError) -> Self {
        match error.code() {
            Some("BUSY") => Self::away(error, false),
            // The password was changed, so that only a new connection can say what it is now.
            Some("NOAUTH") => Self::away(error, true),
            _ => Self::refused(error),
        }
    }

    fn away(error: &RedisError, is_lost: bool) -> Self {
        Self {
            error: KvError::Unavailable {
                reason: in_words(error),
                maybe_done: false,
            },
            is_lost,
        }
    }

    fn refused(error: &RedisError) -> Self {
        Self {
            error: KvError::Refused {
                reason: in_words(error),
            },
            is_lost: false,
        }
    }
}

/// An answer of a form that no Redis server gives.
pub(super) fn unexpected() -> KvError {
    KvError::Refused {
        reason: "the server gives an answer that makes no sense".to_owned(),
    }
}

/// What went wrong, as briefly as it can be said.
pub(super) fn in_words(error: &RedisError) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    if error.is_io_error() {
        return "the connection was lost".to_owned();
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}
