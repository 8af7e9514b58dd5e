//! Folders of files in, graphs or problems out.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

mod commonjs;
mod folder;
mod formats;
mod limits;
mod links;
mod problems;
mod resolution;
mod same;
mod typescript;
