//! The site's files: the browser's client, its styles, the chart library, icons.
//!
//! With the feature `embed-site` they are part of the binary; without it they are read from `target/site`, or from
//! the folder that `PAPERTAPE_SITE` names. `cargo xtask` lays them out, and beside each file that is worth it puts
//! `.br` and `.gz`. Browsers offer Brotli over HTTPS and on localhost only, so that a dashboard on the home network
//! goes out as gzip.
//!
//! Names are fixed, so a browser asks again each time (`no-cache`) and is answered 304 from the `ETag`; a new build
//! can never leave it with the new script and the old WebAssembly.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::collections::BTreeSet;

/// Routes for every file of the site: `/pkg/…` and whatever else lies at its root, `/favicon.svg` for one.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // The build's own folder has its route even before the first build, so that a miss there is a plain 404 and not
    // the application's page.
    let mut entries = BTreeSet::from([Entry::Folder("pkg".to_owned())]);
    entries.extend(source::entries());
    entries
        .into_iter()
        .fold(Router::new(), |router, entry| match entry {
            Entry::File(name) => router.route(&format!("/{name}"), get(file)),
            Entry::Folder(name) => router.route(&format!("/{name}/{{*path}}"), get(file)),
        })
}

/// Something that lies at the root of the site.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    File(String),
    Folder(String),
}

impl Entry {
    /// The route for the first step of a path; none for compressed twins, which are never asked for by name.
    #[cfg_attr(
        not(feature = "embed-site"),
        allow(dead_code, reason = "the folder on disk is listed, not its files")
    )]
    fn of(path: &str) -> Option<Self> {
        match path.split_once('/') {
            Some((folder, _)) => Some(Self::Folder(folder.to_owned())),
            None if is_twin(path) => None,
            None => Some(Self::File(path.to_owned())),
        }
    }
}

/// One version of a file, as it goes over the wire.
struct Asset {
    bytes: Bytes,
    /// Differs whenever the bytes differ.
    version: String,
}

async fn file(uri: Uri, headers: HeaderMap) -> Response {
    respond(uri.path(), &headers, source::read)
}

fn respond(path: &str, headers: &HeaderMap, read: impl Fn(&str) -> Option<Asset>) -> Response {
    let path = path.trim_start_matches('/');
    if !is_plain(path) || is_twin(path) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let accepted = accepted_encodings(headers);
    let twin = Encoding::ALL
        .into_iter()
        .filter(|encoding| accepted.contains(encoding))
        .find_map(|encoding| Some((read(&format!("{path}.{}", encoding.suffix()))?, Some(encoding))));
    let Some((asset, encoding)) = twin.or_else(|| Some((read(path)?, None))) else {
        return StatusCode::NOT_FOUND.into_response();
    };

    let etag = match encoding {
        Some(encoding) => format!("\"{}-{}\"", asset.version, encoding.suffix()),
        None => format!("\"{}\"", asset.version),
    };
    let known = matches_etag(headers, &etag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(asset.bytes).into_response()
    };
    let out = response.headers_mut();
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    if !known {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
        if let Some(encoding) = encoding {
            out.insert(
                header::CONTENT_ENCODING,
                HeaderValue::from_static(encoding.name()),
            );
        }
    }
    response
}

/// How a twin is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// Best first.
    const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }
}

/// Whether the path is made of ordinary names only: no `..`, no empty step, nothing hidden, nothing escaped.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|step| {
        !step.is_empty()
            && !step.starts_with('.')
            && step
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

fn is_twin(path: &str) -> bool {
    Encoding::ALL.iter().any(|encoding| {
        path.rsplit_once('.')
            .is_some_and(|(_, suffix)| suffix == encoding.suffix())
    })
}

/// The encodings the client takes: those it names with a weight above zero.
fn accepted_encodings(headers: &HeaderMap) -> Vec<Encoding> {
    let offers: Vec<(String, bool)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|offer| {
            let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
            (name.trim().to_ascii_lowercase(), !refused)
        })
        .collect();
    let wants = |name: &str| {
        offers
            .iter()
            .find(|(offer, _)| offer == name)
            .map(|(_, wanted)| *wanted)
    };
    Encoding::ALL
        .into_iter()
        .filter(|encoding| wants(encoding.name()).or_else(|| wants("*")).unwrap_or(false))
        .collect()
}

/// Whether a client says that it has this version.
pub(crate) fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, suffix)| suffix) {
        "wasm" => "application/wasm",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// The files inside the binary.
#[cfg(feature = "embed-site")]
mod source {
    use super::{Asset, Bytes, Entry};
    use rust_embed::RustEmbed;
    use std::{borrow::Cow, fmt::Write};

    #[derive(RustEmbed)]
    #[folder = "../target/site"]
    struct Site;

    pub(super) fn entries() -> impl Iterator<Item = Entry> {
        Site::iter().filter_map(|path| Entry::of(&path))
    }

    pub(super) fn read(path: &str) -> Option<Asset> {
        let file = Site::get(path)?;
        let mut version = String::with_capacity(32);
        for byte in &file.metadata.sha256_hash()[..16] {
            let _ = write!(version, "{byte:02x}");
        }
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(Asset { bytes, version })
    }
}

/// The files on disk.
#[cfg(not(feature = "embed-site"))]
mod source {
    use super::{Asset, Bytes, Entry, is_twin};
    use std::{
        fs,
        path::{Path, PathBuf},
        time::UNIX_EPOCH,
    };

    fn root() -> PathBuf {
        std::env::var_os("PAPERTAPE_SITE").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site"),
            PathBuf::from,
        )
    }

    pub(super) fn entries() -> impl Iterator<Item = Entry> {
        fs::read_dir(root())
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                if entry.path().is_dir() {
                    Some(Entry::Folder(name))
                } else {
                    (!is_twin(&name)).then_some(Entry::File(name))
                }
            })
    }

    pub(super) fn read(path: &str) -> Option<Asset> {
        read_under(&root(), path)
    }

    pub(super) fn read_under(root: &Path, path: &str) -> Option<Asset> {
        let path = root.join(path);
        let modified = fs::metadata(&path).ok()?.modified().ok()?;
        let bytes = Bytes::from(fs::read(path).ok()?);
        let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let version = format!("{:x}-{:x}", age.as_nanos(), bytes.len());
        Some(Asset { bytes, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<Asset> {
        let (bytes, version): (&'static [u8], _) = match path {
            "pkg/papertape_bg.wasm" => (b"wasm", "1"),
            "pkg/papertape_bg.wasm.br" => (b"br", "2"),
            "pkg/papertape_bg.wasm.gz" => (b"gz", "3"),
            "favicon.svg" => (b"<svg/>", "4"),
            _ => return None,
        };
        Some(Asset {
            bytes: Bytes::from_static(bytes),
            version: version.to_owned(),
        })
    }

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        respond(path, &headers, read)
    }

    fn text<'a>(response: &'a Response, name: &header::HeaderName) -> Option<&'a str> {
        response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn the_best_encoding_that_the_client_takes_is_sent() {
        let encoding_for = |accepted: &'static str| {
            let response = get("/pkg/papertape_bg.wasm", &[(header::ACCEPT_ENCODING, accepted)]);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(text(&response, &header::CONTENT_TYPE), Some("application/wasm"));
            assert_eq!(text(&response, &header::VARY), Some("accept-encoding"));
            text(&response, &header::CONTENT_ENCODING).map(str::to_owned)
        };
        assert_eq!(encoding_for("gzip, deflate, br, zstd").as_deref(), Some("br"));
        assert_eq!(encoding_for("gzip, deflate").as_deref(), Some("gzip"));
        assert_eq!(encoding_for("br;q=0, GZIP;q=0.5").as_deref(), Some("gzip"));
        assert_eq!(encoding_for("*").as_deref(), Some("br"));
        assert_eq!(encoding_for("br;q=0, *;q=0"), None);
        assert_eq!(encoding_for("identity"), None);
    }

    #[test]
    fn a_file_without_twins_is_sent_as_it_is() {
        let response = get("/favicon.svg", &[(header::ACCEPT_ENCODING, "br, gzip")]);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(&response, &header::CONTENT_ENCODING), None);
        assert_eq!(text(&response, &header::CONTENT_TYPE), Some("image/svg+xml"));
    }

    #[test]
    fn a_client_that_has_this_version_is_told_so() {
        let first = get("/favicon.svg", &[]);
        assert_eq!(text(&first, &header::ETAG), Some("\"4\""));
        assert_eq!(text(&first, &header::CACHE_CONTROL), Some("no-cache"));
        for known in ["\"4\"", "W/\"4\"", "\"1\", \"4\"", "*"] {
            let again = get("/favicon.svg", &[(header::IF_NONE_MATCH, known)]);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(text(&again, &header::ETAG), Some("\"4\""));
        }
        let newer = get("/favicon.svg", &[(header::IF_NONE_MATCH, "\"3\"")]);
        assert_eq!(newer.status(), StatusCode::OK);
    }

    #[test]
    fn each_encoding_is_a_version_of_its_own() {
        let of = |accepted| {
            let response = get("/pkg/papertape_bg.wasm", &[(header::ACCEPT_ENCODING, accepted)]);
            text(&response, &header::ETAG).map(str::to_owned)
        };
        assert_ne!(of("br"), of("gzip"));
        assert_ne!(of("br"), of("identity"));
    }

    #[test]
    fn nothing_but_the_site_can_be_read() {
        for path in [
            "/",
            "/pkg",
            "/pkg/",
            "/pkg/missing.js",
            "/pkg/../favicon.svg",
            "/pkg/..%2f..%2fCargo.toml",
            "//favicon.svg/",
            "/pkg/.hidden",
            "/pkg\\papertape_bg.wasm",
            "/pkg/papertape_bg.wasm.br",
        ] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[cfg(not(feature = "embed-site"))]
    #[test]
    fn a_file_on_disk_changes_its_version_when_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.txt");
        let version = || source::read_under(folder.path(), "a.txt").map(|asset| asset.version);
        assert_eq!(version(), None);
        std::fs::write(&file, "one").expect("written");
        let first = version();
        std::fs::write(&file, "three").expect("written");
        assert_ne!(version(), first);
    }
}
