//! The answers for machines: metrics for Prometheus, and the health of the daemon and its archive.
//!
//! They hold only numbers, and nothing about the account but the number of its actions. So every client that can reach
//! the address may read them, under any name of the host.

use axum::Router;
use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, Response, StatusCode};
use axum::routing::any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The source of the answers. The server calls it while a client waits, so it must be quick.
pub trait Probe: Send + Sync + 'static {
    /// Metrics in Prometheus's text format, version 0.0.4.
    fn metrics(&self) -> String;

    /// The health: good when the daemon is alive.
    fn health(&self) -> Condition;

    /// The readiness: good when the archive is fresh.
    fn readiness(&self) -> Condition;
}

/// The result of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// True when the check passes.
    pub is_good: bool,
    /// The result in one line.
    pub words: String,
}

/// `/metrics`, `/healthz` and `/readyz`.
pub fn router(probe: Arc<dyn Probe>) -> Router {
    let route = |of: fn(&dyn Probe) -> Response<Body>| {
        let probe = Arc::clone(&probe);
        any(move |method: Method| async move { answer(&method, || of(probe.as_ref())) })
    };
    Router::new()
        .route(
            "/metrics",
            route(|probe| text(StatusCode::OK, METRICS, probe.metrics())),
        )
        .route("/healthz", route(|probe| of_condition(&probe.health())))
        .route("/readyz", route(|probe| of_condition(&probe.readiness())))
}

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The answer to a request. The router omits the body for `HEAD`.
fn answer(method: &Method, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let words = "only GET and HEAD\n".to_owned();
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, words);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    // A panic in the probe breaks only this answer, not the connection.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| {
        let words = "this is a defect of archiver\n".to_owned();
        text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, words)
    })
}

fn of_condition(condition: &Condition) -> Response<Body> {
    let status = if condition.is_good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(status, TEXT, format!("{}\n", condition.words))
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::http::Request;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    /// A probe that is good, bad or broken.
    #[derive(Clone, Copy, PartialEq)]
    enum Daemon {
        Good,
        Bad,
        Broken,
    }

    impl Daemon {
        fn condition(self, words: &str) -> Condition {
            Condition {
                is_good: self == Self::Good,
                words: words.to_owned(),
            }
        }

        /// The status, the headers and the body of an answer.
        async fn asked(self, method: &str, path: &str) -> (u16, String, String) {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::empty()).unwrap();
            let service = TowerToHyperService::new(router(Arc::new(self)));
            let (head, body) = service.call(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            let body = String::from_utf8(body).unwrap();
            (head.status.as_u16(), format!("{:?}", head.headers), body)
        }
    }

    impl Probe for Daemon {
        fn metrics(&self) -> String {
            assert!(*self != Self::Broken, "told to");
            "archiver_actions 42\n".to_owned()
        }

        fn health(&self) -> Condition {
            self.condition("alive")
        }

        fn readiness(&self) -> Condition {
            self.condition("fresh")
        }
    }

    #[tokio::test]
    async fn each_route_answers() {
        let (status, headers, body) = Daemon::Good.asked("GET", "/metrics").await;
        assert_eq!((status, body.as_str()), (200, "archiver_actions 42\n"));
        assert!(headers.contains("text/plain; version=0.0.4; charset=utf-8"));
        let (_, _, body) = Daemon::Good.asked("GET", "/healthz?verbose").await;
        assert_eq!(body, "alive\n");
        assert_eq!(Daemon::Good.asked("GET", "/readyz").await.2, "fresh\n");
        assert_eq!(Daemon::Good.asked("GET", "/favicon.ico").await.0, 404);
    }

    #[tokio::test]
    async fn what_is_not_good_is_unavailable() {
        for (path, words) in [("/healthz", "alive\n"), ("/readyz", "fresh\n")] {
            let (status, _, body) = Daemon::Bad.asked("GET", path).await;
            assert_eq!((status, body.as_str()), (503, words));
        }
    }

    #[tokio::test]
    async fn a_head_is_all_of_the_answer_but_its_body() {
        let (status, headers, body) = Daemon::Good.asked("HEAD", "/metrics").await;
        assert_eq!((status, body.as_str()), (200, ""));
        assert!(headers.contains(r#""content-length": "20""#), "{headers}");
    }

    #[tokio::test]
    async fn nothing_can_be_changed() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let (status, headers, _) = Daemon::Good.asked(method, "/metrics").await;
            assert_eq!(status, 405);
            assert!(headers.contains(r#""allow": "GET, HEAD""#), "{headers}");
        }
    }

    #[tokio::test]
    async fn no_answer_is_kept_or_taken_for_something_else() {
        for method in ["GET", "POST"] {
            let (_, headers, _) = Daemon::Good.asked(method, "/metrics").await;
            assert!(headers.contains(r#""cache-control": "no-store""#));
            assert!(headers.contains(r#""x-content-type-options": "nosniff""#));
        }
    }

    #[tokio::test]
    async fn a_defect_breaks_one_answer() {
        assert_eq!(Daemon::Broken.asked("GET", "/metrics").await.0, 500);
        assert_eq!(Daemon::Broken.asked("GET", "/healthz").await.0, 503);
    }
}
