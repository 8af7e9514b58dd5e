//! Which path of the second listener answers what.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::{Admin, health, metrics_text, panel};

/// No script, style or request that is not from here; nobody may put the page into another.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers one request; its body is not read.
pub(super) async fn answer<B>(admin: &Admin, request: &Request<B>) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
        let methods = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, methods);
        return response;
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => ready(admin).await,
        "/metrics" => {
            let metrics = metrics_text::render(&admin.app);
            page(StatusCode::OK, metrics::CONTENT_TYPE, metrics)
        }
        "/" | "/panel" if admin.has_panel => to_panel(),
        path => match path.strip_prefix("/panel/").filter(|_| admin.has_panel) {
            Some(name) if is_asked_here(request.headers()) => of_panel(admin, name).await,
            Some(_) => text(
                StatusCode::MISDIRECTED_REQUEST,
                "Ask for the panel by an address, or as localhost.\n",
            ),
            None => text(StatusCode::NOT_FOUND, "Nothing here.\n"),
        },
    }
}

async fn ready(admin: &Admin) -> Response<Full<Bytes>> {
    let obstacles = health::obstacles(&admin.app).await;
    match obstacles.is_empty() {
        true => text(StatusCode::OK, "ready\n"),
        false => {
            let reasons = format!("not ready: {}\n", obstacles.join("; "));
            page(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons)
        }
    }
}

fn to_panel() -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::TEMPORARY_REDIRECT, "The panel is at /panel/.\n");
    let panel = HeaderValue::from_static("/panel/");
    response.headers_mut().insert(LOCATION, panel);
    response
}

async fn of_panel(admin: &Admin, name: &str) -> Response<Full<Bytes>> {
    if name == "data.json" {
        let data = panel::data(&admin.app).await;
        return page(StatusCode::OK, "application/json", data);
    }
    match panel::file(name) {
        Some((media_type, bytes)) => page(StatusCode::OK, media_type, bytes),
        None => text(StatusCode::NOT_FOUND, "Nothing here.\n"),
    }
}

/// Whether a browser was told to ask here, and not tricked: a page of somebody else, whose name is
/// suddenly one for our address, has that name as its host.
fn is_asked_here(fields: &HeaderMap) -> bool {
    let host = fields.get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        // A client on a Unix socket may have no host to say.
        return host.is_none_or(str::is_empty);
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    page(status, TEXT, text)
}

fn page(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let fields = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_is_for_who_asks_by_address() {
        #[track_caller]
        fn check(host: Option<&str>, want: bool) {
            let mut fields = HeaderMap::new();
            if let Some(host) = host {
                fields.insert(HOST, HeaderValue::from_str(host).unwrap());
            }
            assert_eq!(is_asked_here(&fields), want, "{host:?}");
        }
        check(None, true);
        check(Some(""), true);
        check(Some("127.0.0.1:9090"), true);
        check(Some("10.0.0.1"), true);
        check(Some("[::1]:9090"), true);
        check(Some("LOCALHOST:9090"), true);
        check(Some("evil.example"), false);
        check(Some("localhost.evil.example:9090"), false);
        check(Some("127.0.0.1.evil.example"), false);
        check(Some("a b"), false);
    }
}
