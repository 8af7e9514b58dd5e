//! What the site says of its own paths, for an app that runs.
//!
//! The rules are hashed and read when the first request needs them; a site without any pays nothing. Most
//! of what they say of files has been worked out when the site was bundled: an entry of the index names
//! the set of fields that its answer has.

mod cors;
mod fields;

use std::sync::OnceLock;

use bundle_format::index::FieldSetId;
use bundle_format::meta::SiteRecord;
use bundle_format::{Bundle, Damage};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_semantics::SitePath;
use site_rules::{Asked, CorsError, Found, HeaderRules, Origins, Redirects, SECURITY_FIELDS};

use crate::body::Body;
pub(crate) use cors::CorsAnswers;
pub(crate) use fields::{Fields, add_vary};

/// The rules of a site.
pub(crate) struct Rules {
    ready: OnceLock<Result<Ready, Damage>>,
    has_redirects: bool,
    has_forced: bool,
    has_headers: bool,
    has_security: bool,
    pub(crate) cors: Option<CorsAnswers>,
}

/// Rules that have been read.
struct Ready {
    redirects: Redirects,
    headers: HeaderRules,
    sets: Vec<Fields>,
}

impl Rules {
    /// What `record` says, with other origins in place of the site's if the app was given some.
    pub(crate) fn new(record: &SiteRecord, origins: Option<Origins>) -> Result<Self, CorsError> {
        Ok(Self {
            ready: OnceLock::new(),
            has_redirects: record.redirects > 0,
            has_forced: record.forced_redirects > 0,
            has_headers: record.header_rules > 0,
            has_security: record.security_headers,
            cors: CorsAnswers::settle(record.cors.clone(), origins)?,
        })
    }

    fn ready(&self, bundle: &Bundle) -> Result<&Ready, Damage> {
        let read = || {
            let rules = bundle.rules()?;
            Ok(Ready {
                redirects: Redirects::new(rules.redirects),
                headers: HeaderRules::new(rules.headers),
                sets: rules.field_sets.iter().map(Fields::new).collect(),
            })
        };
        self.ready
            .get_or_init(read)
            .as_ref()
            .map_err(|damage| *damage)
    }

    /// Whether a path may lead elsewhere, by any rule.
    pub(crate) fn has_redirects(&self) -> bool {
        self.has_redirects
    }

    /// The rule that holds, whatever exists at the path.
    pub(crate) fn first_forced(
        &self,
        bundle: &Bundle,
        asked: Asked<'_>,
    ) -> Result<Option<Found<'_>>, Damage> {
        match self.has_forced {
            true => Ok(self.ready(bundle)?.redirects.first_forced(asked)),
            false => Ok(None),
        }
    }

    /// The rule that holds where nothing exists.
    pub(crate) fn first(
        &self,
        bundle: &Bundle,
        asked: Asked<'_>,
    ) -> Result<Option<Found<'_>>, Damage> {
        match self.has_redirects {
            true => Ok(self.ready(bundle)?.redirects.first(asked)),
            false => Ok(None),
        }
    }

    /// What the rules do to the fields of a file.
    pub(crate) fn field_set(
        &self,
        bundle: &Bundle,
        id: Option<FieldSetId>,
    ) -> Result<Option<&Fields>, Damage> {
        let Some(id) = id else { return Ok(None) };
        let set = self.ready(bundle)?.sets.get(id.place());
        set.map(Some).ok_or(Damage::Rules)
    }

    /// Does to an answer of the server's own what the rules say of its path. What says how long an error
    /// may be kept stays as it is: a rule for a file that is missing must not pin its absence.
    pub(crate) fn apply(
        &self,
        bundle: &Bundle,
        path: Option<&SitePath<'_>>,
        response: &mut Response<Body>,
    ) -> Result<(), Damage> {
        let security: &[(&str, &str)] = match self.has_security {
            true => &SECURITY_FIELDS,
            false => &[],
        };
        let set = match path {
            Some(path) if self.has_headers => self.ready(bundle)?.headers.fields(&[path], security),
            _ if self.has_security => HeaderRules::default().fields(&[], security),
            _ => return Ok(()),
        };
        let is_error = response.status().as_u16() >= 400;
        let kept = is_error
            .then(|| response.headers().get(CACHE_CONTROL).cloned())
            .flatten();
        Fields::new(&set).apply(response.headers_mut());
        if let Some(kept) = kept {
            response.headers_mut().insert(CACHE_CONTROL, kept);
        }
        Ok(())
    }

    /// What a worker's answer has if the worker does not say otherwise.
    pub(crate) fn finish_worker(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.has_security {
            for (name, value) in SECURITY_FIELDS {
                let name = HeaderName::from_static(name);
                headers
                    .entry(name)
                    .or_insert(HeaderValue::from_static(value));
            }
        }
        self.share(origin, headers);
    }

    /// Tells a page of another origin whether it may read an answer.
    pub(crate) fn share(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if let Some(cors) = &self.cors {
            cors.apply(origin, headers);
        }
    }
}
