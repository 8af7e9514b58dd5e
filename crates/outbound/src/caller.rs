//! The client as one worker has it: rules and limits on each call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use hyper::body::Incoming;
use outbound_rules::Rules;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::call::{Answer, CallOptions, RequestBody};
use crate::client::Shared;
use crate::connect::connect;
use crate::connection::{Connection, SendError};
use crate::deadline::Deadline;
use crate::error::CallError;
use crate::pool::Key;
use crate::redirect::{self, REDIRECTS_MAX};
use crate::request_body::{OutBody, Upload};
use crate::request_head::RequestHead;
use crate::response_body::{BodyLimits, Lease, ResponseBody};
use crate::target::Target;

/// What calls may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a connection is there, names and TLS included.
    pub connect: Duration,
    /// From the call to the last byte of the answer.
    pub total: Duration,
    /// The body of an answer.
    pub response_bytes: u64,
    /// Calls of one worker at the same time; more wait.
    pub concurrent: u32,
}

/// The client as one worker may use it. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    rules: Rules,
    limits: Limits,
    slots: Arc<Semaphore>,
}

/// A request of a call and the answer to it, of which there are more if it is redirected.
struct Exchange<'a> {
    caller: &'a Inner,
    options: CallOptions,
    head: &'a RequestHead,
    key: Key,
}

impl Caller {
    pub(crate) fn new(shared: Arc<Shared>, rules: Rules, limits: Limits) -> Self {
        // A limit of nothing would be a call that waits for ever.
        let slots = usize::try_from(limits.concurrent.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        let slots = Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        Self {
            inner: Arc::new(Inner {
                shared,
                rules,
                limits,
                slots,
            }),
        }
    }

    /// What the worker may do.
    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// Makes a call. The URI is absolute. Needs a tokio runtime with time and IO.
    ///
    /// Fields of the connection that the request has (`Connection`, `Host`, `Transfer-Encoding`
    /// and the like) are left out. Dropping the future, or later the body of the answer, ends the
    /// call.
    ///
    /// # Errors
    /// The call is not allowed, cannot be made, or has no answer within its limits. The body of
    /// the answer may end in an error as well.
    pub async fn send(
        &self,
        request: http::Request<RequestBody>,
        options: CallOptions,
    ) -> Result<Answer, CallError> {
        let answer = self.call(request, options).await;
        self.inner.shared.counts.ended(&answer);
        answer
    }

    async fn call(
        &self,
        request: http::Request<RequestBody>,
        options: CallOptions,
    ) -> Result<Answer, CallError> {
        let deadline = Deadline::after(self.inner.limits.total);
        let (parts, body) = request.into_parts();
        let target = Target::parse(&parts.uri)?;
        let mut head = RequestHead::new(parts.method, target, parts.headers);
        self.inner.check(&head)?;
        let length = head.take_length()?;
        let (mut body, mut upload) = OutBody::new(body, length)?;
        let slot = self.inner.slot(deadline).await?;
        if head.method_means_no_body() && body.is_of_unknown_length() {
            deadline.bound(body.settle()).await?;
        }
        let mut redirects = 0;
        loop {
            let whole = body.whole();
            let exchange = self.inner.exchange(&head, options);
            let answered = deadline.bound(exchange.run(body)).await;
            let broke_off = upload.as_ref().and_then(Upload::failure);
            let (response, connection) = answered.map_err(|error| broke_off.unwrap_or(error))?;
            let next = redirect::next(&head, whole.as_ref(), &response, options.redirects)?;
            let Some(next) = next else {
                let key = exchange.key;
                let lease = Lease::new(connection, key, &self.inner.shared.pool, upload, slot);
                let response = self
                    .inner
                    .response(&head, response, lease, options, deadline)?;
                return Ok(Answer {
                    response,
                    url: head.target.url(),
                    redirected: redirects > 0,
                });
            };
            redirects += 1;
            if redirects > REDIRECTS_MAX {
                return Err(CallError::TooManyRedirects);
            }
            if upload.is_none() {
                deadline.bound(exchange.keep(response, connection)).await?;
            }
            body = OutBody::Whole(match next.keeps_body {
                true => whole.unwrap_or_default(),
                false => Bytes::new(),
            });
            upload = None;
            head = next.head;
            self.inner.check(&head)?;
        }
    }
}

impl Inner {
    fn check(&self, head: &RequestHead) -> Result<(), CallError> {
        let origin = &head.target.origin;
        let method = head.method.as_str();
        let checked = self
            .rules
            .check_host(method, origin.is_https, &origin.host, origin.port);
        Ok(checked?)
    }

    /// Waits until the worker has one call less than it may have.
    async fn slot(&self, deadline: Deadline) -> Result<OwnedSemaphorePermit, CallError> {
        let free = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout_at(deadline.at, free).await {
            Ok(Ok(slot)) => Ok(slot),
            // The slots are never closed, so it can only be the time.
            Ok(Err(_)) | Err(_) => Err(CallError::Busy {
                calls: self.limits.concurrent,
                limit: self.limits.total,
            }),
        }
    }

    fn exchange<'a>(&'a self, head: &'a RequestHead, options: CallOptions) -> Exchange<'a> {
        Exchange {
            caller: self,
            options,
            head,
            key: Key {
                origin: head.target.origin.clone(),
                allow_private: self.rules.allow_private,
            },
        }
    }

    fn response(
        &self,
        head: &RequestHead,
        response: Response<Incoming>,
        lease: Lease,
        options: CallOptions,
        deadline: Deadline,
    ) -> Result<Response<ResponseBody>, CallError> {
        let limits = BodyLimits {
            bytes: self.limits.response_bytes,
            between: options.between_bytes,
            deadline,
        };
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        // The length that an answer to HEAD would have is of no harm.
        let has_body = head.method != http::Method::HEAD && response.status() != 304;
        if has_body && length.is_some_and(|length| length > limits.bytes) {
            return Err(CallError::ResponseTooLarge {
                limit: limits.bytes,
            });
        }
        let counts = &self.shared.counts;
        Ok(response.map(|body| ResponseBody::new(body, lease, limits, Arc::clone(counts))))
    }
}

impl Exchange<'_> {
    /// Sends the request over a pooled connection, or over a new one.
    ///
    /// A server may close a connection in the moment in which it is used again. What has not left
    /// is then sent once more over another, and so is what may be sent twice.
    async fn run(&self, mut body: OutBody) -> Result<(Response<Incoming>, Connection), CallError> {
        let pool = &self.caller.shared.pool;
        let copy = match self.head.is_idempotent() {
            true => body.copy(),
            false => None,
        };
        while let Some(connection) = pool.take(&self.key) {
            match self.send(connection, body).await {
                Ok(answered) => return Ok(answered),
                Err(SendError {
                    unsent: Some(unsent),
                    ..
                }) => body = unsent,
                Err(failure) => match copy {
                    Some(copy) if failure.is_lost => {
                        body = copy;
                        break;
                    }
                    _ => return Err(failure.error),
                },
            }
        }
        let connection = self.connect().await?;
        if let Some(shared) = connection.shared() {
            pool.put(self.key.clone(), shared);
        }
        let sent = self.send(connection, body).await;
        sent.map_err(|failure| failure.error)
    }

    /// Keeps the connection of an answer that nobody reads, if there is nothing to read.
    async fn keep(
        &self,
        response: Response<Incoming>,
        mut connection: Connection,
    ) -> Result<(), CallError> {
        if response.body().is_end_stream() && connection.ready().await {
            self.caller.shared.pool.put(self.key.clone(), connection);
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let origin = &self.key.origin;
        let limit = self.caller.limits.connect;
        let limit = self.options.connect.map_or(limit, |less| less.min(limit));
        let shared = &self.caller.shared;
        let connected = connect(&shared.names, &shared.trust, &self.caller.rules, origin);
        timeout(limit, connected).await.unwrap_or_else(|_| {
            Err(CallError::ConnectTimeout {
                host: origin.authority(),
                limit,
            })
        })
    }

    async fn send(
        &self,
        mut connection: Connection,
        body: OutBody,
    ) -> Result<(Response<Incoming>, Connection), SendError> {
        let answered = connection.send(self.head, body);
        let response = match self.options.first_byte {
            None => answered.await?,
            Some(limit) => timeout(limit, answered).await.unwrap_or_else(|_| {
                Err(SendError::from(CallError::FirstByteTimeout {
                    host: self.key.origin.authority(),
                    limit,
                }))
            })?,
        };
        Ok((response, connection))
    }
}
