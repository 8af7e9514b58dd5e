//! From a request to what answers it: a worker, a file, or the server itself.

use bundle_format::Damage;
use http::header::{HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_semantics::{NAVIGATION_FIELDS, SitePath, encode_path, is_navigation};

use super::{Edge, origin, refuse, scheme_of};
use crate::asset;
use crate::body::Body;
use crate::find::{Asked, AssetRef, Destination, find_not_found_page, find_page, may_be_view};
use crate::refusal::Refusal;
use crate::rules::add_vary;
use crate::worker_call::WorkerTarget;

/// What answers a request.
pub(super) enum Routed {
    /// A file: what rules say of it has been done.
    Asset(Response<Body>),
    /// The server itself.
    Server(Response<Body>),
    /// A worker, which is to be called.
    Worker(WorkerTarget),
}

impl Edge {
    /// Answers a request that leads to no worker.
    pub(super) async fn route_path<B>(&self, request: &Request<B>) -> Routed {
        let path = SitePath::parse(request.uri().path());
        let routed = match &path {
            _ if request.method() == Method::OPTIONS && request.uri().path() == "*" => {
                Routed::Server(asset::options())
            }
            Err(_) => Routed::Server(refuse(Refusal::BadRequest)),
            Ok(path) => self
                .route_valid(path, request)
                .await
                .unwrap_or_else(|damage| {
                    self.app.log_damage(path.as_str(), &damage);
                    Routed::Server(refuse(Refusal::Internal))
                }),
        };
        match routed {
            Routed::Server(response) => {
                Routed::Server(self.with_rules(path.as_ref().ok(), response))
            }
            routed => routed,
        }
    }

    async fn route_valid<B>(
        &self,
        path: &SitePath<'_>,
        request: &Request<B>,
    ) -> Result<Routed, Damage> {
        let (uri, method, headers) = (request.uri(), request.method(), request.headers());
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let destination = self.app.find(Asked {
            path,
            query: uri.query(),
            host: uri.authority().map(Authority::as_str).or(host),
        })?;
        Ok(match destination {
            Destination::Asset(asset) => {
                Routed::Asset(self.asset(asset, path.as_str(), method, headers).await)
            }
            Destination::Redirect(to) => Routed::Server(self.redirect(&to, uri.query())),
            Destination::Sent { status, location } => Routed::Server(send_on(status, location)),
            Destination::Page { status, asset } => {
                let refusal = Refusal::of_rule(status);
                self.page(asset, path.as_str(), headers, refusal).await
            }
            Destination::Worker {
                worker,
                params,
                url,
            } => {
                let own = || uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
                Routed::Worker(WorkerTarget {
                    worker,
                    origin: origin(scheme_of(request), uri.authority(), headers),
                    url: url.unwrap_or_else(own),
                    params,
                })
            }
            Destination::Nothing => self.nothing(path.as_str(), method, headers).await?,
        })
    }

    /// Does to an answer of the server's own what rules say of its path.
    fn with_rules(
        &self,
        path: Option<&SitePath<'_>>,
        mut response: Response<Body>,
    ) -> Response<Body> {
        let path = path.and_then(|path| path.without_prefix(self.app.prefix()));
        let rules = &self.app.rules;
        match rules.apply(&self.app.bundle, path.as_ref(), &mut response) {
            Ok(()) => response,
            Err(damage) => {
                self.app.log_damage("_headers", &damage);
                refuse(Refusal::Internal)
            }
        }
    }

    /// The client is sent from a file to its page; 307 keeps the method, and nothing is remembered for
    /// ever.
    fn redirect(&self, to: &str, query: Option<&str>) -> Response<Body> {
        let mut location = self.app.prefix().to_owned();
        location.push_str(to);
        let mut location = encode_path(&location).into_owned();
        if let Some(query) = query {
            location.push('?');
            location.push_str(query);
        }
        send_on(StatusCode::TEMPORARY_REDIRECT.as_u16(), location)
    }

    /// A path that leads nowhere: in an app of the browser's, whose views have paths of their own, a
    /// navigation gets the page of the app.
    async fn nothing(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Routed, Damage> {
        let (bundle, site) = (&self.app.bundle, &self.app.bundle.meta().site);
        let below = path.strip_prefix(self.app.prefix());
        let below = below.filter(|rest| rest.starts_with('/'));
        let view = below.filter(|path| may_be_view(path));
        let fallback = view.and(site.fallback.as_deref());
        let asks_page = matches!(*method, Method::GET | Method::HEAD) && is_navigation(headers);
        let mut routed = match fallback.filter(|_| asks_page) {
            Some(page) => match find_page(bundle, page)? {
                Some(asset) => Routed::Asset(self.asset(asset, page, method, headers).await),
                None => Routed::Server(refuse(Refusal::NotFound)),
            },
            None => {
                let page = match &site.not_found {
                    Some(page) => find_page(bundle, page)?,
                    None => find_not_found_page(bundle, below.unwrap_or("/"))?,
                };
                self.page(page, path, headers, Refusal::NotFound).await
            }
        };
        if let (true, Routed::Asset(response) | Routed::Server(response)) =
            (fallback.is_some(), &mut routed)
        {
            let depends = HeaderValue::from_static(NAVIGATION_FIELDS);
            add_vary(response.headers_mut(), &depends);
        }
        Ok(routed)
    }

    /// A page of the site with the status of a refusal, or the built-in one.
    async fn page(
        &self,
        asset: Option<AssetRef>,
        path: &str,
        headers: &HeaderMap,
        refusal: Refusal,
    ) -> Routed {
        let Some(asset) = asset else {
            return Routed::Server(refuse(refusal));
        };
        let answer = asset::respond_refused(&self.app, asset, headers, refusal).await;
        Routed::Asset(answer.unwrap_or_else(|error| self.damaged(path, &error)))
    }
}

/// Sends a client on. The location is an encoded path or URL, and a query that was part of a request.
pub(super) fn send_on(status: u16, location: String) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(location) else {
        return refuse(Refusal::BadRequest);
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
    response.headers_mut().insert(LOCATION, location);
    response
}
