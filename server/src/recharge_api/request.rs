//! The request of `POST /wxpay/recharge`: a form or JSON of a limited size.

use axum::{body::HttpBody as _, extract::Request};
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

use super::{
    ApiError,
    fields::{self, BadRequest, Kind, RechargeRequest, WayField},
};
use crate::{error_code::Code, middleware::FORM_BYTES};

/// The `Idempotency-Key`, if there is one.
///
/// # Errors
/// 400 where it is given twice or is not text.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().map_err(|_| bad_key("Idempotency-Key must be visible ASCII characters"))?;
    match keys.next() {
        None => Ok(Some(key.to_owned())),
        Some(_) => Err(bad_key("Idempotency-Key must be given once")),
    }
}

pub(super) fn bad_key(why: &str) -> ApiError {
    ApiError::new(Code::IdempotencyKey, why)
}

/// # Errors
/// 413 and 415 by the body's size and kind; 400 where it cannot be read; 401 without `u`; 422 for a value out of its range.
pub(super) async fn read(request: Request) -> Result<RechargeRequest, ApiError> {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = match kind.as_str() {
        "application/json" => true,
        "application/x-www-form-urlencoded" => false,
        _ => {
            let text = "send application/json or application/x-www-form-urlencoded";
            return Err(ApiError::new(Code::ContentType, text));
        }
    };
    let body = request.into_body();
    let too_large = || ApiError::new(Code::TooLarge, "the body must have at most 16 KiB");
    if body.size_hint().lower() > FORM_BYTES as u64 {
        return Err(too_large());
    }
    let body = axum::body::to_bytes(body, FORM_BYTES).await.map_err(|_| too_large())?;
    Ok(fields::read(is_json, &body)?)
}

impl RechargeRequest {
    /// What an idempotency key is bound to: everything that makes it another request. `NATIVE` keeps the form of keys that
    /// are stored already. An openid is not stored, only its hash.
    pub(super) fn key_text(&self) -> String {
        let word = format!("{} {}", self.kind.trade_type().as_str(), self.quantity);
        match &self.kind {
            Kind::Native | Kind::App => word,
            Kind::Jsapi { openid } => {
                let hash = Sha256::digest(openid.as_str());
                let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{word} {hash}")
            }
            Kind::Mweb { client_ip } => format!("{word} {client_ip}"),
        }
    }
}

impl From<BadRequest> for ApiError {
    fn from(bad: BadRequest) -> ApiError {
        match bad {
            BadRequest::Unreadable(why) => ApiError::new(Code::BadRequest, why),
            BadRequest::Quantity(message) => ApiError::new(Code::Quantity, message),
            BadRequest::Way { what, message } => {
                let code = match what {
                    WayField::Type => Code::BadType,
                    WayField::OpenId => Code::OpenId,
                    WayField::ClientIp => Code::ClientIp,
                };
                ApiError::new(code, message)
            }
            BadRequest::NoToken => ApiError::bad_token(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request as HttpRequest;

    async fn status_of(kind: &str, body: &str) -> u16 {
        let request = HttpRequest::post("/wxpay/recharge")
            .header("content-type", kind)
            .body(Body::from(body.to_owned()));
        match read(request.unwrap()).await {
            Ok(_) => 200,
            Err(error) => error.response(false).status().as_u16(),
        }
    }

    #[tokio::test]
    async fn form_and_json_say_the_same() {
        let read = async |kind: &str, body: &'static str| {
            let request = HttpRequest::post("/").header("content-type", kind).body(Body::from(body)).unwrap();
            super::read(request).await.unwrap()
        };
        let wanted = RechargeRequest { u: "a.b.c".to_owned(), quantity: 10, kind: Kind::Native };
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

    #[test]
    fn an_idempotency_key_is_bound_to_everything_that_makes_it_another_request() {
        let key = |text: &str| {
            let body = format!("u=a.b.c&quantity=50{text}");
            fields::read(false, body.as_bytes()).unwrap().key_text()
        };
        assert_eq!(key(""), "NATIVE 50");
        assert_eq!(key("&type=NATIVE"), "NATIVE 50");
        assert_eq!(key("&type=H5&client_ip=203.0.113.7"), key("&type=MWEB&client_ip=203.0.113.7"));
        let all = [
            key(""),
            key("&type=APP"),
            key("&type=JSAPI&openid=o1"),
            key("&type=JSAPI&openid=o2"),
            key("&type=MWEB&client_ip=203.0.113.7"),
            key("&type=MWEB&client_ip=203.0.113.8"),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|text| !text.contains("o1")), "{all:?}");
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
            ("u=a.b.c&quantity=10&type=JSAPI", 400),
            ("u=a.b.c&quantity=10&type=native", 400),
            ("u=a.b.c&quantity=10&openid=o", 400),
        ] {
            assert_eq!(status_of(form, body).await, status, "{body}");
        }
        for (body, status) in
            [("", 400), ("[]", 400), ("{\"quantity\":true}", 400), ("{\"u\":7,\"quantity\":1}", 400)]
        {
            assert_eq!(status_of("application/json", body).await, status, "{body}");
        }
        assert_eq!(status_of("text/plain", "u=a.b.c&quantity=10").await, 415);
        assert_eq!(status_of(form, &"x".repeat(FORM_BYTES + 1)).await, 413);
    }
}
