//! The edge: from an HTTP request to what answers it. The only file that names warp.
//!
//! What is seen of a request from outside ([`Watch`]: whose it is, its id, the log, metrics) is done
//! around all of that, in [`Edge::answer`].
//!
//! Assets are answered right here. warp takes the requests that carry bodies to workers: its
//! filter takes a request apart and puts the answer together, which costs about a microsecond, and
//! neither an asset nor a plain GET has a use for it.

mod route;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bundle_format::Damage;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use http_semantics::asset_method;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use warp::{Filter, Reply};
use worker_host::WorkerBody;

use crate::admission::{ClientPlace, TooMany};
use crate::app::App;
use crate::asset::{self, AssetError, Chosen, PlainAnswer};
use crate::body::{Body, BodyError};
use crate::client::Client;
use crate::find::{Asked, AssetRef, Destination};
use crate::host;
use crate::https::{Https, Way};
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::request_id::X_REQUEST_ID;
use crate::rules::CorsAnswers;
use crate::watch::{Answerer, Head, Introduction, Record, Seen, Watch, target_of};
use crate::worker_call::{self, BodyRead, OfWorker, WorkerTarget};

use route::Routed;

type RequestBody = BoxBody<Bytes, std::io::Error>;
type WorkerFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Answers requests for one app. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    app: Arc<App>,
    workers: Arc<dyn Fn(Request<RequestBody>) -> WorkerFuture + Send + Sync>,
    https: Https,
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
            https: Https::default(),
        }
    }

    /// One that tells clients to use nothing but https for so long.
    pub(crate) fn with_hsts(mut self, time: Option<Duration>) -> Self {
        self.https.insist_on(time);
        self
    }

    /// One that only sends clients on to https, at this port.
    pub(crate) fn sending_on(&self, port: u16) -> Self {
        let mut edge = self.clone();
        edge.https.send_on_to(port);
        edge
    }

    /// Whether that is so.
    pub(crate) fn is_sending_on(&self) -> bool {
        self.https.is_sending_on()
    }

    /// Adds what tells a client that uses https to go on with that.
    pub(crate) fn insist_on_https(&self, client: &Client, headers: &mut HeaderMap) {
        self.https.mark(client.is_https, headers);
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
        let is_https = introduction.client.is_https;
        let admission = &self.app.admission;
        let admitted = admission.check_head(&request);
        let admitted = admitted.and_then(|()| admission.ask(&introduction.client));
        self.introduce(introduction, &mut request);
        let mut response = self.answer_unseen(request, admitted).await;
        response.headers_mut().insert(X_REQUEST_ID, id);
        self.https.mark(is_https, response.headers_mut());
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

    /// Lets a connection of this peer in, if it may have one more.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<ClientPlace, TooMany> {
        self.app.admission.connect(peer, self.watch().trusts(peer))
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
        match self.https.way(&request) {
            Way::Here => {}
            Way::On(location) => {
                return route::send_on(StatusCode::PERMANENT_REDIRECT.as_u16(), location);
            }
            Way::Nowhere => return refuse(Refusal::BadRequest),
        }
        if let Some(cors) = &self.app.rules.cors
            && CorsAnswers::is_preflight(request.method(), request.headers())
        {
            return cors.preflight(request.headers());
        }
        let origin = request.headers().get(ORIGIN).cloned();
        let mut response = match self.route_path(&request).await {
            Routed::Asset(response) | Routed::Server(response) => response,
            Routed::Worker(target) => {
                let mut response = self.worker(target, request).await;
                let headers = response.headers_mut();
                self.app.rules.finish_worker(origin.as_ref(), headers);
                return response;
            }
        };
        self.app
            .rules
            .share(origin.as_ref(), response.headers_mut());
        response
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

    /// Whether an answer with an asset may depend on more of a client than the codings that it
    /// accepts.
    pub(crate) fn looks_at_clients(&self) -> bool {
        self.app.rules.cors.is_some() || self.https.marks()
    }

    /// Answers a plain GET with an asset, where nothing else about the client matters.
    pub(crate) async fn asset_plain(
        &self,
        chosen: Chosen,
        path: &str,
    ) -> Result<PlainAnswer, Response<Body>> {
        let answer = asset::plain(&self.app, chosen).await;
        answer.map_err(|error| self.damaged(path, &error))
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

    async fn worker<B>(&self, target: WorkerTarget, mut request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Sync + 'static,
    {
        if let Some(introduction) = request.extensions_mut().remove::<Introduction>() {
            introduction.write(request.headers_mut());
        }
        host::write(&mut request);
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

    fn damaged(&self, path: &str, error: &AssetError) -> Response<Body> {
        self.app.log_damage(path, error);
        refuse(Refusal::Internal)
    }
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
