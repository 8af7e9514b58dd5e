//! Puts an image together.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use crate::archive::Archive;
use crate::blob::{Blob, Digest};
use crate::documents::{
    Annotations, CONFIG, Config, Descriptor, DockerManifest, EMPTY, Execution, History, INDEX,
    Index, LAYER, MANIFEST, Manifest, Nothing, OCI_LAYOUT, Platform, RootFs,
};
use crate::layer::{APP_PATH, Layer, USER};
use crate::name::ImageName;

/// The machine that apps run on, in the words of images.
const PLATFORM: Platform = Platform {
    architecture: "amd64",
    os: "linux",
};

/// Of what is no image, so that no tool takes it for one.
const NO_PLATFORM: Platform = Platform {
    architecture: "unknown",
    os: "unknown",
};

/// The port that an app listens on if nobody says otherwise.
const PORT: &str = "8080/tcp";

/// From outside a container its loopback cannot be reached.
const ENVIRONMENT: &str = "WWS_HOST=0.0.0.0";

/// What an image is made from, beside the executable.
pub struct Image<'i> {
    /// What it is called when it is loaded.
    pub name: &'i ImageName,
    /// The version of the program that makes it.
    pub made_by: &'i str,
    /// When, if anybody wants to say so.
    pub created: Option<Created>,
    /// What is in it.
    pub sbom: Sbom<'i>,
}

/// A moment, in both forms that it is needed in.
#[derive(Clone, Debug)]
pub struct Created {
    /// Since 1970.
    pub seconds: u64,
    /// As RFC 3339 has it.
    pub text: String,
}

/// A list of contents.
pub struct Sbom<'i> {
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub bytes: &'i [u8],
}

/// Writes an image with `app` in it to `out`. Reads `app` twice, and holds none of it. Gives the
/// digest of the manifest, which is what the image is pulled by.
///
/// # Errors
///
/// Those of the disk; and if `app` changes meanwhile.
pub fn write_image<W: Write>(
    out: W,
    app: &mut (impl Read + Seek),
    image: &Image<'_>,
) -> io::Result<(Digest, W)> {
    let modified = image.created.as_ref().map_or(0, |created| created.seconds);
    let mut layer = Layer::measure(app, modified)?;
    let config = Blob::json(&config(image, &layer.digest))?;
    let layer_descriptor = Descriptor::new(LAYER, layer.digest, layer.length);
    let manifest = Blob::json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type: None,
        config: Descriptor::of(CONFIG, &config),
        layers: vec![layer_descriptor],
        subject: None,
        annotations: annotations(image),
    })?;
    let attached = Attached::new(image, &manifest)?;
    let index = Blob::json(&Index::new(
        vec![
            Descriptor {
                platform: Some(PLATFORM),
                ..Descriptor::of(MANIFEST, &manifest)
            },
            attached.descriptor(),
        ],
        annotations(image),
    ))?;

    let mut archive = Archive::new(out, modified);
    add_entry_points(&mut archive, image, &index, &config, layer.digest)?;
    archive.add_folders()?;
    let documents = [&index, &manifest, &config];
    for blob in documents.into_iter().chain(attached.blobs()) {
        archive.add(&blob_path(blob.digest), blob.size(), &*blob.bytes)?;
    }
    let (digest, length) = (layer.digest, layer.length);
    archive.add(&blob_path(digest), length, layer.reader()?)?;
    Ok((manifest.digest, archive.finish()?))
}

/// The three files that a tool begins with.
fn add_entry_points<W: Write>(
    archive: &mut Archive<W>,
    image: &Image<'_>,
    index: &Blob,
    config: &Blob,
    layer: Digest,
) -> io::Result<()> {
    let entry = Descriptor {
        annotations: Annotations::from([
            // The first for containerd, Docker and podman; the second for all others.
            (
                "io.containerd.image.name".to_owned(),
                image.name.canonical(),
            ),
            (
                "org.opencontainers.image.ref.name".to_owned(),
                image.name.tag().to_owned(),
            ),
        ]),
        ..Descriptor::of(INDEX, index)
    };
    let first = serde_json::to_vec(&Index::new(vec![entry], Annotations::new()))?;
    let docker = serde_json::to_vec(&[DockerManifest {
        config: blob_path(config.digest),
        repo_tags: vec![image.name.to_string()],
        layers: vec![blob_path(layer)],
    }])?;
    let files = [
        ("oci-layout", OCI_LAYOUT),
        ("index.json", &first),
        ("manifest.json", &docker),
    ];
    for (path, bytes) in files {
        archive.add(path, bytes.len() as u64, bytes)?;
    }
    Ok(())
}

fn blob_path(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn config(image: &Image<'_>, layer: &Digest) -> Config {
    let created = image.created.as_ref().map(|created| created.text.clone());
    Config {
        created: created.clone(),
        architecture: PLATFORM.architecture,
        os: PLATFORM.os,
        config: Execution {
            user: format!("{USER}:{USER}"),
            exposed_ports: BTreeMap::from([(PORT.to_owned(), Nothing {})]),
            env: vec![ENVIRONMENT.to_owned()],
            entrypoint: vec![format!("/{APP_PATH}")],
            working_dir: "/",
            labels: annotations(image),
            stop_signal: "SIGTERM",
        },
        rootfs: RootFs {
            kind: "layers",
            diff_ids: vec![layer.to_string()],
        },
        history: vec![History {
            created,
            created_by: "wws bundle",
        }],
    }
}

/// The same for labels and annotations: some tools show the ones, some the others.
fn annotations(image: &Image<'_>) -> Annotations {
    let key = |name: &str| format!("org.opencontainers.image.{name}");
    let mut annotations = Annotations::from([
        (key("title"), image.name.title().to_owned()),
        ("wws.version".to_owned(), image.made_by.to_owned()),
    ]);
    if let Some(version) = image.name.version() {
        annotations.insert(key("version"), version.to_owned());
    }
    if let Some(created) = &image.created {
        annotations.insert(key("created"), created.text.clone());
    }
    annotations
}

/// The list of contents, as an artifact of its own whose subject is the image.
struct Attached {
    media_type: &'static str,
    empty: Blob,
    contents: Blob,
    manifest: Blob,
}

impl Attached {
    fn new(image: &Image<'_>, subject: &Blob) -> io::Result<Self> {
        let media_type = image.sbom.media_type;
        let empty = Blob::new(b"{}".to_vec());
        let contents = Blob::new(image.sbom.bytes.to_vec());
        let manifest = Blob::json(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type: Some(media_type),
            config: Descriptor::of(EMPTY, &empty),
            layers: vec![Descriptor::of(media_type, &contents)],
            subject: Some(Descriptor::of(MANIFEST, subject)),
            annotations: Annotations::new(),
        })?;
        Ok(Self {
            media_type,
            empty,
            contents,
            manifest,
        })
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor {
            artifact_type: Some(self.media_type),
            platform: Some(NO_PLATFORM),
            ..Descriptor::of(MANIFEST, &self.manifest)
        }
    }

    fn blobs(&self) -> [&Blob; 3] {
        [&self.manifest, &self.empty, &self.contents]
    }
}

#[cfg(test)]
mod tests;
