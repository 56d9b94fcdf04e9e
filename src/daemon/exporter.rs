//! The answers for machines: metrics for Prometheus, and the health of the daemon and its archive.
//!
//! They hold only numbers, and nothing about the account but the number of its actions. So every client that can reach
//! the address may read them, under any name of the host.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// The source of the answers. The server calls it while a client waits, so it must be quick.
pub trait Probe: Send + Sync + 'static {
    /// Metrics in Prometheus's text format, version 0.0.4.
    fn metrics(&self) -> String;

    /// The health, in one line: an error when the daemon is not alive.
    fn health(&self) -> Condition;

    /// The readiness, in one line: an error when the archive is not fresh.
    fn readiness(&self) -> Condition;
}

/// The result of a check in words. An error means that it does not pass.
pub type Condition = Result<String, String>;

/// `/metrics`, `/healthz` and `/readyz`.
pub fn router(probe: Arc<dyn Probe>) -> Router {
    let (health, readiness) = (Arc::clone(&probe), Arc::clone(&probe));
    let metrics = move || async move { ([(CONTENT_TYPE, METRICS)], probe.metrics()) };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async move || answer(health.health())))
        .route("/readyz", get(async move || answer(readiness.readiness())))
        .layer(map_response(for_now))
}

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn answer(condition: Condition) -> (StatusCode, String) {
    let (status, words) = match condition {
        Ok(words) => (StatusCode::OK, words),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, words),
    };
    (status, format!("{words}\n"))
}

/// No answer is kept, or taken for something else.
async fn for_now(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    /// A probe that is good or bad.
    #[derive(Clone, Copy)]
    enum Daemon {
        Good,
        Bad,
    }

    impl Daemon {
        fn condition(self, words: &str) -> Condition {
            match self {
                Self::Good => Ok(words.to_owned()),
                Self::Bad => Err(words.to_owned()),
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
            assert!(headers.contains(r#""allow": "GET,HEAD""#), "{headers}");
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
}
