//! The site's files (wasm, its glue, the style sheet, icons) as `scripts/site.sh` laid them out, served from memory.
//!
//! A release carries them inside the binary; a debug build reads the folder `site` of the source tree.

use std::sync::LazyLock;

use app::access::{Caller, Limit, Routes, Stranger};
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../site"]
#[allow_missing = true]
struct Files;

/// What this build's bundle is called; the names carry a hash of what is in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What script and module are called: `/pkg/{bundle}.js` and `/pkg/{bundle}_bg.wasm`.
    pub bundle: String,
    /// The style sheet's file name under `/pkg/`.
    pub sheet: String,
}

/// The names of this build. Without the list (`cargo leptos watch`, or a test of the bare server) the plain ones.
pub fn names() -> &'static Names {
    static NAMES: LazyLock<Names> = LazyLock::new(|| {
        let list = Files::get("names").map(|file| file.data.into_owned()).unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        let mut lines = list.lines();
        Names {
            bundle: lines.next().unwrap_or("saoma").to_owned(),
            sheet: lines.next().unwrap_or("saoma.css").to_owned(),
        }
    });
    &NAMES
}

/// `/pkg/…` and each file of `public/` at the top.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S> {
    const FILE: Caller = Caller::Stranger(Stranger::Program);
    let bundle = |Path(name): Path<String>, headers: HeaderMap| async move {
        serve(&format!("pkg/{name}"), Keep::ForEver, &headers)
    };
    let first = Routes::new().get("/pkg/{name}", FILE, Limit::Reads, bundle);
    Files::iter().filter(|path| is_public(path)).fold(first, |routes, path| {
        let address = format!("/{path}");
        let file = move |headers: HeaderMap| async move { serve(&path, Keep::Ask, &headers) };
        routes.get(address, FILE, Limit::Reads, file)
    })
}

/// Files of `public/` lie at the top of the folder, beside two notes of the build and their Brotli copies.
fn is_public(path: &str) -> bool {
    !path.contains('/') && !path.ends_with(".br") && !matches!(path, "names" | "stamp")
}

/// How long a browser may keep a file.
#[derive(Clone, Copy)]
enum Keep {
    /// Its name changes with its content.
    ForEver,
    /// It must ask each time, by ETag.
    Ask,
}

fn serve(path: &str, keep: Keep, headers: &HeaderMap) -> Response {
    let Some(file) = Files::get(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..8]));
    let small = accepts_brotli(headers).then(|| Files::get(&format!("{path}.br"))).flatten();
    let mut answer: Vec<(HeaderName, HeaderValue)> = vec![
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep.as_header())),
    ];
    if let Ok(etag) = HeaderValue::try_from(&etag) {
        answer.push((header::ETAG, etag));
    }
    // The one file that pages of other sites load.
    if path == "saoma.js" {
        let policy = HeaderName::from_static("cross-origin-resource-policy");
        answer.push((policy, HeaderValue::from_static("cross-origin")));
    }
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| names_tag(known, &etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        if let Ok(kind) = HeaderValue::try_from(content_type(path)) {
            answer.push((header::CONTENT_TYPE, kind));
        }
        if small.is_some() {
            answer.push((header::CONTENT_ENCODING, HeaderValue::from_static("br")));
        }
        Response::new(body(small.unwrap_or(file)))
    };
    response.headers_mut().extend(answer);
    response
}

impl Keep {
    const fn as_header(self) -> &'static str {
        match self {
            Self::ForEver => "public, max-age=31536000, immutable",
            Self::Ask => "public, no-cache",
        }
    }
}

fn body(file: EmbeddedFile) -> Body {
    match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// Whether `br` is listed, and not with `q=0`. Source: RFC 9110, 12.5.3.
fn accepts_brotli(headers: &HeaderMap) -> bool {
    let list = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    list.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_brotli = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br"));
        is_brotli && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Whether an `If-None-Match` names this tag. A weak tag counts too: a proxy that compresses turns ours into one.
fn names_tag(known: &HeaderValue, etag: &str) -> bool {
    known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn brotli_is_sent_only_to_those_who_take_it() {
        assert!(accepts_brotli(&asking(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")));
        assert!(accepts_brotli(&asking(header::ACCEPT_ENCODING, "BR;q=0.5")));
        assert!(!accepts_brotli(&asking(header::ACCEPT_ENCODING, "gzip, br;q=0")));
        assert!(!accepts_brotli(&asking(header::ACCEPT_ENCODING, "gzip, brotli")));
        assert!(!accepts_brotli(&HeaderMap::new()));
    }

    #[test]
    fn a_known_tag_is_found_in_a_list_and_when_weak() {
        let known = HeaderValue::from_static("\"aa\", W/\"bb\"");
        assert!(names_tag(&known, "\"bb\""));
        assert!(!names_tag(&known, "\"cc\""));
    }

    #[test]
    fn our_own_notes_are_not_served() {
        assert!(is_public("favicon.svg"));
        for path in ["names", "stamp", "favicon.svg.br", "pkg/main.css"] {
            assert!(!is_public(path), "{path}");
        }
    }
}
