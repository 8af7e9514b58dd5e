//! Folders of files in, graphs or problems out.

mod commonjs;
mod folder;
mod formats;
mod limits;
mod links;
mod problems;
mod resolution;
mod same;
mod typescript;
