//! What a session waits for between two slices of work, and what it does where waiting is of no use.

use std::sync::Arc;

use script_abi::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Ended, IDLE, Job, Session, Step, answer};
use crate::call::CallError;
use crate::script::instance::Instance;
use crate::script::operations::{Operations, Settled};
use crate::script::state::OpenRequest;

impl Session {
    pub(super) async fn next(&mut self, instance: &mut Instance) -> Step {
        if self.open.is_empty() && self.inbox.is_none() {
            return Step::Over;
        }
        if let Some((event, id)) = self.raised(instance) {
            return Step::Resume(event, id);
        }
        if self.is_stuck(instance) {
            return self.give_up(instance);
        }
        let requests = &mut instance.store.data_mut().requests;
        requests.iter_mut().for_each(OpenRequest::give_begun);
        let deadline = match self.open.iter().map(|open| open.deadline).min() {
            Some(deadline) => deadline,
            None => Instant::now() + IDLE,
        };
        let signals = Arc::clone(&self.signals);
        let is_idle = self.open.is_empty();
        let wake = self.wake.filter(|_| !is_idle);
        // Nobody's time would limit what the script does then.
        let operations = (!is_idle).then_some(&mut instance.store.data_mut().operations);
        tokio::select! {
            biased;
            job = receive(&mut self.inbox) => match job {
                Some(job) => Step::Begin(Box::new(job)),
                None if is_idle => Step::Over,
                None => {
                    // As many as it may answer; what is open is still finished.
                    self.inbox = None;
                    Step::Resume(Event::Timer, 0)
                }
            },
            () = signals.raised.notified() => match self.raised(instance) {
                Some((event, id)) => Step::Resume(event, id),
                None => Step::Resume(Event::Timer, 0),
            },
            settled = ended(operations) => Step::Settled(settled),
            () = until(wake) => Step::Resume(Event::Timer, 0),
            () = sleep_until(deadline) => match is_idle {
                true => Step::Over,
                false => Step::Expired,
            },
        }
    }

    /// The next thing to tell the script of a request that it still works on; the others are put
    /// back in their order.
    fn raised(&self, instance: &mut Instance) -> Option<(Event, u32)> {
        let mut found = None;
        for (event, id) in self.signals.take() {
            match instance.store.data_mut().request(id) {
                Some(_) if found.is_none() => found = Some((event, id)),
                Some(_) => self.signals.put_back(event, id),
                None => {}
            }
        }
        found
    }

    /// Whether nothing can make the script go on: no timer, no operation, nobody who reads, no
    /// other request.
    fn is_stuck(&self, instance: &mut Instance) -> bool {
        let waits_for_reader = |request: &OpenRequest| {
            request
                .sender
                .as_ref()
                .is_some_and(|sender| sender.is_full())
        };
        // The signals last: a reader raises one before it takes away what is looked at here.
        self.inbox.is_none()
            && self.wake.is_none()
            && !instance.store.data().operations.is_waiting()
            && !instance.store.data().requests.iter().any(waits_for_reader)
            && !self.signals.are_there()
    }

    fn give_up(&mut self, instance: &mut Instance) -> Step {
        let state = instance.store.data_mut();
        for open in state.requests.drain(..) {
            if !open.has_answer() {
                answer(open, Err(CallError::NeverAnswers));
                continue;
            }
            state.log.error(
                "the script waits for something that will never happen, and is ended: a stream \
                 without an end, or a promise given to waitUntil that is never settled",
            );
            answer(open, Err(CallError::BrokenBody));
        }
        self.open.clear();
        Step::Over
    }

    /// Requests whose time is over while the script waits for something.
    pub(super) async fn expire(&mut self, instance: Option<Instance>) -> Result<Instance, Ended> {
        let Some(mut instance) = instance else {
            return Err(Ended);
        };
        self.log_cut_off();
        let now = Instant::now();
        let limit = self.worker.0.settings.limits.time;
        let expired: Vec<u32> = self
            .open
            .iter()
            .filter(|open| open.deadline <= now)
            .map(|open| open.id)
            .collect();
        let requests = std::mem::take(&mut instance.store.data_mut().requests);
        for request in requests {
            match expired.contains(&request.id) {
                true => answer(
                    request,
                    Err(CallError::Timeout {
                        limit,
                        waiting: false,
                    }),
                ),
                false => instance.store.data_mut().requests.push(request),
            }
        }
        self.open.retain(|open| !expired.contains(&open.id));
        if self.open.is_empty() && self.inbox.is_none() {
            return Ok(instance);
        }
        for id in expired {
            instance = self.resume(Some(instance), Event::Cancelled, id).await?;
        }
        Ok(instance)
    }
}

async fn receive(inbox: &mut Option<mpsc::UnboundedReceiver<Job>>) -> Option<Job> {
    match inbox {
        Some(inbox) => inbox.recv().await,
        None => std::future::pending().await,
    }
}

/// The next operation that has ended.
async fn ended(operations: Option<&mut Operations>) -> Settled {
    match operations {
        Some(operations) => std::future::poll_fn(|context| operations.poll(context)).await,
        None => std::future::pending().await,
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
