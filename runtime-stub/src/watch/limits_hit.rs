//! How often each limit has made a difference to somebody.
//!
//! Of the process, since some limits are kept where nothing knows the app. These counters are shared
//! between threads: a limit is hit rarely, or by somebody who is worth no speed.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit, by the name that its setting has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitName {
    Time,
    Memory,
    RequestBody,
    ResponseBody,
    /// With `queue`, beyond which nobody may wait.
    Concurrency,
    KvSnapshot,
    HeaderTimeout,
    BodyTimeout,
    IdleTimeout,
    MaxConnections,
    MaxConnectionsPerIp,
    MaxHeaderSize,
    MaxHeaderFields,
    MaxUri,
    /// Not a setting: frames that cost a client nothing.
    Http2Frames,
    RateLimit,
}

static HIT: [AtomicU64; LimitName::ALL.len()] = [const { AtomicU64::new(0) }; LimitName::ALL.len()];

impl LimitName {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 16] = [
        Self::Time,
        Self::Memory,
        Self::RequestBody,
        Self::ResponseBody,
        Self::Concurrency,
        Self::KvSnapshot,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::IdleTimeout,
        Self::MaxConnections,
        Self::MaxConnectionsPerIp,
        Self::MaxHeaderSize,
        Self::MaxHeaderFields,
        Self::MaxUri,
        Self::Http2Frames,
        Self::RateLimit,
    ];

    /// As settings and metrics name it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Memory => "memory",
            Self::RequestBody => "request_body",
            Self::ResponseBody => "response_body",
            Self::Concurrency => "concurrency",
            Self::KvSnapshot => "kv_snapshot",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::MaxConnections => "max_connections",
            Self::MaxConnectionsPerIp => "max_connections_per_ip",
            Self::MaxHeaderSize => "max_header_size",
            Self::MaxHeaderFields => "max_header_fields",
            Self::MaxUri => "max_uri",
            Self::Http2Frames => "http2_frames",
            Self::RateLimit => "rate_limit",
        }
    }

    /// Counts that it was hit.
    pub(crate) fn hit(self) {
        HIT[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was hit.
    pub(crate) fn count(self) -> u64 {
        HIT[self as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stand_at_their_place() {
        for (place, limit) in LimitName::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place, "{}", limit.label());
        }
    }
}
