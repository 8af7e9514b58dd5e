//! Instances that are reused: which of them takes a request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::session::{Job, Session};
use crate::worker::Worker;

/// The reused instances of a script.
pub(crate) struct Lanes {
    /// How many requests one instance answers.
    reuse: u32,
    lanes_max: usize,
    lanes: Mutex<Vec<Lane>>,
}

struct Lane {
    inbox: mpsc::UnboundedSender<Job>,
    open: Arc<AtomicU32>,
    taken: u32,
}

/// Counts a request as open for as long as it lives.
pub(crate) struct InLane(Arc<AtomicU32>);

impl InLane {
    fn count_in(open: &Arc<AtomicU32>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lanes {
    pub(crate) fn new(reuse: u32, concurrency: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX);
        Self {
            reuse,
            // One instance uses one core.
            lanes_max: cores.min(concurrency).max(1),
            lanes: Mutex::default(),
        }
    }

    /// Hands a request to the instance with the fewest open ones; to a new one if all have some
    /// and there may be more.
    pub(crate) fn submit(&self, worker: &Worker, mut job: Job) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|lane| !lane.inbox.is_closed());
        loop {
            let least = (0..lanes.len()).min_by_key(|&at| lanes[at].open.load(Ordering::Relaxed));
            let place = match least {
                Some(at)
                    if lanes[at].open.load(Ordering::Relaxed) == 0
                        || lanes.len() >= self.lanes_max =>
                {
                    at
                }
                _ => {
                    lanes.push(new_lane(worker));
                    lanes.len() - 1
                }
            };
            let lane = &mut lanes[place];
            job.in_lane = Some(InLane::count_in(&lane.open));
            match lane.inbox.send(job) {
                Ok(()) => {
                    lane.taken += 1;
                    if lane.taken >= self.reuse {
                        // Its inbox is closed with this; what it has is still finished.
                        lanes.swap_remove(place);
                    }
                    return;
                }
                // It has ended between two looks at it.
                Err(mpsc::error::SendError(back)) => {
                    lanes.swap_remove(place);
                    job = back;
                }
            }
        }
    }
}

fn new_lane(worker: &Worker) -> Lane {
    let (inbox, jobs) = mpsc::unbounded_channel();
    let worker = worker.clone();
    tokio::spawn(async move {
        // The instance has a place in the pool for as long as it lives.
        let places = Arc::clone(&worker.0.host.places);
        // The semaphore is never closed.
        if let Ok(place) = places.acquire_owned().await {
            Session::new(worker, place, Some(jobs)).run(None).await;
        }
    });
    Lane {
        inbox,
        open: Arc::default(),
        taken: 0,
    }
}
