//! The real `wws`, the bundles it makes, and the apps they are: from outside, over loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

mod assets;
mod bundle;
mod components;
mod container;
mod examples;
mod hostile;
mod kv;
mod life;
mod net;
mod ops;
mod outbound;
mod platform;
mod rules;
mod scripts;
mod support;
mod workers;
