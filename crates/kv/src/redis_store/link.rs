//! The one connection that all operations share, and its replacement when it is lost.
//!
//! While the server is away, operations fail at once: only the task in the background waits for it.
//! Nothing is ever sent twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::redis_store::connect::{Connected, Driver, Endpoint};
use crate::redis_store::failure::{Effect, Failure, in_words};
use crate::redis_store::scripts::Call;
use crate::{KvError, OpenError};

/// From one attempt to the next.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A connection that comes back by itself.
pub(super) struct Link {
    current: Arc<Mutex<Current>>,
    keeper: JoinHandle<()>,
}

enum Current {
    Up(Up),
    /// Why not.
    Down(String),
}

struct Up {
    connection: MultiplexedConnection,
    /// Which connection this is, so that a late failure does not end the next one.
    number: u64,
    /// Dropped with this, which ends the driver.
    _cut: oneshot::Sender<()>,
}

/// What carries the connection, and what ends it early.
struct Carrier {
    driver: Driver,
    cut: oneshot::Receiver<()>,
}

impl Link {
    /// Tries once to connect. If that fails, says why, and goes on trying in the background.
    pub(super) async fn open(endpoint: Endpoint) -> (Self, Option<OpenError>) {
        let (up, failure) = match endpoint.connect().await {
            Ok(connected) => (Some(connected.numbered(0)), None),
            Err(error) => (None, Some(error)),
        };
        let (current, carrier) = match up {
            Some((up, carrier)) => (Current::Up(up), Some(carrier)),
            None => (Current::Down(words(failure.as_ref())), None),
        };
        let current = Arc::new(Mutex::new(current));
        let keeper = tokio::spawn(keep(endpoint, current.clone(), carrier));
        (Self { current, keeper }, failure)
    }

    /// Sends a command that changes nothing.
    pub(super) async fn read(&self, command: &Cmd) -> Result<Value, KvError> {
        let (mut connection, number) = self.connection()?;
        let reply = connection
            .send_packed_command(command)
            .await
            .and_then(Value::extract_error);
        self.result(reply, Effect::Reads, number)
    }

    /// Runs a script. If the server does not know it yet, it has done nothing, and is sent the text
    /// first.
    pub(super) async fn run(&self, call: Call<'_>, effect: Effect) -> Result<Value, KvError> {
        let (mut connection, number) = self.connection()?;
        let reply = call.invocation.invoke_async(&mut connection).await;
        self.result(reply, effect, number)
    }

    fn connection(&self) -> Result<(MultiplexedConnection, u64), KvError> {
        match &*lock(&self.current) {
            Current::Up(up) => Ok((up.connection.clone(), up.number)),
            Current::Down(reason) => Err(KvError::Unavailable {
                reason: reason.clone(),
                maybe_done: false,
            }),
        }
    }

    fn result(
        &self,
        reply: RedisResult<Value>,
        effect: Effect,
        number: u64,
    ) -> Result<Value, KvError> {
        reply.map_err(|error| {
            let failure = Failure::of(&error, effect);
            if failure.is_lost {
                end(&self.current, number, &in_words(&error));
            }
            failure.error
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Connected {
    fn numbered(self, number: u64) -> (Up, Carrier) {
        let (sender, cut) = oneshot::channel();
        let up = Up {
            connection: self.connection,
            number,
            _cut: sender,
        };
        let driver = self.driver;
        (up, Carrier { driver, cut })
    }
}

/// Carries the connection while there is one, and makes a new one when there is none.
async fn keep(endpoint: Endpoint, current: Arc<Mutex<Current>>, first: Option<Carrier>) {
    let mut carrier = first;
    let mut number = 0;
    loop {
        if let Some(Carrier { driver, cut }) = carrier.take() {
            tokio::select! {
                () = driver => {}
                _ = cut => {}
            }
            end(&current, number, "the connection was lost");
            number += 1;
        }
        match endpoint.connect().await {
            Ok(connected) => {
                let (up, next) = connected.numbered(number);
                *lock(&current) = Current::Up(up);
                carrier = Some(next);
            }
            Err(error) => {
                *lock(&current) = Current::Down(error.to_string());
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Ends the connection with this number, if it is still the one in use.
fn end(current: &Mutex<Current>, number: u64, reason: &str) {
    let mut current = lock(current);
    if matches!(&*current, Current::Up(up) if up.number == number) {
        *current = Current::Down(reason.to_owned());
    }
}

/// Nothing panics while it is held.
fn lock(current: &Mutex<Current>) -> MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

fn words(failure: Option<&OpenError>) -> String {
    failure.map_or(String::new(), ToString::to_string)
}
