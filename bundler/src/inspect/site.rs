//! What an app says of its paths: the part of an inspection that comes from `_redirects`, `_headers` and
//! `wws.toml`.

use std::fmt;

use bundle_format::{Meta, SiteRules};
use serde::Serialize;
use site_rules::{Cors, FieldOperation, FieldSet, HeaderRule, Origins, Redirect, SECURITY_FIELDS};

/// The rules of a site, as they are followed.
#[derive(Debug, Serialize)]
pub(super) struct InspectedSite {
    html: &'static str,
    /// The page that a navigation gets which leads nowhere.
    fallback: Option<String>,
    /// In place of `404.html`.
    not_found: Option<String>,
    /// Set where nobody else sets them.
    security_headers: Vec<String>,
    cors: Option<InspectedCors>,
    redirect_rules: Vec<InspectedRedirectRule>,
    header_rules: Vec<InspectedHeaderRule>,
}

#[derive(Debug, Serialize)]
struct InspectedCors {
    origins: Vec<String>,
    methods: Vec<String>,
    /// `None`: those that are asked for.
    headers: Option<Vec<String>>,
    credentials: bool,
}

#[derive(Debug, Serialize)]
struct InspectedRedirectRule {
    line: u32,
    from: String,
    to: String,
    status: u16,
    /// Whether it goes before what exists.
    forced: bool,
}

#[derive(Debug, Serialize)]
struct InspectedHeaderRule {
    line: u32,
    path: String,
    fields: Vec<String>,
}

impl InspectedSite {
    pub(super) fn of(meta: &Meta, rules: &SiteRules) -> Self {
        let site = &meta.site;
        let security: &[_] = match site.security_headers {
            true => &SECURITY_FIELDS,
            false => &[],
        };
        Self {
            html: site.html.name(),
            fallback: site.fallback.clone(),
            not_found: site.not_found.clone(),
            security_headers: security.iter().map(|(n, v)| format!("{n}: {v}")).collect(),
            cors: site.cors.as_ref().map(InspectedCors::of),
            redirect_rules: rules.redirects.iter().map(redirect_rule).collect(),
            header_rules: rules.headers.iter().map(header_rule).collect(),
        }
    }
}

impl InspectedCors {
    fn of(cors: &Cors) -> Self {
        Self {
            origins: match &cors.origins {
                Origins::Any => vec!["*".to_owned()],
                Origins::Listed(list) => list.clone(),
            },
            methods: cors.methods.clone(),
            headers: cors.headers.clone(),
            credentials: cors.credentials,
        }
    }
}

fn redirect_rule(rule: &Redirect) -> InspectedRedirectRule {
    InspectedRedirectRule {
        line: rule.line,
        from: rule.from.to_string(),
        to: rule.to.to_string(),
        status: rule.effect.status(),
        forced: rule.forced,
    }
}

fn header_rule(rule: &HeaderRule) -> InspectedHeaderRule {
    InspectedHeaderRule {
        line: rule.line,
        path: rule.pattern.to_string(),
        fields: rule.fields.iter().map(ToString::to_string).collect(),
    }
}

/// What a set does, a line for each field.
pub(super) fn field_lines(set: &FieldSet) -> Vec<String> {
    let line = |operation: &FieldOperation| match operation {
        FieldOperation::Set { name, value } => format!("{name}: {value}"),
        FieldOperation::Add { name, value } => format!("+ {name}: {value}"),
        FieldOperation::Remove { name } => format!("! {name}"),
    };
    set.operations.iter().map(line).collect()
}

impl fmt::Display for InspectedSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pages    html {}", self.html)?;
        if let Some(page) = &self.fallback {
            write!(f, ", navigations that lead nowhere get {page}")?;
        }
        if let Some(page) = &self.not_found {
            write!(f, ", all else that leads nowhere {page}")?;
        }
        writeln!(f)?;
        if !self.security_headers.is_empty() {
            writeln!(f, "security {}", self.security_headers.join(" | "))?;
        }
        if let Some(cors) = &self.cors {
            write_cors(f, cors)?;
        }
        if !self.redirect_rules.is_empty() {
            writeln!(f, "rules    {} of _redirects", self.redirect_rules.len())?;
        }
        for rule in &self.redirect_rules {
            let force = if rule.forced { "!" } else { "" };
            let InspectedRedirectRule {
                line,
                from,
                to,
                status,
                ..
            } = rule;
            writeln!(f, "  line {line}: {from} {to} {status}{force}")?;
        }
        if !self.header_rules.is_empty() {
            writeln!(f, "fields   {} rules of _headers", self.header_rules.len())?;
        }
        for InspectedHeaderRule { line, path, fields } in &self.header_rules {
            writeln!(f, "  line {line}: {path}  {}", fields.join(" | "))?;
        }
        Ok(())
    }
}

fn write_cors(f: &mut fmt::Formatter<'_>, cors: &InspectedCors) -> fmt::Result {
    let headers = match &cors.headers {
        Some(names) => names.join(", "),
        None => "those asked for".to_owned(),
    };
    let credentials = match cors.credentials {
        true => "with credentials",
        false => "no credentials",
    };
    writeln!(
        f,
        "cors     {}: {}; headers {headers}; {credentials}",
        cors.origins.join(", "),
        cors.methods.join(", ")
    )
}
