//! That tools for images take them; podman and docker load them by the same library as skopeo, or
//! by the `manifest.json` that skopeo reads as `docker-archive`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{ImageFile, Layout};
use crate::support::{TestSite, skipped};

fn skopeo(arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy"]).args(arguments);
    command.output().ok()
}

#[track_caller]
fn succeed(arguments: &[&str]) -> Option<Vec<u8>> {
    let Output {
        status,
        stdout,
        stderr,
    } = skopeo(arguments)?;
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "skopeo {}: {stderr}", arguments.join(" "));
    Some(stdout)
}

fn named(transport: &str, path: &Path) -> String {
    format!("{transport}:{}", path.display())
}

#[test]
fn skopeo_shows_an_image_by_both_of_its_forms() {
    let image = ImageFile::of(&TestSite::with_index(), &["--oci-name", "shop:1.2"]);
    let layout = image.layout();
    for transport in ["oci-archive", "docker-archive"] {
        let Some(shown) = succeed(&["inspect", &named(transport, &image.path())]) else {
            return skipped("an image shown by skopeo: it is not installed here");
        };
        let shown: Value = serde_json::from_slice(&shown).unwrap();
        assert_eq!(shown["Architecture"], "amd64", "{transport}");
        assert_eq!(shown["Os"], "linux", "{transport}");
        assert_eq!(shown["Labels"]["org.opencontainers.image.version"], "1.2");
        assert_eq!(shown["Layers"], layout.config()["rootfs"]["diff_ids"]);
        let config = succeed(&["inspect", "--config", &named(transport, &image.path())]);
        let config: Value = serde_json::from_slice(&config.unwrap()).unwrap();
        assert_eq!(config["config"]["User"], "65532:65532", "{transport}");
        assert_eq!(config["config"]["Entrypoint"][0], "/app", "{transport}");
    }
}

#[test]
fn skopeo_copies_an_image_whole_to_where_others_read_it() {
    let image = ImageFile::of(&TestSite::with_index(), &[]);
    let layout = image.layout();
    let from = named("oci-archive", &image.path());
    let folder = image.beside("folder");
    if succeed(&["copy", &from, &named("dir", &folder)]).is_none() {
        return skipped("an image copied by skopeo: it is not installed here");
    }
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let copied: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(copied, layout.manifests()[0]);

    let docker = image.beside("docker.tar");
    succeed(&[
        "copy",
        &from,
        &(named("docker-archive", &docker) + ":shop:latest"),
    ]);
    succeed(&["inspect", &named("docker-archive", &docker)]);
    let back = named("docker-archive", &image.path());
    succeed(&["copy", &back, &named("dir", &image.beside("from docker"))]);

    // With the list of contents, as into a registry.
    let all = image.beside("all");
    succeed(&["copy", "--all", &from, &(named("oci", &all) + ":latest")]);
    let list = &layout.manifests()[1];
    let digest = list["layers"][0]["digest"].as_str().unwrap();
    let blob = all.join("blobs").join(digest.replace(':', "/"));
    let sbom: Value = serde_json::from_slice(&std::fs::read(blob).unwrap()).unwrap();
    assert_eq!(sbom, layout.sbom());
}

#[test]
fn podman_loads_an_image_by_its_name() {
    let image = ImageFile::of(
        &TestSite::with_index(),
        &["--oci-name", "r.example/shop:1.2"],
    );
    let storage = tempfile::tempdir().unwrap();
    let podman = |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.arg("--storage-driver").arg("vfs");
        for (flag, name) in [
            ("--root", "root"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
        ] {
            command.arg(flag).arg(storage.path().join(name));
        }
        command.args(arguments).output()
    };
    match podman(&["info"]) {
        Ok(output) if output.status.success() => {}
        _ => return skipped("an image loaded by podman: it does not run here"),
    }
    let output = podman(&["load", "-i", image.path().to_str().unwrap()]).unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = podman(&["image", "inspect", "r.example/shop:1.2"]).unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown[0]["Config"]["User"], "65532:65532");
    let layout: Layout = image.layout();
    assert_eq!(
        shown[0]["RootFS"]["Layers"],
        layout.config()["rootfs"]["diff_ids"]
    );
}
