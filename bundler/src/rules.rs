//! What a site says of its own paths: `_redirects`, `_headers`, and `[site]` and `[cors]` of `wws.toml`.
//!
//! Read when the site is surveyed, and worked out when its paths are known: which fields each file is
//! answered with is decided here, so that an app only looks it up.

mod fields;

use std::collections::HashMap;

use bundle_format::SiteRules;
use bundle_format::index::FieldSetId;
use bundle_format::meta::SiteRecord;
use globset::{GlobBuilder, GlobMatcher};
use http_semantics::SitePath;
use site_config::{CacheRule, Place, SiteTable};
use site_rules::{
    Cors, Effect, Existing, HeaderRule, HeaderRules, Redirect, Redirects, SECURITY_FIELDS,
};

use self::fields::{FieldSets, fields_of};
use crate::plan::{Plan, PlannedTarget};
use crate::problem::Problem;
use crate::survey::{SITE_CONFIG, Survey};

/// The page of the root, which a single-page app answers with.
const FALLBACK_PAGE: &str = "/index.html";

/// What the files of a site say.
#[derive(Debug, Default)]
pub struct RuleSources {
    /// `_redirects`.
    pub redirects: RuleFile<Redirect>,
    /// `_headers`.
    pub headers: RuleFile<HeaderRule>,
    /// `[site]`.
    pub site: SiteTable,
    /// `[cors]`.
    pub cors: Option<Cors>,
}

/// The rules of a file.
#[derive(Debug)]
pub struct RuleFile<R> {
    /// Its name.
    pub name: String,
    /// In its order.
    pub rules: Vec<R>,
}

impl<R> Default for RuleFile<R> {
    fn default() -> Self {
        Self {
            name: String::new(),
            rules: Vec::new(),
        }
    }
}

/// What an app is given of them.
#[derive(Debug, Default)]
pub struct PlannedRules {
    /// Read when they are first needed.
    pub rules: SiteRules,
    /// The rest.
    pub record: SiteRecord,
    /// What is done to the fields of an asset, by the path that it answers.
    pub fields: HashMap<String, FieldSetId>,
    /// What the user may not expect.
    pub notes: Vec<String>,
}

/// Works out the rules of a site whose paths are known; what is wrong goes to `problems`.
pub fn plan_rules(survey: &Survey, plan: &Plan, problems: &mut Vec<Problem>) -> PlannedRules {
    let mut planner = Planner {
        survey,
        plan,
        by_path: plan
            .paths
            .iter()
            .map(|p| (p.path.as_str(), &p.target))
            .collect(),
        planned: PlannedRules::default(),
        problems: Vec::new(),
    };
    planner.record();
    planner.review_redirects();
    planner.check_targets();
    planner.plan_fields();
    problems.append(&mut planner.problems);
    planner.planned
}

struct Planner<'p> {
    survey: &'p Survey,
    plan: &'p Plan,
    by_path: HashMap<&'p str, &'p PlannedTarget>,
    planned: PlannedRules,
    problems: Vec<Problem>,
}

impl Planner<'_> {
    fn sources(&self) -> &RuleSources {
        &self.survey.rules
    }

    fn record(&mut self) {
        let RuleSources {
            redirects,
            headers,
            site,
            cors,
        } = &self.survey.rules;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let forced = redirects.rules.iter().filter(|rule| rule.forced).count();
        let spa = site.spa.filter(|spa| spa.value);
        self.planned.record = SiteRecord {
            html: site.html,
            fallback: spa.map(|_| FALLBACK_PAGE.to_owned()),
            not_found: site.not_found.as_ref().map(|page| page.value.clone()),
            security_headers: site.security_headers,
            cors: cors.clone(),
            redirects: count(redirects.rules.len()),
            forced_redirects: count(forced),
            header_rules: count(headers.rules.len()),
        };
        self.planned.rules.redirects = redirects.rules.clone();
        self.planned.rules.headers = headers.rules.clone();
        if let Some(spa) = spa
            && !self.is_page(FALLBACK_PAGE)
        {
            let message = "spa answers with the page of the root, and there is no index.html";
            self.config_problem(spa.place, message.to_owned());
        }
        if let Some(page) = &site.not_found
            && !self.is_page(&page.value)
        {
            let message = format!("there is no file for not_found = {:?}", page.value);
            self.config_problem(page.place, message);
        }
        let is_root_served = self.by_path.contains_key("/") || spa.is_some();
        if site.html == site_rules::HtmlMode::None && self.is_page(FALLBACK_PAGE) && !is_root_served
        {
            let note = "with html = \"none\" nothing answers /: index.html is at /index.html only";
            self.planned.notes.push(note.to_owned());
        }
    }

    fn config_problem(&mut self, place: Place, message: String) {
        self.problems
            .push(place.problem(SITE_CONFIG, message).into());
    }

    /// Whether a file answers a path, or is where the path leads.
    fn is_page(&self, path: &str) -> bool {
        matches!(
            self.by_path.get(path),
            Some(PlannedTarget::Asset(_) | PlannedTarget::Redirect { .. })
        )
    }

    fn review_redirects(&mut self) {
        let RuleFile { name, rules } = &self.sources().redirects;
        let redirects = Redirects::new(rules.clone());
        let existing = |path: &SitePath<'_>| self.existing(path);
        let (problems, notes) = site_rules::review(name, &redirects, &existing);
        let notes: Vec<String> = notes.iter().map(|note| format!("{name}:{note}")).collect();
        self.problems
            .extend(problems.into_iter().map(Problem::from));
        self.planned.notes.extend(notes);
    }

    /// What there is at a path without rules; as an app finds it.
    fn existing(&self, path: &SitePath<'_>) -> Existing {
        if let Some(found) = self.existing_exactly(path.as_str()) {
            return found;
        }
        let segments: Vec<&str> = path.segments().collect();
        let worker = self
            .plan
            .workers
            .iter()
            .find(|w| w.route.matches(&segments).is_some());
        if let Some(worker) = worker {
            return Existing::Content(self.survey.workers[worker.source].file.name.clone());
        }
        let trimmed = path.as_str().trim_end_matches('/');
        match trimmed.len() < path.as_str().len() && self.existing_exactly(trimmed).is_some() {
            true => Existing::Elsewhere(trimmed.to_owned()),
            false => Existing::Nothing,
        }
    }

    fn existing_exactly(&self, path: &str) -> Option<Existing> {
        Some(match self.by_path.get(path)? {
            PlannedTarget::Asset(place) => {
                Existing::Content(self.survey.assets[*place].file.name.clone())
            }
            PlannedTarget::Worker(place) => {
                let source = self.plan.workers[*place].source;
                Existing::Content(self.survey.workers[source].file.name.clone())
            }
            PlannedTarget::Redirect { to, .. } => Existing::Elsewhere(to.clone()),
        })
    }

    /// A page that is named has to be there.
    fn check_targets(&mut self) {
        let RuleFile { name, rules } = &self.survey.rules.redirects;
        for rule in rules {
            let Some(path) = rule.to.exact_path() else {
                continue;
            };
            let Ok(path) = SitePath::parse(&path) else {
                continue;
            };
            let message = match rule.effect {
                Effect::Send(_) => continue,
                Effect::Rewrite if self.existing(&path) != Existing::Nothing => continue,
                Effect::Rewrite => format!(
                    "nothing answers {}, which 200 is to answer with; write 301 to send clients there",
                    path.as_str()
                ),
                Effect::Page(_) if self.is_page(path.as_str()) => continue,
                Effect::Page(status) => {
                    format!(
                        "there is no page {}, which {status} is to show",
                        path.as_str()
                    )
                }
            };
            self.problems
                .push(Problem::new(format!("{name}:{}", rule.line), message));
        }
    }

    /// Which fields each file is answered with. Its own path counts as well as that of its page.
    fn plan_fields(&mut self) {
        let rules = HeaderRules::new(self.sources().headers.rules.clone());
        let cache = self.cache_rules();
        let has_security = self.sources().site.security_headers;
        if rules.rules().is_empty() && cache.is_empty() && !has_security {
            return;
        }
        let mut sets = FieldSets::default();
        for planned in &self.plan.paths {
            let PlannedTarget::Asset(place) = planned.target else {
                continue;
            };
            let file_path = &self.survey.assets[place].url_path;
            let mut defaults = Vec::new();
            if has_security {
                defaults.extend(SECURITY_FIELDS);
            }
            let rule = cache
                .iter()
                .find(|(matcher, _)| matcher.is_match(file_path));
            defaults.extend(rule.map(|(_, rule)| ("cache-control", rule.value.as_str())));
            let set = fields_of(&rules, &planned.path, file_path, &defaults);
            match sets.number(set, &planned.path) {
                Ok(Some(id)) => {
                    self.planned.fields.insert(planned.path.clone(), id);
                }
                Ok(None) => {}
                Err(message) => {
                    let name = self.survey.rules.headers.name.clone();
                    self.problems.push(Problem::new(name, message));
                }
            }
        }
        self.planned.rules.field_sets = sets.sets;
    }

    fn cache_rules(&mut self) -> Vec<(GlobMatcher, CacheRule)> {
        let mut rules = Vec::new();
        for rule in &self.survey.rules.site.cache {
            match GlobBuilder::new(&rule.glob).literal_separator(true).build() {
                Ok(glob) => rules.push((glob.compile_matcher(), rule.clone())),
                Err(error) => self.config_problem(rule.place, error.to_string()),
            }
        }
        for (matcher, rule) in &rules {
            let mut assets = self.survey.assets.iter();
            if !assets.any(|asset| matcher.is_match(&asset.url_path)) {
                let CacheRule { glob, place, .. } = rule;
                let note = format!("{SITE_CONFIG}:{}: no file matches {glob:?}", place.line);
                self.planned.notes.push(note);
            }
        }
        rules
    }
}
