//! Work on many items at once whose results are wanted in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// How far the threads may run ahead of what has been taken, for each thread.
const AHEAD: usize = 16;

struct State<R> {
    next: usize,
    taken: usize,
    finished: BTreeMap<usize, R>,
    stopped: bool,
}

/// Works on `items` with one thread a core, each with a tool of its own, and gives the results to
/// `take` in the order of the items. At most [`AHEAD`] results a thread wait to be taken. Stops
/// early when `take` fails.
pub fn in_order<T: Sync, R: Send, W, E>(
    items: &[T],
    tool: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism()
        .map_or(1, |n| n.get())
        .min(items.len().max(1));
    let ahead = AHEAD * threads;
    let state = Mutex::new(State {
        next: 0,
        taken: 0,
        finished: BTreeMap::new(),
        stopped: false,
    });
    let changed = Condvar::new();
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    let run = || {
        // A panic here must not leave the taker waiting: it is passed on when the scope ends.
        let _stop = StopOnPanic(&state, &changed);
        let mut tool = tool();
        loop {
            let mut guard = lock();
            while !guard.stopped && guard.next < items.len() && guard.next >= guard.taken + ahead {
                guard = wait(guard);
            }
            if guard.stopped || guard.next == items.len() {
                return;
            }
            let place = guard.next;
            guard.next += 1;
            drop(guard);
            let result = work(&mut tool, &items[place]);
            lock().finished.insert(place, result);
            changed.notify_all();
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
        for (place, item) in items.iter().enumerate() {
            let mut guard = lock();
            let result = loop {
                if let Some(result) = guard.finished.remove(&place) {
                    break result;
                }
                if guard.stopped {
                    return Ok(());
                }
                guard = wait(guard);
            };
            guard.taken = place + 1;
            drop(guard);
            changed.notify_all();
            if let Err(error) = take(item, result) {
                lock().stopped = true;
                changed.notify_all();
                return Err(error);
            }
        }
        Ok(())
    })
}

struct StopOnPanic<'s, R>(&'s Mutex<State<R>>, &'s Condvar);

impl<R> Drop for StopOnPanic<'_, R> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .stopped = true;
            self.1.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_takes_longer() {
        let items: Vec<u64> = (0..500).collect();
        let mut taken = Vec::new();
        let work = |_: &mut (), item: &u64| {
            (0..(item * 7919) % 5000).for_each(|n| drop(std::hint::black_box(vec![n])));
            *item
        };
        in_order(
            &items,
            || (),
            work,
            |_, result| {
                taken.push(result);
                Ok::<_, ()>(())
            },
        )
        .unwrap();
        assert_eq!(taken, items);
    }

    #[test]
    fn a_failure_stops_the_work() {
        let items: Vec<usize> = (0..100_000).collect();
        let worked = std::sync::atomic::AtomicUsize::new(0);
        let work = |_: &mut (), _: &usize| {
            worked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        let result = in_order(
            &items,
            || (),
            work,
            |item, ()| if *item == 3 { Err(()) } else { Ok(()) },
        );
        assert_eq!(result, Err(()));
        assert!(worked.into_inner() < 1000);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let _ = in_order(
            &[1, 2, 3],
            || (),
            |_, _| panic!("boom"),
            |_, ()| Ok::<_, ()>(()),
        );
    }
}
