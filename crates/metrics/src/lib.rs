//! Counters that threads do not share, histograms of times, and the text that Prometheus reads.
//!
//! | what                                   | is                        |
//! |----------------------------------------|---------------------------|
//! | many counters, of a number fixed early | [`Counters`]              |
//! | the bounds of a histogram of times     | [`bucket`], [`BOUNDS`]    |
//! | how long most took                     | [`quantile`]              |
//! | a status as a small number             | [`StatusSlot`]            |
//! | all of it as text                      | [`Exposition`]            |
//!
//! *Invariant:* counting takes no lock, allocates nothing and formats nothing: it is one addition in
//! memory that no other busy thread writes to. Adding up is for who reads, and costs as much as
//! there are threads. Not here: what is counted, IO, HTTP.

mod counters;
mod exposition;
mod histogram;
mod status;

pub use counters::Counters;
pub use exposition::{CONTENT_TYPE, Exposition, Kind};
pub use histogram::{BOUNDS, BUCKETS, bucket, quantile};
pub use status::StatusSlot;
