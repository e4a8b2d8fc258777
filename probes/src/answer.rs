//! From a path to an answer.

use crate::Status;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where metrics are.
pub(crate) const METRICS: &str = "/metrics";

/// `metrics`: what is there when the path is [`METRICS`].
pub(crate) fn answer(
    method: &Method,
    path: &str,
    status: &dyn Status,
    metrics: String,
) -> Response<Full<Bytes>> {
    let asks = method == Method::GET || method == Method::HEAD;
    match path {
        "/healthz" if asks => respond(StatusCode::OK, TEXT, "ok"),
        "/readyz" if asks => match status.ready() {
            Ok(()) => respond(StatusCode::OK, TEXT, "ok"),
            Err(reason) => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason),
        },
        METRICS if asks => {
            let kind = if metrics.ends_with("# EOF\n") { OPEN_METRICS } else { PROMETHEUS };
            respond(StatusCode::OK, kind, metrics)
        }
        _ => respond(StatusCode::NOT_FOUND, TEXT, "there are /healthz, /readyz and /metrics"),
    }
}

fn respond(code: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // The truth of a moment ago is not worth keeping.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
