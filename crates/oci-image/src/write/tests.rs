use std::io::Cursor;

use serde_json::Value;

use super::*;

const SBOM: Sbom<'_> = Sbom {
    media_type: "application/vnd.cyclonedx+json",
    bytes: b"{\"bomFormat\":\"CycloneDX\"}",
};

fn image_of(app: &[u8], name: &str, created: Option<Created>) -> Vec<u8> {
    let image = Image {
        name: &ImageName::parse(name).unwrap(),
        made_by: "1.2.3",
        created,
        sbom: SBOM,
    };
    let (manifest, bytes) = write_image(Vec::new(), &mut Cursor::new(app), &image).unwrap();
    let path = format!("blobs/sha256/{}", manifest.hex());
    assert!(files(&bytes).iter().any(|(name, _)| *name == path));
    bytes
}

/// All files of a tar, in order.
fn files(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

struct Layout(Vec<(String, Vec<u8>)>);

impl Layout {
    #[track_caller]
    fn file(&self, path: &str) -> &[u8] {
        let found = self.0.iter().find(|(name, _)| name == path);
        &found.unwrap_or_else(|| panic!("no {path}")).1
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(self.file(path)).unwrap()
    }

    /// What a descriptor leads to; its length has to be what it says.
    #[track_caller]
    fn follow(&self, descriptor: &Value) -> &[u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = self.file(&digest.replace("sha256:", "blobs/sha256/"));
        assert_eq!(descriptor["size"], bytes.len());
        assert_eq!(Digest::of(bytes).to_string(), digest);
        bytes
    }

    fn follow_json(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(self.follow(descriptor)).unwrap()
    }
}

const APP: &[u8] = b"\x7fELF and so on";

#[test]
fn every_blob_has_the_hash_that_it_is_named_by() {
    // One that fills its last block, and one that does not.
    for app in [APP, &[7; 1024], b""] {
        let layout = files(&image_of(app, "shop", None));
        let blobs: Vec<_> = layout
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix("blobs/sha256/")?, bytes)))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        assert_eq!(blobs.len(), 7);
        for (name, bytes) in blobs {
            assert_eq!(Digest::of(bytes).hex(), name);
        }
    }
}

#[test]
fn the_same_app_gives_the_same_bytes() {
    let first = image_of(APP, "shop:1", None);
    assert_eq!(first, image_of(APP, "shop:1", None));
    assert_ne!(first, image_of(b"another", "shop:1", None));
}

#[test]
fn an_image_leads_to_its_config_and_to_the_executable() {
    let layout = Layout(files(&image_of(APP, "registry.example/shop:1.2", None)));
    assert_eq!(layout.json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let first = layout.json("index.json");
    assert_eq!(first["manifests"].as_array().unwrap().len(), 1);
    let entry = &first["manifests"][0];
    let named = &entry["annotations"];
    assert_eq!(named["org.opencontainers.image.ref.name"], "1.2");
    assert_eq!(
        named["io.containerd.image.name"],
        "registry.example/shop:1.2"
    );

    let index = layout.follow_json(entry);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(index["manifests"][0]["platform"]["architecture"], "amd64");
    let manifest = layout.follow_json(&index["manifests"][0]);
    let annotations = &manifest["annotations"];
    assert_eq!(annotations["org.opencontainers.image.title"], "shop");
    assert_eq!(annotations["org.opencontainers.image.version"], "1.2");

    let config = layout.follow_json(&manifest["config"]);
    let wanted = serde_json::json!({
        "User": "65532:65532",
        "ExposedPorts": {"8080/tcp": {}},
        "Env": ["WWS_HOST=0.0.0.0"],
        "Entrypoint": ["/app"],
        "WorkingDir": "/",
        "Labels": annotations,
        "StopSignal": "SIGTERM",
    });
    assert_eq!(config["config"], wanted);
    assert_eq!(config["created"], Value::Null);

    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let layer = layout.follow(&manifest["layers"][0]);
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        Digest::of(layer).to_string()
    );
    assert_eq!(layer.len() % 512, 0);
    assert_eq!(files(layer), [("app".to_owned(), APP.to_vec())]);
    let mut archive = tar::Archive::new(layer);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    let header = entry.header();
    assert_eq!(header.mode().unwrap(), 0o755);
    assert_eq!(
        (header.uid().unwrap(), header.gid().unwrap()),
        (65532, 65532)
    );
    assert_eq!(header.mtime().unwrap(), 0);
}

#[test]
fn docker_of_old_finds_the_same_image() {
    let layout = Layout(files(&image_of(APP, "shop", None)));
    let docker = layout.json("manifest.json");
    assert_eq!(docker[0]["RepoTags"], serde_json::json!(["shop:latest"]));
    let config = layout.json(docker[0]["Config"].as_str().unwrap());
    let layer = layout.file(docker[0]["Layers"][0].as_str().unwrap());
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        Digest::of(layer).to_string()
    );
}

#[test]
fn the_list_of_contents_refers_to_the_image() {
    let layout = Layout(files(&image_of(APP, "shop", None)));
    let index = layout.follow_json(&layout.json("index.json")["manifests"][0]);
    let [image, attached] = [&index["manifests"][0], &index["manifests"][1]];
    assert_eq!(attached["artifactType"], SBOM.media_type);
    assert_eq!(attached["platform"]["os"], "unknown");
    let manifest = layout.follow_json(attached);
    assert_eq!(manifest["subject"]["digest"], image["digest"]);
    assert_eq!(manifest["subject"]["size"], image["size"]);
    assert_eq!(layout.follow(&manifest["config"]), b"{}");
    assert_eq!(manifest["layers"][0]["mediaType"], SBOM.media_type);
    assert_eq!(layout.follow(&manifest["layers"][0]), SBOM.bytes);
}

#[test]
fn a_date_is_said_everywhere_or_nowhere() {
    let created = Created {
        seconds: 1_700_000_000,
        text: "2023-11-14T22:13:20Z".to_owned(),
    };
    let tar = image_of(APP, "shop", Some(created));
    let mut archive = tar::Archive::new(&*tar);
    for entry in archive.entries().unwrap() {
        assert_eq!(entry.unwrap().header().mtime().unwrap(), 1_700_000_000);
    }
    let layout = Layout(files(&tar));
    let index = layout.follow_json(&layout.json("index.json")["manifests"][0]);
    let manifest = layout.follow_json(&index["manifests"][0]);
    let config = layout.follow_json(&manifest["config"]);
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    let label = &config["config"]["Labels"]["org.opencontainers.image.created"];
    assert_eq!(label, "2023-11-14T22:13:20Z");
}

/// An executable that is empty from the third look at it on: its length, its hash, its bytes.
struct Shrinking(Cursor<&'static [u8]>, u32);

impl Read for Shrinking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1 > 2 && !buffer.is_empty() {
            return Ok(0);
        }
        self.0.read(buffer)
    }
}

impl Seek for Shrinking {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.1 += 1;
        self.0.seek(to)
    }
}

#[test]
fn an_executable_that_changes_meanwhile_is_an_error() {
    let name = ImageName::of_file("app");
    let image = Image {
        name: &name,
        made_by: "1",
        created: None,
        sbom: SBOM,
    };
    let mut app = Shrinking(Cursor::new(&[1; 4096]), 0);
    let error = write_image(Vec::new(), &mut app, &image).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
