//! The web platform that scripts have: each name of the WinterTC minimum common API is probed in an
//! app, and the table in `docs/javascript.md` has to say what was found. `WWS_BLESS=1` writes it.

use std::collections::BTreeMap;
use std::env;
use std::fs;

use serde::Deserialize;

use crate::support::{TestSite, repository};

const LIST: &str = "engines/javascript/prelude/wintertc.json";
const PROBES: &str = "tests/platform/probes.js";
const PAGE: &str = "docs/javascript.md";
const BEGIN: &str =
    "<!-- Written by tests/platform: WWS_BLESS=1 cargo test --test end_to_end platform -->\n";
const END: &str = "<!-- end -->\n";

/// Answers with what all probes have found.
const WORKER: &str = r#"
import list from "./_list.json";
import { outcomeOf, probes } from "./_probes.js";

export default {
  async fetch() {
    const names = Object.values(list.areas).flat();
    const outcomes = {};
    // One after the other, since they share the global handlers.
    for (const name of names) outcomes[name] = await outcomeOf(name);
    const unknown = Object.keys(probes).filter((name) => !names.includes(name));
    return Response.json({ outcomes, unknown });
  },
};
"#;

#[derive(Deserialize)]
struct List {
    areas: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Found {
    outcomes: BTreeMap<String, (Kind, String)>,
    /// Probes of names that are not in the list.
    unknown: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Pass,
    Partly,
    Fail,
    Missing,
}

/// What is probed, and what was found in a running app.
fn probe() -> (List, Found) {
    let list = fs::read(repository(LIST)).unwrap();
    let site = TestSite::new()
        .file("index.js", WORKER)
        .file("_list.json", &list)
        .file("_probes.js", fs::read(repository(PROBES)).unwrap());
    let answer = site.bundle().start(&[]).get("/");
    let found = serde_json::from_slice(&answer.assert_status(200).body).unwrap();
    (serde_json::from_slice(&list).unwrap(), found)
}

/// The names of one area with one of some outcomes, for a cell of the table.
fn cell(names: &[String], found: &Found, kinds: &[Kind]) -> String {
    let texts = names.iter().filter_map(|name| {
        let (kind, why) = &found.outcomes[name];
        match kind {
            Kind::Partly if kinds.contains(kind) => Some(format!("`{name}` ({why})")),
            _ => kinds.contains(kind).then(|| format!("`{name}`")),
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn table(list: &List, found: &Found) -> String {
    let count = |kind| {
        found
            .outcomes
            .values()
            .filter(|(of, _)| *of == kind)
            .count()
    };
    let mut table = format!(
        "Of {} names {} pass, {} are there in part, {} fail and {} are missing.\n\n\
         | area | pass | in part | fail | missing |\n|---|---|---|---|---|\n",
        found.outcomes.len(),
        count(Kind::Pass),
        count(Kind::Partly),
        count(Kind::Fail),
        count(Kind::Missing),
    );
    for (area, names) in &list.areas {
        let kinds = [Kind::Pass, Kind::Partly, Kind::Fail, Kind::Missing];
        let cells = kinds.map(|kind| cell(names, found, &[kind]));
        table += &format!("| {area} | {} |\n", cells.join(" | "));
    }
    table
}

#[test]
fn the_table_of_the_web_platform_says_what_probes_find_in_an_app() {
    let (list, found) = probe();
    assert!(found.unknown.is_empty(), "probes of {:?}", found.unknown);
    let path = repository(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = table(&list, &found);
    if env::var_os("WWS_BLESS").is_some() {
        return fs::write(&path, format!("{before}{BEGIN}\n{table}\n{END}{after}")).unwrap();
    }
    let failed = found
        .outcomes
        .iter()
        .filter(|(_, (kind, _))| *kind == Kind::Fail);
    let failed: Vec<_> = failed
        .map(|(name, (_, why))| format!("{name}: {why}"))
        .collect();
    assert!(
        written.trim() == table.trim(),
        "{PAGE} has another table than this; WWS_BLESS=1 writes it\n{table}\n{failed:#?}"
    );
}
