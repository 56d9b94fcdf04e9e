//! The routes, and what each of them answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Response, StatusCode};

use super::{Condition, Probe};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const ROUTES: &str = "\
/metrics  for Prometheus
/healthz  whether the daemon is alive
/readyz   whether the archive is fresh
";

/// An answer to this question. The server leaves the body away where only its head was asked for.
pub(super) fn answer(method: &Method, path: &str, probe: &dyn Probe) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = of(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET and HEAD\n".to_owned(),
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    // What a defect in counting breaks is this answer, not the server.
    let asked = catch_unwind(AssertUnwindSafe(|| match path {
        "/metrics" => of(StatusCode::OK, METRICS, probe.metrics()),
        "/healthz" => of_condition(&probe.health()),
        "/readyz" => of_condition(&probe.readiness()),
        "/" => of(StatusCode::OK, TEXT, ROUTES.to_owned()),
        _ => of(StatusCode::NOT_FOUND, TEXT, format!("there is\n{ROUTES}")),
    }));
    asked.unwrap_or_else(|_| {
        of(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "this is a defect of archiver\n".to_owned(),
        )
    })
}

fn of_condition(condition: &Condition) -> Response<Full<Bytes>> {
    let status = if condition.is_good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    of(status, TEXT, format!("{}\n", condition.words))
}

fn of(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
