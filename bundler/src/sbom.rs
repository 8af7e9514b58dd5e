//! The list of what an app is made of (SBOM), in CycloneDX 1.5: the crates of the stub with their
//! licences, those of the engine of scripts, the npm packages that scripts import, and the workers.
//!
//! Nothing of it depends on when or where it is made.

mod packages;

use oci_image::Digest;
use serde::Serialize;

use crate::executable::WriteError;
use crate::pack::{Ingredients, PackError};
use crate::survey::{Program, WorkerFile};

/// Of the document.
pub const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

/// What the build script has found the programs to be built from.
const ENGINE: &str = include_str!(concat!(env!("OUT_DIR"), "/engine-components.txt"));

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata<'d>,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Metadata<'d> {
    tools: Tools,
    component: &'d Component,
}

#[derive(Serialize)]
struct Tools {
    components: [Component; 1],
}

/// One thing that is in an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Component {
    /// `application`, `library`, `file`, …
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    /// A package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct License {
    expression: String,
}

/// Lists what an app is made of that is called `title` and has the hash `app`.
pub(crate) fn list_of_contents(
    ingredients: &Ingredients<'_>,
    title: &str,
    app: &Digest,
) -> Result<Vec<u8>, WriteError> {
    let workers = &ingredients.survey.workers;
    let mut components = of_lines(ingredients.hosting.stub_components());
    if workers.iter().any(is_script) {
        components.extend(of_lines(ENGINE));
    }
    components.extend(packages::of_workers(ingredients.site, workers));
    components.sort();
    components.dedup();
    components.extend(ingredients.plan.workers.iter().map(|planned| {
        let worker = &workers[planned.source];
        of_worker(worker)
    }));
    let document = Document {
        bom_format: "CycloneDX",
        spec_version: "1.5",
        version: 1,
        metadata: Metadata {
            tools: Tools {
                components: [wws()],
            },
            component: &Component {
                kind: "application",
                name: title.to_owned(),
                hashes: vec![sha256(app)],
                ..Component::default()
            },
        },
        components,
    };
    let mut text = serde_json::to_vec_pretty(&document).map_err(|error| {
        // Only a map with keys that are no text can fail, and there is none.
        WriteError::Pack(PackError::from(std::io::Error::from(error)))
    })?;
    text.push(b'\n');
    Ok(text)
}

fn is_script(worker: &WorkerFile) -> bool {
    matches!(worker.program, Program::Script(_))
}

fn wws() -> Component {
    Component {
        kind: "application",
        name: "wws".to_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Component::default()
    }
}

fn sha256(digest: &Digest) -> Hash {
    Hash {
        alg: "SHA-256",
        content: digest.hex(),
    }
}

/// A worker, by the bytes of its file.
fn of_worker(worker: &WorkerFile) -> Component {
    let digest = match &worker.program {
        Program::Wasm(bytes, _) => Digest::of(bytes),
        Program::Script(graph) => {
            let text = graph.modules.first().map(|entry| entry.original.as_str());
            Digest::of(text.unwrap_or_default().as_bytes())
        }
    };
    Component {
        kind: "file",
        name: worker.file.name.clone(),
        version: worker.config.version.clone(),
        hashes: vec![sha256(&digest)],
        ..Component::default()
    }
}

/// The components that the build script has listed.
fn of_lines(lines: &str) -> Vec<Component> {
    lines.lines().filter_map(of_line).collect()
}

fn of_line(line: &str) -> Option<Component> {
    let mut fields = line.split('\t');
    let (kind, name, version) = (fields.next()?, fields.next()?, fields.next()?);
    let license = fields.next().filter(|license| !license.is_empty());
    Some(Component::library(kind, name, Some(version), license))
}

impl Component {
    /// A package of a registry, whose kind is the `type` of a package URL.
    fn library(kind: &str, name: &str, version: Option<&str>, license: Option<&str>) -> Self {
        let mut purl = format!("pkg:{kind}/{}", name.replace('@', "%40"));
        if let Some(version) = version {
            // A version of semver has no other character that a package URL would escape.
            purl.push('@');
            purl.push_str(&version.replace('+', "%2B"));
        }
        Self {
            kind: "library",
            name: name.to_owned(),
            version: version.map(str::to_owned),
            hashes: Vec::new(),
            licenses: license
                .map(|expression| License {
                    expression: expression.to_owned(),
                })
                .into_iter()
                .collect(),
            purl: Some(purl),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosting::Hosting;

    #[test]
    fn the_crates_of_the_stub_are_known_with_their_licences() {
        let stub = Hosting::Modules.stub_components();
        let components = of_lines(stub);
        assert_eq!(components.len(), stub.lines().count());
        let find = |name: &str| {
            let found = components.iter().find(|component| component.name == name);
            found.unwrap_or_else(|| panic!("no {name}"))
        };
        let wasmtime = find("wasmtime");
        assert_eq!(
            wasmtime.version.as_deref(),
            Some(worker_host::WASMTIME_VERSION)
        );
        let purl = format!("pkg:cargo/wasmtime@{}", worker_host::WASMTIME_VERSION);
        assert_eq!(wasmtime.purl, Some(purl));
        for component in &components {
            assert_eq!(component.licenses.len(), 1, "{component:?}");
            assert!(!component.licenses[0].expression.contains('/'));
        }
        // What is linked whatever crates there are.
        assert_eq!(find("rust").kind, "library");
        // What only builds, or only bundles, is not in an app.
        for absent in ["syn", "proptest", "oci-image", "cranelift-codegen"] {
            assert!(!components.iter().any(|component| component.name == absent));
        }
    }

    #[test]
    fn the_engine_of_scripts_has_its_own() {
        let components = of_lines(ENGINE);
        let names: Vec<_> = components.iter().map(|component| &component.name).collect();
        assert!(names.iter().any(|name| *name == "rquickjs"), "{names:?}");
        assert!(
            components
                .iter()
                .all(|component| component.version.is_some())
        );
    }

    #[test]
    fn package_urls_are_escaped() {
        let scoped = Component::library("npm", "@a/b", Some("1.0.0+x"), None);
        assert_eq!(scoped.purl.unwrap(), "pkg:npm/%40a/b@1.0.0%2Bx");
        let without = Component::library("npm", "a", None, None);
        assert_eq!(without.purl.unwrap(), "pkg:npm/a");
    }
}
