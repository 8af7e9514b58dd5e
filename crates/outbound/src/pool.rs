//! Connections that wait for their next call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::connection::{Connection, Http1, Http2, STREAMS_MAX};
use crate::target::Origin;

/// How long a connection waits for its next call.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// How often those are looked for that have waited too long.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
const IDLE_PER_ORIGIN_MAX: usize = 16;
const IDLE_MAX: usize = 256;

/// Whose connections are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) origin: Origin,
    /// Whether it was made under `allow_private`: such a one may lead where others may not go.
    pub(crate) allow_private: bool,
}

/// Connections that wait for their next call.
#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Key, Vec<Waiting>>,
    is_swept: bool,
}

struct Waiting {
    link: Link,
    since: Instant,
}

enum Link {
    Http1(Http1),
    /// In use or not: it stays here while it is used.
    Http2(Arc<Http2>),
}

impl Waiting {
    fn is_good(&self) -> bool {
        self.since.elapsed() < IDLE_TIME
            && match &self.link {
                Link::Http1(connection) => connection.is_ready(),
                Link::Http2(connection) => !connection.is_closed(),
            }
    }

    /// Whether it is kept: unlike one of HTTP/1.1, one of HTTP/2 may be in use all the time.
    fn is_kept(&mut self) -> bool {
        if matches!(&self.link, Link::Http2(connection) if Arc::strong_count(connection) > 1) {
            self.since = Instant::now();
        }
        self.is_good()
    }
}

impl Pool {
    /// A connection for a call, the one that was used last.
    pub(crate) fn take(&self, key: &Key) -> Option<Connection> {
        let mut state = self.lock();
        let waiting = state.waiting.get_mut(key)?;
        waiting.retain_mut(Waiting::is_kept);
        let found = waiting.iter().rposition(|it| match &it.link {
            Link::Http1(_) => true,
            Link::Http2(connection) => Arc::strong_count(connection) <= STREAMS_MAX,
        })?;
        if let Link::Http2(connection) = &waiting[found].link {
            let connection = Arc::clone(connection);
            waiting[found].since = Instant::now();
            return Some(Connection::Http2(connection));
        }
        match waiting.remove(found).link {
            Link::Http1(connection) => Some(Connection::Http1(connection)),
            Link::Http2(connection) => Some(Connection::Http2(connection)),
        }
    }

    /// Keeps a connection for the next call, if there is room.
    pub(crate) fn put(self: &Arc<Self>, key: Key, connection: Connection) {
        let mut state = self.lock();
        if state.waiting.values().map(Vec::len).sum::<usize>() >= IDLE_MAX {
            return;
        }
        let waiting = state.waiting.entry(key).or_default();
        let link = match connection {
            Connection::Http1(connection) => Link::Http1(connection),
            Connection::Http2(connection) => {
                let is_here = |it: &Waiting| matches!(&it.link, Link::Http2(other) if Arc::ptr_eq(other, &connection));
                if waiting.iter().any(is_here) {
                    return;
                }
                Link::Http2(connection)
            }
        };
        if waiting.len() == IDLE_PER_ORIGIN_MAX {
            waiting.remove(0);
        }
        waiting.push(Waiting {
            link,
            since: Instant::now(),
        });
        if !state.is_swept {
            state.is_swept = true;
            tokio::spawn(sweep(Sweeping {
                pool: Arc::downgrade(self),
                is_over: false,
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what has waited too long; `false` if nothing is left.
    fn close_old(&self) -> bool {
        let mut state = self.lock();
        state.waiting.retain(|_, waiting| {
            waiting.retain_mut(Waiting::is_kept);
            !waiting.is_empty()
        });
        state.is_swept = !state.waiting.is_empty();
        state.is_swept
    }
}

/// Says, even if its runtime ends first, that nobody closes old connections any more.
struct Sweeping {
    pool: Weak<Pool>,
    /// Another one may have begun since, which this one must not sign off.
    is_over: bool,
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        match self.pool.upgrade() {
            Some(pool) if !self.is_over => pool.lock().is_swept = false,
            _ => {}
        }
    }
}

/// Lives as long as there is a connection to look after.
async fn sweep(mut sweeping: Sweeping) {
    while !sweeping.is_over {
        sleep(SWEEP_INTERVAL).await;
        let Some(pool) = sweeping.pool.upgrade() else {
            return;
        };
        sweeping.is_over = !pool.close_old();
    }
}
