//! The body of `POST /wxpay/recharge`: a form or JSON, read strictly.

use std::fmt;

use axum::{
    body::{Body, HttpBody as _},
    extract::{Form, FromRequest as _, Json, Request},
};
use http::{StatusCode, header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

use super::ApiError;

/// Far more than any honest request has.
const LIMIT: usize = 16 * 1024;

/// What an integrator asks for, with the parts checked that need no settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub u: String,
    /// Whole units.
    pub quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    u: Option<String>,
    quantity: Option<Scalar>,
    openid: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A number as it was written. A form has only text, JSON may have either.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsWritten;
        impl Visitor<'_> for AsWritten {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            // 1e9 and 0.001 are numbers to JSON, and not whole numbers to us.
            fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar(String::new()))
            }
        }
        from.deserialize_any(AsWritten)
    }
}

/// # Errors
/// 413 and 415 by the body's size and kind; 400 where it cannot be read; 401 without `u`; 422 for a value out of its range.
pub(super) async fn read(request: Request) -> Result<Asked, ApiError> {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = match kind.as_str() {
        "application/json" => true,
        "application/x-www-form-urlencoded" => false,
        _ => {
            let text = "send application/json or application/x-www-form-urlencoded";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", text));
        }
    };
    let (parts, body) = request.into_parts();
    let too_large =
        || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body must have at most 16 KiB");
    if body.size_hint().lower() > LIMIT as u64 {
        return Err(too_large());
    }
    let body = axum::body::to_bytes(body, LIMIT).await.map_err(|_| too_large())?;
    let fields =
        if is_json { json(&body)? } else { form(Request::from_parts(parts, Body::from(body))).await? };
    check(fields)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    Json::<T>::from_bytes(body).map(|Json(read)| read).map_err(|rejection| unreadable(&rejection.body_text()))
}

async fn form<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let read = Form::<T>::from_request(request, &()).await;
    read.map(|Form(read)| read).map_err(|rejection| unreadable(&rejection.body_text()))
}

fn unreadable(why: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_request", why)
}

fn check(fields: Fields) -> Result<Asked, ApiError> {
    let out_of_range = |code, message: &str| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    match fields.kind.as_deref() {
        None | Some("NATIVE") => {}
        Some("JSAPI" | "APP" | "MWEB") => {
            return Err(out_of_range("type", "this type is not offered yet: use NATIVE"));
        }
        Some(_) => return Err(out_of_range("type", "type must be NATIVE")),
    }
    if fields.openid.is_some() {
        return Err(out_of_range("openid", "openid goes with type JSAPI, which is not offered yet"));
    }
    let quantity = fields.quantity.ok_or_else(|| out_of_range("quantity", "quantity is missing"))?;
    let quantity = whole(&quantity.0)
        .ok_or_else(|| out_of_range("quantity", "quantity must be a whole number of units"))?;
    let u = fields.u.filter(|u| !u.is_empty()).ok_or_else(ApiError::bad_token)?;
    Ok(Asked { u, quantity })
}

/// ASCII digits only: no sign, no point, no separators, no full-width digits.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request as HttpRequest;

    async fn status_of(kind: &str, body: &str) -> u16 {
        let request = HttpRequest::post("/wxpay/recharge")
            .header("content-type", kind)
            .body(Body::from(body.to_owned()));
        match read(request.unwrap()).await {
            Ok(_) => 200,
            Err(error) => error.response().status().as_u16(),
        }
    }

    #[tokio::test]
    async fn form_and_json_say_the_same() {
        let read = async |kind: &str, body: &'static str| {
            let request = HttpRequest::post("/").header("content-type", kind).body(Body::from(body)).unwrap();
            super::read(request).await.unwrap()
        };
        let wanted = Asked { u: "a.b.c".to_owned(), quantity: 10 };
        assert_eq!(
            read("application/x-www-form-urlencoded", "u=a.b.c&quantity=10&type=NATIVE").await,
            wanted
        );
        assert_eq!(read("application/json; charset=utf-8", r#"{"u":"a.b.c","quantity":10}"#).await, wanted);
        assert_eq!(
            read("application/json", r#"{"u":"a.b.c","quantity":"10","type":"NATIVE"}"#).await,
            wanted
        );
    }

    #[tokio::test]
    async fn a_quantity_is_ascii_digits_only() {
        for quantity in [
            "0.001",
            "-1",
            "%2B1",
            "1e9",
            "1%2C000",
            "",
            "%EF%BC%91%EF%BC%90",
            "99999999999",
            "0x10",
            "%2010",
        ] {
            let body = format!("u=a.b.c&quantity={quantity}");
            assert_eq!(status_of("application/x-www-form-urlencoded", &body).await, 422, "{quantity}");
        }
        for quantity in ["0.001", "-1", "1e9", "\"１０\"", "18446744073709551615", "4294967296"] {
            let body = format!("{{\"u\":\"a.b.c\",\"quantity\":{quantity}}}");
            assert_eq!(status_of("application/json", &body).await, 422, "{quantity}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_unknown_or_twice_is_refused() {
        let form = "application/x-www-form-urlencoded";
        for (body, status) in [
            ("u=a.b.c", 422),
            ("quantity=10", 401),
            ("u=a.b.c&quantity=10&total_fee=1", 400),
            ("u=a.b.c&quantity=10&quantity=20", 400),
            ("u=a.b.c&quantity=10&type=JSAPI", 422),
            ("u=a.b.c&quantity=10&type=native", 422),
            ("u=a.b.c&quantity=10&openid=o", 422),
        ] {
            assert_eq!(status_of(form, body).await, status, "{body}");
        }
        for (body, status) in
            [("", 400), ("[]", 400), ("{\"quantity\":true}", 400), ("{\"u\":7,\"quantity\":1}", 400)]
        {
            assert_eq!(status_of("application/json", body).await, status, "{body}");
        }
        assert_eq!(status_of("text/plain", "u=a.b.c&quantity=10").await, 415);
        assert_eq!(status_of(form, &"x".repeat(LIMIT + 1)).await, 413);
    }
}
