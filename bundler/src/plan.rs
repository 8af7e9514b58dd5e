//! Decides what answers each path. Pure: the same survey always gives the same plan.
//!
//! Clean URLs, if the site does not choose otherwise: `about.html` answers `/about`, `docs/index.html`
//! answers `/docs/`; `/about.html`, `/docs/index.html` and `/docs` lead there. A path that several
//! things claim goes to the first of: exact worker, file of that very name, page without its extension,
//! redirect.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bundle_format::route::RoutePattern;
use site_rules::HtmlMode;

use crate::problem::Problem;
use crate::survey::{AssetFile, WorkerFile};

/// What answers each path of a site.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// All paths of all files, and those that lead to them.
    pub paths: Vec<PlannedPath>,
    /// The workers in the order in which their patterns are tried; places in the survey's list.
    pub workers: Vec<PlannedWorker>,
    /// How many folders deep the deepest `404.html` lies.
    pub not_found_depth: Option<u32>,
    /// What the user may not expect.
    pub notes: Vec<String>,
}

/// A path that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPath {
    /// The path.
    pub path: String,
    /// What is there.
    pub target: PlannedTarget,
}

/// What stands behind a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedTarget {
    /// An asset, by its place in the survey's list.
    Asset(usize),
    /// A worker, by its place in [`Plan::workers`].
    Worker(usize),
    /// The path of an asset's page.
    Redirect {
        /// The asset.
        asset: usize,
        /// That path.
        to: String,
    },
}

/// A worker and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWorker {
    /// Its place in the survey's list.
    pub source: usize,
    /// What it answers.
    pub route: RoutePattern,
}

/// Plans a site; every conflict goes to `problems`.
pub fn plan(
    assets: &[AssetFile],
    workers: &[WorkerFile],
    html: HtmlMode,
    problems: &mut Vec<Problem>,
) -> Plan {
    let workers_planned = plan_workers(workers, problems);
    let mut claims = Claims {
        html,
        paths: HashMap::new(),
    };
    for (place, worker) in workers_planned.iter().enumerate() {
        if let Some(path) = worker.route.exact_path() {
            claims.claim(path, Rank::Worker, PlannedTarget::Worker(place));
        }
    }
    for (place, asset) in assets.iter().enumerate() {
        claims.claim_asset(place, &asset.url_path);
    }
    let mut notes = hidden_assets(assets, &claims);
    notes.extend(workers.iter().flat_map(wide_calls));
    let not_found_depth = assets
        .iter()
        .filter(|asset| asset.url_path.ends_with("/404.html"))
        .map(|asset| asset.url_path.matches('/').count() - 1)
        .max()
        .and_then(|depth| u32::try_from(depth).ok());
    Plan {
        paths: claims.settle(assets),
        workers: workers_planned,
        not_found_depth,
        notes,
    }
}

fn plan_workers(workers: &[WorkerFile], problems: &mut Vec<Problem>) -> Vec<PlannedWorker> {
    let mut planned = Vec::new();
    for (source, worker) in workers.iter().enumerate() {
        let name = &worker.file.name;
        let stem = name
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem);
        match RoutePattern::of_file(&format!("/{stem}")) {
            Ok(route) => planned.push(PlannedWorker { source, route }),
            Err(error) => problems.push(Problem::new(worker.file.name.clone(), error.to_string())),
        }
    }
    planned.sort_by_cached_key(|worker| {
        let is_pattern = worker.route.exact_path().is_none();
        (
            is_pattern,
            worker.route.precedence(),
            worker.route.to_string(),
            worker.source,
        )
    });
    for (place, a) in planned.iter().enumerate() {
        for b in &planned[place + 1..] {
            if a.route.is_ambiguous_with(&b.route) {
                let (a_name, b_name) = (&workers[a.source].file.name, &workers[b.source].file.name);
                let message = format!(
                    "its route {} and the route {} of {b_name} match the same paths, and nothing \
                     says which one answers; rename one of them",
                    a.route, b.route
                );
                problems.push(Problem::new(a_name.clone(), message));
            }
        }
    }
    planned
}

/// Who gets a path that several claim; the first one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Worker,
    File,
    Page,
    /// Where a page and the index of a folder have the same path.
    SecondPage,
    Redirect,
}

struct Claims {
    html: HtmlMode,
    paths: HashMap<String, (Rank, PlannedTarget)>,
}

impl Claims {
    fn claim(&mut self, path: String, rank: Rank, target: PlannedTarget) {
        match self.paths.entry(path) {
            Entry::Vacant(free) => {
                free.insert((rank, target));
            }
            Entry::Occupied(mut taken) if rank < taken.get().0 => {
                taken.insert((rank, target));
            }
            Entry::Occupied(_) => {}
        }
    }

    fn claim_asset(&mut self, place: usize, file_path: &str) {
        let asset = PlannedTarget::Asset(place);
        self.claim(file_path.to_owned(), Rank::File, asset.clone());
        let Some(Page { path, rank }) = page(self.html, file_path) else {
            return;
        };
        let folder = path.strip_suffix('/').filter(|folder| !folder.is_empty());
        if let Some(folder) = folder.map(str::to_owned) {
            let redirect = PlannedTarget::Redirect {
                asset: place,
                to: path.clone(),
            };
            self.claim(folder, Rank::Redirect, redirect);
        }
        self.claim(path, rank, asset);
    }

    fn target(&self, path: &str) -> Option<&PlannedTarget> {
        self.paths.get(path).map(|(_, target)| target)
    }

    /// The winners, sorted; a way to a page that another file has won leads to nothing, and a file
    /// whose page is elsewhere leads to its page.
    fn settle(mut self, assets: &[AssetFile]) -> Vec<PlannedPath> {
        for (place, AssetFile { url_path, .. }) in assets.iter().enumerate() {
            let Some(Page { path, .. }) = page(self.html, url_path) else {
                continue;
            };
            let own = Some(&PlannedTarget::Asset(place));
            if self.target(&path) == own && self.target(url_path) == own {
                let redirect = PlannedTarget::Redirect {
                    asset: place,
                    to: path,
                };
                self.paths.insert(url_path.clone(), (Rank::File, redirect));
            }
        }
        let mut paths: Vec<PlannedPath> = self
            .paths
            .into_iter()
            .map(|(path, (_, target))| PlannedPath { path, target })
            .collect();
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        paths
    }
}

/// Where the page of an HTML file is.
struct Page {
    path: String,
    rank: Rank,
}

/// Where the page of a file is, if it is HTML and the mode gives pages paths of their own.
fn page(html: HtmlMode, file_path: &str) -> Option<Page> {
    // The folder of an index, with its slash, or the name of another page.
    let folder = file_path
        .strip_suffix("index.html")
        .filter(|folder| folder.ends_with('/'));
    let name = || {
        file_path
            .strip_suffix(".html")
            .filter(|stem| !stem.ends_with('/'))
    };
    let (path, rank) = match (html, folder) {
        (HtmlMode::None, _) => return None,
        (HtmlMode::Auto | HtmlMode::ForceSlash, Some(folder)) => (folder.to_owned(), Rank::Page),
        (HtmlMode::DropSlash, Some("/")) => ("/".to_owned(), Rank::Page),
        (HtmlMode::DropSlash, Some(folder)) => {
            let path = folder.trim_end_matches('/').to_owned();
            (path, Rank::SecondPage)
        }
        (HtmlMode::Auto | HtmlMode::DropSlash, None) => (name()?.to_owned(), Rank::Page),
        (HtmlMode::ForceSlash, None) => (format!("{}/", name()?), Rank::SecondPage),
    };
    Some(Page { path, rank })
}

/// Assets that no path leads to, since a worker answers theirs.
fn hidden_assets(assets: &[AssetFile], claims: &Claims) -> Vec<String> {
    assets
        .iter()
        .filter(|asset| {
            matches!(
                claims.target(&asset.url_path),
                Some(PlannedTarget::Worker(_))
            )
        })
        .map(|asset| {
            format!(
                "{} is never served: a worker answers its path",
                asset.file.name
            )
        })
        .collect()
}

/// Calls of a worker that reach further than most have a use for.
fn wide_calls(worker: &WorkerFile) -> Vec<String> {
    let rules = &worker.config.outbound;
    let name = &worker.file.name;
    let mut notes = Vec::new();
    if rules.hosts.iter().any(|host| host.to_string() == "*") {
        notes.push(format!(
            "{name} may call every host, since allowed_hosts has \"*\""
        ));
    }
    if rules.allow_private && !rules.hosts.is_empty() {
        notes.push(format!(
            "{name} may call what is not on the public internet, such as the machine it runs on, \
             since allow_private is true"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use crate::scan::SourceFile;
    use crate::survey::Program;
    use worker_host::WorkerKind;

    fn file(name: &str) -> SourceFile {
        SourceFile {
            name: name.to_owned(),
            path: name.into(),
            length: 0,
        }
    }

    fn site_in(html: HtmlMode, assets: &[&str], workers: &[&str]) -> Result<Plan, Problems> {
        let assets: Vec<AssetFile> = assets
            .iter()
            .map(|name| AssetFile {
                file: file(name),
                url_path: format!("/{name}"),
            })
            .collect();
        let workers: Vec<WorkerFile> = workers
            .iter()
            .map(|name| WorkerFile {
                file: file(name),
                program: Program::Wasm(Vec::new(), WorkerKind::CoreCommand),
                config: site_config::WorkerConfig::default(),
            })
            .collect();
        let mut problems = Vec::new();
        let plan = plan(&assets, &workers, html, &mut problems);
        Problems::check(problems).map(|()| plan)
    }

    fn site(assets: &[&str], workers: &[&str]) -> Result<Plan, Problems> {
        site_in(HtmlMode::Auto, assets, workers)
    }

    /// Every path and what is there, in words.
    fn table_in(html: HtmlMode, assets: &[&str], workers: &[&str]) -> Vec<String> {
        let plan = site_in(html, assets, workers).unwrap();
        let name = |target: &PlannedTarget| match target {
            PlannedTarget::Asset(place) => assets[*place].to_owned(),
            PlannedTarget::Worker(place) => plan.workers[*place].route.to_string() + " worker",
            PlannedTarget::Redirect { to, .. } => format!("-> {to}"),
        };
        plan.paths
            .iter()
            .map(|p| format!("{} {}", p.path, name(&p.target)))
            .collect()
    }

    fn table(assets: &[&str], workers: &[&str]) -> Vec<String> {
        table_in(HtmlMode::Auto, assets, workers)
    }

    #[test]
    fn other_modes_have_every_page_with_a_slash_or_without_or_under_its_name_only() {
        let files = ["index.html", "about.html", "docs/index.html", "a.css"];
        assert_eq!(
            table_in(HtmlMode::ForceSlash, &files, &[]),
            [
                "/ index.html",
                "/a.css a.css",
                "/about -> /about/",
                "/about.html -> /about/",
                "/about/ about.html",
                "/docs -> /docs/",
                "/docs/ docs/index.html",
                "/docs/index.html -> /docs/",
                "/index.html -> /",
            ]
        );
        assert_eq!(
            table_in(HtmlMode::DropSlash, &files, &[]),
            [
                "/ index.html",
                "/a.css a.css",
                "/about about.html",
                "/about.html -> /about",
                "/docs docs/index.html",
                "/docs/index.html -> /docs",
                "/index.html -> /",
            ]
        );
        assert_eq!(
            table_in(HtmlMode::None, &files, &[]),
            [
                "/a.css a.css",
                "/about.html about.html",
                "/docs/index.html docs/index.html",
                "/index.html index.html",
            ]
        );
    }

    #[test]
    fn a_page_that_another_has_the_path_of_keeps_the_name_of_its_file() {
        let files = ["foo.html", "foo/index.html"];
        assert_eq!(
            table_in(HtmlMode::ForceSlash, &files, &[]),
            [
                "/foo -> /foo/",
                "/foo.html foo.html",
                "/foo/ foo/index.html",
                "/foo/index.html -> /foo/",
            ]
        );
        assert_eq!(
            table_in(HtmlMode::DropSlash, &files, &[]),
            [
                "/foo foo.html",
                "/foo.html -> /foo",
                "/foo/index.html foo/index.html"
            ]
        );
    }

    #[test]
    fn pages_have_clean_urls_and_their_files_lead_there() {
        assert_eq!(
            table(
                &["index.html", "about.html", "docs/index.html", "a.css"],
                &[]
            ),
            [
                "/ index.html",
                "/a.css a.css",
                "/about about.html",
                "/about.html -> /about",
                "/docs -> /docs/",
                "/docs/ docs/index.html",
                "/docs/index.html -> /docs/",
                "/index.html -> /",
            ]
        );
    }

    #[test]
    fn an_exact_file_beats_a_page_and_a_page_beats_a_folder() {
        assert_eq!(
            table(&["foo", "foo.html"], &[]),
            ["/foo foo", "/foo.html foo.html"]
        );
        assert_eq!(
            table(&["foo.html", "foo/index.html"], &[]),
            [
                "/foo foo.html",
                "/foo.html -> /foo",
                "/foo/ foo/index.html",
                "/foo/index.html -> /foo/"
            ]
        );
    }

    #[test]
    fn an_exact_worker_beats_an_asset_which_stays_reachable_if_it_can() {
        assert_eq!(
            table(&["api.html", "x"], &["api.wasm", "x.wasm", "[id].wasm"]),
            ["/api /api worker", "/api.html api.html", "/x /x worker"]
        );
        let notes = site(&["x"], &["x.wasm"]).unwrap().notes;
        assert_eq!(notes, ["x is never served: a worker answers its path"]);
    }

    #[test]
    fn workers_are_tried_in_the_order_of_precedence_whatever_the_order_of_files() {
        let routes = |workers: &[&str]| -> Vec<String> {
            site(&[], workers)
                .unwrap()
                .workers
                .iter()
                .map(|w| w.route.to_string())
                .collect()
        };
        let want = ["/a/b", "/", "/a/[x]", "/[x]", "/[...r]"];
        let files = [
            "[...r].wasm",
            "a/[x].wasm",
            "index.wasm",
            "[x].wasm",
            "a/b/index.wasm",
        ];
        assert_eq!(routes(&files), want);
        let reversed: Vec<&str> = files.into_iter().rev().collect();
        assert_eq!(routes(&reversed), want);
    }

    #[test]
    fn calls_that_reach_far_are_noted() {
        #[track_caller]
        fn check(toml: &str, want: &[&str]) {
            let worker = WorkerFile {
                file: file("a.wasm"),
                program: Program::Wasm(Vec::new(), WorkerKind::CoreCommand),
                config: site_config::parse_worker_config("a.toml", toml.as_bytes()).unwrap(),
            };
            assert_eq!(
                plan(&[], &[worker], HtmlMode::Auto, &mut Vec::new()).notes,
                want
            );
        }
        let every = "a.wasm may call every host, since allowed_hosts has \"*\"";
        let private = "a.wasm may call what is not on the public internet, such as the machine it \
            runs on, since allow_private is true";
        let http = |rest: &str| format!("[features.http_requests]\n{rest}");
        check("", &[]);
        check(&http("allowed_hosts = ['*.a.example']"), &[]);
        check(&http("allow_private = true"), &[]);
        check(&http("allowed_hosts = ['*']"), &[every]);
        check(
            &http("allowed_hosts = ['localhost', '*']\nallow_private = true"),
            &[every, private],
        );
    }

    #[test]
    fn conflicts_name_both_files() {
        #[track_caller]
        fn check(workers: &[&str], want: &[&str]) {
            let message = site(&[], workers).unwrap_err().to_string();
            assert!(want.iter().all(|part| message.contains(part)), "{message}");
        }
        check(
            &["a.wasm", "a/index.wasm"],
            &["a.wasm", "a/index.wasm", "route /a"],
        );
        check(&["[a].wasm", "[b].wasm"], &["[a].wasm", "[b].wasm"]);
        check(
            &["x[a].wasm", "[].wasm"],
            &["2 problems", "x[a].wasm", "[].wasm"],
        );
    }

    #[test]
    fn the_depth_of_the_deepest_404_page_is_known() {
        assert_eq!(site(&["index.html"], &[]).unwrap().not_found_depth, None);
        assert_eq!(site(&["404.html"], &[]).unwrap().not_found_depth, Some(0));
        assert_eq!(
            site(&["a/b/404.html", "404.html"], &[])
                .unwrap()
                .not_found_depth,
            Some(2)
        );
    }
}
