//! The body of a call: a JSON object, read strictly. What is wrong with it is said by the place of the value and an example.

use axum::{body::HttpBody as _, extract::Request};
use http::header;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::{error_code::Code, json_object::Object, problem::Problem};

/// Largest body, in bytes.
pub(super) const BYTES: usize = 64 * 1024;

/// The longest part of what is said about a value, in characters: it may quote the value.
const SAID: usize = 300;

/// # Errors
/// 415 and 413 by the body's kind and size; 400 for what is no JSON, or has a field twice; 422 for a value that is not right.
pub(super) async fn read<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let headers = request.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            Code::ContentType,
            "send the body as JSON, with Content-Type: application/json",
        ));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::new(Code::ContentType, "send the body as it is, without Content-Encoding"));
    }
    let body = request.into_body();
    let too_large =
        || Problem::new(Code::TooLarge, format!("the body must have at most {} KiB", most / 1024));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let body = axum::body::to_bytes(body, most).await.map_err(|_| too_large())?;
    parse(&body)
}

/// The same where a body may be left out.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_or_nothing<T: DeserializeOwned>(request: Request) -> Result<Option<T>, Problem> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    read(request, BYTES).await.map(Some)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        problem(error.inner(), pointer)
    })?;
    json.end().map_err(|error| problem(&error, String::new()))?;
    Ok(value)
}

fn problem(error: &serde_json::Error, mut pointer: String) -> Problem {
    let whole = error.to_string();
    // The place in the text is said for what is no JSON; elsewhere the pointer is.
    let said = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(said, _)| said);
    let said: String = said.chars().take(SAID).collect();
    if error.classify() != Category::Data {
        return Problem::new(Code::BadRequest, format!("the body is no JSON: {whole}"));
    }
    if said.starts_with("duplicate field") {
        return Problem::new(Code::BadRequest, said);
    }
    let is_about_a_name = ["missing field `", "unknown field `"].iter().any(|start| said.starts_with(start));
    if let Some(name) = said.split('`').nth(1).filter(|_| is_about_a_name) {
        let last = format!("/{}", escaped(name));
        if !pointer.ends_with(&last) {
            pointer += &last;
        }
    }
    Problem::in_body(pointer, said)
}

/// Source: RFC 6901.
fn pointer(path: &Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escaped(key)),
        Segment::Enum { variant } => format!("/{}", escaped(variant)),
        Segment::Unknown => "/?".to_owned(),
    };
    path.iter().map(part).collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
