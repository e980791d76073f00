//! Codes that are printed (模式一): WeChat's question when one is scanned (`POST /wxpay/callback`), and the addresses by which
//! a site's own program makes, lists and stops them.

use std::net::{IpAddr, Ipv4Addr};

use app::access::{Caller, Limit, Routes};
use axum::{
    Extension,
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use cashier::{Scanned, StaticCodeError};
use http::StatusCode;
use recharge::{User, api_key::Scope, static_code::StaticCode};
use serde::{Deserialize, Serialize};
use wxpay::{
    ProductId,
    v2::{
        mode_one::{self, ScanError},
        notify,
    },
};

use crate::{
    error_code::Code,
    json_object::Object,
    key_call::KeyCall,
    middleware::FORM_BYTES,
    notify::{NOTICE, WECHAT, refused, reply, whole},
    recharge_api::{ApiError, answer},
    state::Server,
};

const PROGRAM: Caller = Caller::Key(Some(Scope::StaticCodesWrite));

/// Codes of one answer; the latest.
const LISTED: i64 = 500;

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/wxpay/callback", WECHAT, NOTICE, callback)
        .post("/wxpay/static-codes", PROGRAM, Limit::Key, make)
        .get("/wxpay/static-codes", PROGRAM, Limit::Key, list)
        .post("/wxpay/static-codes/{product_id}/stop", PROGRAM, Limit::Key, stop)
}

/// Somebody has scanned a code, and waits: what is believed is answered with a signed text within 3 s.
async fn callback(State(server): State<Server>, body: Body) -> Response {
    let Ok(merchant) = server.wechat.v2_merchant() else {
        refused(&server, &"a static code was scanned, and SAOMA_WECHAT_API_KEY is not set");
        return counted("no_credentials", notify::fail("签名失败"));
    };
    let scan = match whole(body).await {
        Some(body) => mode_one::read(&body, &merchant),
        None => Err(ScanError::TooLarge),
    };
    let scan = match scan {
        Ok(scan) => scan,
        Err(error) => {
            refused(&server, &error);
            return counted(error.kind(), notify::fail(error.return_msg()));
        }
    };
    // Where the payer is nobody says; WeChat takes the server's address for a code.
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match server.cashier.answer_scan(scan, ip).await {
        Ok((Scanned::Placed, text)) => counted("placed", text),
        Ok((Scanned::NotSold, text)) => counted("not_sold", text),
        Ok((Scanned::Late, text)) => counted("late", text),
        Err(error) => {
            refused(&server, &error);
            counted("no_credentials", notify::fail("签名失败"))
        }
    }
}

fn counted(verdict: &'static str, text: String) -> Response {
    observe::SCANS.of([verdict]).inc();
    reply(StatusCode::OK, text)
}

/// What a code is made for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Whose balance each payment raises.
    user: String,
    /// The name that the desk shows; without it the id.
    name: Option<String>,
    /// Whole units.
    quantity: u32,
    /// Whether WeChat is asked for a shorter address, which makes a coarser picture.
    #[serde(default)]
    short: bool,
}

#[derive(Serialize)]
struct Shown {
    product_id: String,
    user: String,
    /// Fen.
    total_fee: i64,
    /// To be drawn as a code.
    code_url: String,
    made_by: String,
    made_at: String,
    stopped_at: Option<String>,
}

impl From<StaticCode> for Shown {
    fn from(code: StaticCode) -> Self {
        Shown {
            product_id: code.product_id.to_string(),
            user: code.user.id.clone(),
            total_fee: code.total_fee.get(),
            code_url: code.shown().to_string(),
            made_by: code.made_by,
            made_at: code.made_at.to_beijing_rfc3339(),
            stopped_at: code.stopped_at.map(wxpay::UnixMillis::to_beijing_rfc3339),
        }
    }
}

async fn make(
    Extension(call): Extension<KeyCall>,
    State(server): State<Server>,
    request: Request,
) -> Response {
    let made = async {
        if !server.channels.static_codes {
            let text = "static codes are not offered: SAOMA_WECHAT_CHANNELS does not name STATIC";
            return Err(ApiError::new(Code::BadType, text));
        }
        let body = axum::body::to_bytes(request.into_body(), FORM_BYTES)
            .await
            .map_err(|_| ApiError::new(Code::TooLarge, "the body must have at most 16 KiB"))?;
        let Object(wanted): Object<Wanted> = serde_json::from_slice(&body)
            .map_err(|error| ApiError::new(Code::BadRequest, error.to_string()))?;
        let site = server.pages.live.now();
        let (total_fee, bonus) = site.price(wanted.quantity).ok_or_else(|| {
            let (least, most) = (site.min_quantity, site.max_quantity);
            ApiError::new(Code::Quantity, format!("quantity must be from {least} to {most} units"))
        })?;
        let name = wanted.name.unwrap_or_else(|| wanted.user.clone());
        let user =
            User::new(wanted.user, name).map_err(|error| ApiError::new(Code::User, error.to_string()))?;
        let code = server.cashier.make_static_code(user, total_fee, bonus, wanted.short, call.by()).await?;
        Ok(Shown::from(code))
    };
    answer(&server, made.await)
}

#[derive(Serialize)]
struct List {
    codes: Vec<Shown>,
}

async fn list(State(server): State<Server>) -> Response {
    let listed = async {
        let codes = server.cashier.static_codes(LISTED).await?;
        Ok(List { codes: codes.into_iter().map(Shown::from).collect() })
    };
    answer(&server, listed.await)
}

async fn stop(
    Extension(call): Extension<KeyCall>,
    State(server): State<Server>,
    Path(number): Path<String>,
) -> Response {
    let stopped = async {
        let none = || ApiError::new(Code::NotFound, "there is no such code");
        let number = ProductId::parse(number).map_err(|_| none())?;
        server.cashier.stop_static_code(&number, call.by()).await?;
        let code = server.cashier.static_code(&number).await?.ok_or_else(none)?;
        Ok(Shown::from(code))
    };
    answer(&server, stopped.await)
}

impl From<StaticCodeError> for ApiError {
    fn from(error: StaticCodeError) -> Self {
        match error {
            StaticCodeError::Invalid(why) => ApiError::new(Code::Invalid, why.to_string()),
            StaticCodeError::Db(error) => error.into(),
        }
    }
}
