//! Container images: what is in them, that tools for images take them, and that they run.

mod contents;
mod runs;
mod tools;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{TestSite, wws};

/// An image in a folder of its own.
struct ImageFile {
    folder: tempfile::TempDir,
}

impl ImageFile {
    /// The image of a site; it has to be made.
    #[track_caller]
    fn of(site: &TestSite, arguments: &[&str]) -> Self {
        let image = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let output = try_image(site, &image.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wws bundle failed: {stderr}");
        image
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.tar")
    }

    /// Where a test can put what it makes of it.
    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn layout(&self) -> Layout {
        Layout(files(&fs::read(self.path()).unwrap()[..]))
    }
}

/// `wws bundle SITE --oci IMAGE`.
fn try_image(site: &TestSite, image: &Path, arguments: &[&str]) -> Output {
    let mut command = wws();
    command
        .arg("bundle")
        .arg(site.path())
        .arg("--oci")
        .arg(image);
    command.args(["--level", "fast"]).args(arguments);
    command.output().unwrap()
}

/// All files of a tar.
fn files(tar: impl Read) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of an image.
struct Layout(Vec<(String, Vec<u8>)>);

impl Layout {
    #[track_caller]
    fn file(&self, path: &str) -> &[u8] {
        let found = self.0.iter().find(|(name, _)| name == path);
        &found.unwrap_or_else(|| panic!("no {path}")).1
    }

    /// What a descriptor leads to, whose hash and length have to fit.
    #[track_caller]
    fn follow(&self, descriptor: &Value) -> &[u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let hex = digest.strip_prefix("sha256:").unwrap();
        let bytes = self.file(&format!("blobs/sha256/{hex}"));
        assert_eq!(descriptor["size"], bytes.len());
        assert_eq!(sha256(bytes), hex);
        bytes
    }

    #[track_caller]
    fn follow_json(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(self.follow(descriptor)).unwrap()
    }

    /// The manifests of the image and of its list of contents.
    fn manifests(&self) -> [Value; 2] {
        let first: Value = serde_json::from_slice(self.file("index.json")).unwrap();
        let index = self.follow_json(&first["manifests"][0]);
        [0, 1].map(|place| self.follow_json(&index["manifests"][place]))
    }

    fn config(&self) -> Value {
        self.follow_json(&self.manifests()[0]["config"])
    }

    /// The files of the only layer.
    fn root(&self) -> Vec<(String, Vec<u8>)> {
        let [image, _] = self.manifests();
        assert_eq!(image["layers"].as_array().unwrap().len(), 1);
        files(self.follow(&image["layers"][0]))
    }

    fn sbom(&self) -> Value {
        let [_, list] = self.manifests();
        self.follow_json(&list["layers"][0])
    }
}
