//! What keeps other sites' pages from reaching into this server through its user's browser.
//!
//! There are no accounts yet, so whoever reaches the server may use it: it listens on its own machine unless told
//! otherwise, believes no other name for it than the machine's own (else a foreign name that resolves to 127.0.0.1
//! would do), and does nothing that another site's page asks for.

use super::problem::{Failure, details};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::{context::use_context, nonce::use_nonce};
use leptos_axum::ResponseOptions;

/// What requests are held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// Whether the server is to be reached from its own machine only.
    pub(super) loopback: bool,
}

pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    if guard.loopback && !host.is_some_and(is_own_machine) {
        return refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign_host",
            "This server answers to localhost and 127.0.0.1 only.",
        );
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let upgrades = headers.contains_key(header::UPGRADE);
    if (changes || upgrades) && is_foreign(headers, host.unwrap_or_default()) {
        return refuse(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "A page of another site may not do this.",
        );
    }
    next.run(request).await
}

fn refuse(status: StatusCode, code: &str, detail: &str) -> Response {
    Failure::from(details(status, code, "Refused", detail, Vec::new())).into_response()
}

/// Whether a host is this machine by its own names.
fn is_own_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a browser says that another site's page sent the request. Programs send neither header.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        return authority.is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host));
    }
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| !["same-origin", "none"].iter().any(|own| site == own))
}

/// Headers that every answer carries; a page's own policy, which knows its scripts, stays.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY)
        && let Ok(policy) = HeaderValue::from_str(&policy(""))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// For the page being rendered: its inline scripts carry a number used once, and no others run.
pub(super) fn allow_own_scripts() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    if let Ok(policy) = HeaderValue::from_str(&policy(&format!(" 'nonce-{nonce}'"))) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Everything comes from this server. WebAssembly may be compiled; styles may be inline, which the charts need.
fn policy(scripts: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_of_the_machine() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "[::1]:3000",
            "app.localhost",
        ] {
            assert!(is_own_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]",
        ] {
            assert!(!is_own_machine(host), "{host}");
        }
    }

    #[test]
    fn a_foreign_page_is_known_by_its_origin_and_a_program_by_having_none() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            is_foreign(&headers, "127.0.0.1:3000")
        };
        assert!(!is_foreign(&HeaderMap::new(), "127.0.0.1:3000"));
        assert!(!with("origin", "http://127.0.0.1:3000"));
        assert!(with("origin", "http://127.0.0.1:4000"));
        assert!(with("origin", "https://evil.example"));
        assert!(with("origin", "null"));
        assert!(with("sec-fetch-site", "cross-site"));
        assert!(!with("sec-fetch-site", "same-origin"));
    }
}
