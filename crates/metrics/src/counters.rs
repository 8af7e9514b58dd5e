//! Many counters, each once for every thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More rows than this give nothing on any machine; threads then share them.
const ROWS_MAX: usize = 64;

const COUNTERS_PER_LINE: usize = 16;

/// Two cache lines: processors fetch them in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Line([AtomicU64; COUNTERS_PER_LINE]);

/// Counters that only grow, numbered from 0. Each thread adds in a row of its own; a counter is the
/// sum over the rows.
pub struct Counters {
    lines: Box<[Line]>,
    lines_per_row: usize,
    /// A power of two.
    rows: usize,
}

impl Counters {
    /// `count` counters for `threads` threads that count often. More threads may; they share rows.
    #[must_use]
    pub fn new(count: usize, threads: usize) -> Self {
        let rows = threads.clamp(1, ROWS_MAX).next_power_of_two();
        let lines_per_row = count.div_ceil(COUNTERS_PER_LINE).max(1);
        let lines = (0..rows * lines_per_row).map(|_| Line::default()).collect();
        Self {
            lines,
            lines_per_row,
            rows,
        }
    }

    /// Adds to a counter. One that does not exist is nobody's.
    pub fn add(&self, counter: usize, amount: u64) {
        if let Some(cell) = self.cell(own_row() & (self.rows - 1), counter) {
            cell.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// The sum of a counter.
    #[must_use]
    pub fn sum(&self, counter: usize) -> u64 {
        let cells = (0..self.rows).filter_map(|row| self.cell(row, counter));
        cells.fold(0, |sum, cell| {
            sum.wrapping_add(cell.load(Ordering::Relaxed))
        })
    }

    fn cell(&self, row: usize, counter: usize) -> Option<&AtomicU64> {
        let line = counter / COUNTERS_PER_LINE;
        if line >= self.lines_per_row {
            return None;
        }
        let line = self.lines.get(row * self.lines_per_row + line)?;
        Some(&line.0[counter % COUNTERS_PER_LINE])
    }
}

/// A number of this thread, counted up from 0.
fn own_row() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_add_is_the_sum() {
        for threads in [0, 1, 3, 1000] {
            let counters = Counters::new(40, threads);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| (0..1000).for_each(|n| counters.add(n % 40, 2)));
                }
            });
            assert!((0..40).all(|counter| counters.sum(counter) == 8 * 25 * 2));
        }
    }

    #[test]
    fn counters_know_nothing_of_each_other() {
        let counters = Counters::new(17, 2);
        counters.add(16, 5);
        assert_eq!(counters.sum(16), 5);
        assert!((0..16).all(|counter| counters.sum(counter) == 0));
        counters.add(usize::MAX, 1);
        counters.add(40, 1);
        assert_eq!(counters.sum(usize::MAX), 0);
    }
}
