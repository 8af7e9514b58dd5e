//! Writes a container image with one executable in it, as one tar file.
//!
//! ```text
//! oci-layout                 this is an image layout (OCI image spec 1.1, image-layout.md)
//! index.json                 → index, by the name of the image
//! manifest.json              the same image for `docker load` before version 25
//! blobs/sha256/<index>       → manifest for linux/amd64, → manifest of the SBOM
//! blobs/sha256/<manifest>    → config, → layer
//! blobs/sha256/<config>      user, port, entry point, labels
//! blobs/sha256/<sbom…>       a manifest of its own, whose subject is the image, and what it names
//! blobs/sha256/<layer>       a tar with /app
//! ```
//!
//! The list of contents (SBOM) is an artifact that refers to the image, which registries find by
//! their referrers API. It stands in an index between `index.json` and the image, since tools refuse
//! an `index.json` that leads to two things.
//!
//! The layer is not compressed: what is large in an app is compressed already, clients compress layers
//! on their way to a registry by themselves, and so its digest is about the executable alone.
//!
//! The documents are our own few structures and not the crate `oci-spec`, whose maps have the order
//! of a hash table: the same image would have different bytes each time.
//!
//! Not here: where the file goes, and what the executable is.

mod archive;
mod blob;
mod documents;
mod layer;
mod name;
mod write;

pub use blob::Digest;
pub use name::{ImageName, NameError};
pub use write::{Created, Image, Sbom, write_image};
