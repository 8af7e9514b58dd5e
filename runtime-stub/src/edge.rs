//! The edge: from an HTTP request to what answers it. The only file that names warp.
//!
//! What is seen of a request from outside ([`Watch`]: whose it is, its id, the log, metrics) is done
//! around all of that, in [`Edge::answer`].
//!
//! Assets are answered right here. warp takes the requests that carry bodies to workers: its
//! filter takes a request apart and puts the answer together, which costs about a microsecond, and
//! neither an asset nor a plain GET has a use for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bundle_format::Damage;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, LOCATION, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use http_semantics::{NAVIGATION_FIELDS, SitePath, asset_method, encode_path, is_navigation};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use warp::{Filter, Reply};
use worker_host::WorkerBody;

use crate::app::App;
use crate::asset::{self, AssetError};
use crate::body::{Body, BodyError};
use crate::client::Client;
use crate::find::{Asked, AssetRef, Destination, find_not_found_page, find_page, may_be_view};
use crate::host;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::request_id::X_REQUEST_ID;
use crate::rules::{CorsAnswers, add_vary};
use crate::watch::{Answerer, Head, Introduction, Record, Seen, Watch, target_of};
use crate::worker_call::{self, BodyRead, OfWorker, WorkerTarget};

type RequestBody = BoxBody<Bytes, std::io::Error>;
type WorkerFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// An answer, and whose it is: what rules do to its fields depends on that.
struct Answered {
    response: Response<Body>,
    by: By,
}

enum By {
    /// What rules say of it has been done.
    Asset,
    Worker,
    /// The server itself.
    Server,
}

/// Answers requests for one app. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    app: Arc<App>,
    workers: Arc<dyn Fn(Request<RequestBody>) -> WorkerFuture + Send + Sync>,
}

impl Edge {
    /// An edge for `app`.
    pub fn new(app: Arc<App>) -> Self {
        let workers = TowerToHyperService::new(warp::service(worker_filter(Arc::clone(&app))));
        let workers = move |request| -> WorkerFuture {
            let answer = workers.call(request);
            Box::pin(async move {
                match answer.await {
                    Ok(response) => response.map(boxed),
                    Err(never) => match never {},
                }
            })
        };
        Self {
            app,
            workers: Arc::new(workers),
        }
    }

    /// Answers one request of somebody of whom nothing is known.
    pub async fn ask<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        self.answer(request, &Peer::default()).await
    }

    /// Answers one request, and sees to what is told of it. Total: whatever goes wrong is an answer
    /// too.
    pub(crate) async fn answer<B>(&self, mut request: Request<B>, peer: &Peer) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        host::settle(&mut request);
        let head = Head {
            method: request.method(),
            uri: target_of(request.uri()),
            version: request.version(),
            fields: request.headers(),
        };
        let Seen {
            introduction,
            record,
        } = self.watch().begin(&head, peer);
        let id = introduction.id.header_value();
        let admission = &self.app.admission;
        let admitted = admission.check_head(&request);
        let admitted = admitted.and_then(|()| admission.ask(&introduction.client));
        self.introduce(introduction, &mut request);
        let mut response = self.answer_unseen(request, admitted).await;
        response.headers_mut().insert(X_REQUEST_ID, id);
        recorded(record, response)
    }

    /// Has the request say whose it is, as far as that is to be believed. Only workers want to know
    /// more than the host.
    fn introduce<B>(&self, introduction: Introduction, request: &mut Request<B>) {
        let mut uri = std::mem::take(request.uri_mut());
        introduction
            .client
            .set_host(&mut uri, request.headers_mut());
        *request.uri_mut() = uri;
        if !self.app.bundle.meta().workers.is_empty() {
            request.extensions_mut().insert(introduction);
        }
    }

    pub(crate) fn watch(&self) -> &'static Watch {
        self.app.watch
    }

    async fn answer_unseen<B>(
        &self,
        request: Request<B>,
        admitted: Result<(), Refusal>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        let is_head = request.method() == Method::HEAD;
        let has_body = request.version() <= Version::HTTP_11 && !request.body().is_end_stream();
        let mut response = match admitted {
            Ok(()) => self.route(request).await,
            Err(refusal) => refuse(refusal),
        };
        if has_body && response.extensions_mut().remove::<BodyRead>().is_none() {
            // What is left of the body would be taken for the next request.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        if is_head {
            asset::drop_body(&mut response);
        }
        response
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// What answers a request.
    pub(crate) fn find(&self, asked: Asked<'_>) -> Result<Destination, Damage> {
        self.app.find(asked)
    }

    async fn route<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        if let Err(refusal) = host::check(&request) {
            return refuse(refusal);
        }
        if let Some(cors) = &self.app.rules.cors
            && CorsAnswers::is_preflight(request.method(), request.headers())
        {
            return cors.preflight(request.headers());
        }
        let origin = request.headers().get(ORIGIN).cloned();
        let uri = request.uri().clone();
        let path = SitePath::parse(uri.path());
        let Answered { mut response, by } = match &path {
            _ if request.method() == Method::OPTIONS && uri.path() == "*" => {
                by_server(asset::options())
            }
            Ok(path) => self.route_path(path, request).await,
            Err(_) => by_server(refuse(Refusal::BadRequest)),
        };
        match by {
            By::Asset => self
                .app
                .rules
                .share(origin.as_ref(), response.headers_mut()),
            By::Worker => {
                let headers = response.headers_mut();
                self.app.rules.finish_worker(origin.as_ref(), headers);
            }
            By::Server => {
                response = self.with_rules(path.as_ref().ok(), response);
                self.app
                    .rules
                    .share(origin.as_ref(), response.headers_mut());
            }
        }
        response
    }

    async fn route_path<B>(&self, path: &SitePath<'_>, request: Request<B>) -> Answered
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        let (uri, headers) = (request.uri(), request.headers());
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let asked = Asked {
            path,
            query: uri.query(),
            host: uri.authority().map(Authority::as_str).or(host),
        };
        match self.app.find(asked) {
            Ok(Destination::Asset(asset)) => {
                let method = request.method();
                by_asset(self.asset(asset, path.as_str(), method, headers).await)
            }
            Ok(Destination::Redirect(to)) => by_server(self.redirect(&to, uri.query())),
            Ok(Destination::Sent { status, location }) => by_server(send_on(status, location)),
            Ok(Destination::Page { status, asset }) => {
                let refusal = Refusal::of_rule(status);
                self.page(asset, path.as_str(), headers, refusal).await
            }
            Ok(Destination::Worker {
                worker,
                params,
                url,
            }) => {
                let own = || uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
                let target = WorkerTarget {
                    worker,
                    origin: origin(scheme_of(&request), uri.authority(), headers),
                    url: url.unwrap_or_else(own),
                    params,
                };
                Answered {
                    response: self.worker(target, request).await,
                    by: By::Worker,
                }
            }
            Ok(Destination::Nothing) => {
                let answer = self.nothing(path.as_str(), request.method(), headers);
                answer
                    .await
                    .unwrap_or_else(|damage| self.damage(path, &damage))
            }
            Err(damage) => self.damage(path, &damage),
        }
    }

    fn damage(&self, path: &SitePath<'_>, damage: &Damage) -> Answered {
        self.app.log_damage(path.as_str(), damage);
        by_server(refuse(Refusal::Internal))
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

    /// Answers a GET without a body that leads to a worker.
    pub(crate) fn worker_get(
        &self,
        target: WorkerTarget,
        headers: HeaderMap,
    ) -> impl Future<Output = Response<WorkerBody>> + use<> {
        let app = Arc::clone(&self.app);
        let origin = app.rules.cors.as_ref().and(headers.get(ORIGIN).cloned());
        let answer =
            worker_call::answer(Arc::clone(&self.app), target, Method::GET, headers, NoBody);
        async move {
            let mut response = answer.await;
            app.rules
                .finish_worker(origin.as_ref(), response.headers_mut());
            response
        }
    }

    /// Refuses a GET of a client that sends too many; `None` if it does not.
    pub(crate) fn refuse_get(&self, client: &Client) -> Option<Response<Body>> {
        self.app.admission.ask(client).err().map(refuse)
    }

    /// Answers a GET for an asset.
    pub(crate) async fn asset_get(
        &self,
        asset: AssetRef,
        path: &str,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let mut response = self.asset(asset, path, &Method::GET, headers).await;
        self.app
            .rules
            .share(headers.get(ORIGIN), response.headers_mut());
        response
    }

    /// Answers any method for an asset.
    async fn asset(
        &self,
        asset: AssetRef,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Response<Body> {
        match asset_method(method) {
            Ok(method) => {
                let answer = asset::respond(&self.app, asset, method, headers).await;
                answer.unwrap_or_else(|error| self.damaged(path, &error))
            }
            Err(refusal) => refuse(Refusal::Method(refusal)),
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

    async fn worker<B>(&self, target: WorkerTarget, mut request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        if let Some(introduction) = request.extensions_mut().remove::<Introduction>() {
            introduction.write(request.headers_mut());
        }
        if self.app.workers.reads_streams(target.worker) {
            return self.component(target, request).await;
        }
        let mut request = request.map(|body| body.map_err(std::io::Error::other).boxed());
        request.extensions_mut().insert(target);
        (self.workers)(request).await
    }

    /// Both bodies pass as they come, with trailers, which warp's streams do not have.
    async fn component<B>(&self, target: WorkerTarget, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        let app = Arc::clone(&self.app);
        let (head, body) = request.into_parts();
        let answer =
            worker_call::answer_streaming(app, target, head.method, head.headers, body).await;
        let (mut head, body) = answer.into_parts();
        if let (WorkerBody::Component(_), Some(length)) = (&body, body.length()) {
            head.headers.insert(CONTENT_LENGTH, length.into());
        }
        let body = match body {
            WorkerBody::Whole(bytes) => bytes.into(),
            streamed => boxed(streamed),
        };
        Response::from_parts(head, body)
    }

    /// A path that leads nowhere: in an app of the browser's, whose views have paths of their own, a
    /// navigation gets the page of the app.
    async fn nothing(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Answered, Damage> {
        let (bundle, site) = (&self.app.bundle, &self.app.bundle.meta().site);
        let below = path.strip_prefix(self.app.prefix());
        let below = below.filter(|rest| rest.starts_with('/'));
        let view = below.filter(|path| may_be_view(path));
        let fallback = view.and(site.fallback.as_deref());
        let asks_page = matches!(*method, Method::GET | Method::HEAD) && is_navigation(headers);
        let mut answered = match fallback.filter(|_| asks_page) {
            Some(page) => match find_page(bundle, page)? {
                Some(asset) => by_asset(self.asset(asset, page, method, headers).await),
                None => by_server(refuse(Refusal::NotFound)),
            },
            None => {
                let page = match &site.not_found {
                    Some(page) => find_page(bundle, page)?,
                    None => find_not_found_page(bundle, below.unwrap_or("/"))?,
                };
                self.page(page, path, headers, Refusal::NotFound).await
            }
        };
        if fallback.is_some() {
            let depends = HeaderValue::from_static(NAVIGATION_FIELDS);
            add_vary(answered.response.headers_mut(), &depends);
        }
        Ok(answered)
    }

    /// A page of the site with the status of a refusal, or the built-in one.
    async fn page(
        &self,
        asset: Option<AssetRef>,
        path: &str,
        headers: &HeaderMap,
        refusal: Refusal,
    ) -> Answered {
        let Some(asset) = asset else {
            return by_server(refuse(refusal));
        };
        let answer = asset::respond_refused(&self.app, asset, headers, refusal).await;
        by_asset(answer.unwrap_or_else(|error| self.damaged(path, &error)))
    }

    fn damaged(&self, path: &str, error: &AssetError) -> Response<Body> {
        self.app.log_damage(path, error);
        refuse(Refusal::Internal)
    }
}

/// Sends a client on. The location is an encoded path or URL, and a query that was part of a request.
fn send_on(status: u16, location: String) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(location) else {
        return refuse(Refusal::BadRequest);
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
    response.headers_mut().insert(LOCATION, location);
    response
}

fn by_asset(response: Response<Body>) -> Answered {
    let by = By::Asset;
    Answered { response, by }
}

fn by_server(response: Response<Body>) -> Answered {
    let by = By::Server;
    Answered { response, by }
}

fn refuse(refusal: Refusal) -> Response<Body> {
    refusal.response().map(Body::from)
}

fn boxed<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    Body::boxed(
        body.map_err(|error| -> BodyError { Box::new(error) })
            .boxed_unsync(),
    )
}

/// The scheme that the client used.
fn scheme_of<B>(request: &Request<B>) -> &'static str {
    let introduction = request.extensions().get::<Introduction>();
    introduction.map_or("http", |introduction| introduction.client.scheme())
}

/// Has the body of an answer close the record of its request.
fn recorded(record: Option<Box<Record>>, mut response: Response<Body>) -> Response<Body> {
    let Some(mut record) = record else {
        return response;
    };
    let of_worker = response.extensions_mut().remove::<OfWorker>();
    let answerer = match (of_worker, response.status().as_u16()) {
        (Some(OfWorker(worker)), _) => Answerer::Worker(worker),
        (None, 301 | 302 | 303 | 307 | 308) => Answerer::Redirect,
        (None, 400 | 404 | 410 | 451 | 500..) => Answerer::Nothing,
        (None, _) => Answerer::Assets,
    };
    record.answered(response.status(), answerer);
    response.map(|body| body.recorded(record))
}

/// Scheme and authority that a request addresses (RFC 9110, 7.1); what is no authority becomes
/// `localhost`.
pub(crate) fn origin(scheme: &str, from_uri: Option<&Authority>, headers: &HeaderMap) -> String {
    let from_uri = from_uri.map(Authority::as_str);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_authority = |host: &&str| host.parse::<Authority>().is_ok() && !host.contains('@');
    let authority = from_uri
        .or(host)
        .filter(is_authority)
        .unwrap_or("localhost");
    format!("{scheme}://{authority}")
}

/// An answer of a worker as warp's.
fn reply(response: Response<WorkerBody>) -> warp::reply::Response {
    let (head, body) = response.into_parts();
    match body {
        WorkerBody::Whole(bytes) => Response::from_parts(head, bytes).into_response(),
        streamed => {
            let pieces = streamed.into_data_stream();
            let mut response = warp::reply::stream(pieces).into_response();
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
            *response.extensions_mut() = head.extensions;
            response
        }
    }
}

/// The body of a request that has none.
struct NoBody;

impl Stream for NoBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

/// Takes a request for a worker apart and calls it.
fn worker_filter(
    app: Arc<App>,
) -> impl Filter<Extract = (warp::reply::Response,), Error = warp::Rejection> + Clone {
    warp::ext::get::<WorkerTarget>()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |target, method, headers, body| {
            let answer = worker_call::answer(Arc::clone(&app), target, method, headers, body);
            async move { reply(answer.await) }
        })
}
