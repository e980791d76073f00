//! `/api/v1/recharges`: what the site's programs sell by key. A repeat under the same reference gets what is there.

use std::net::IpAddr;

use app::{
    access::{Caller, Limit, Routes},
    links,
};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use cashier::{
    PlaceRequest,
    db::order_filter::{Filter, Span, State as WithState, WithException},
    db::order_list::{Cursor, Listed},
};
use http::{StatusCode, Uri};
use recharge::{
    ExceptionKind, User,
    api_key::Scope,
    objects::RechargeObject,
    order::{ByKey, Way},
    spend::{Metadata, Reference},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use wxpay::{Fen, OutTradeNo, TradeType, UnixMillis};

use super::{
    json,
    paging::{Page, Query},
    placing::refused,
    return_url, schemas,
    spending::{made, not_found, not_written, reference_if_any},
    users,
    values::{Given, Name, PayerIp, Quantity, ReturnUrl, TotalFee, UserId},
};
use crate::{
    client_addr::ClientAddr, error_code::Code, key_call::KeyCall, operation::Operation, problem::Problem,
    state::Server,
};

const READ: Caller = Caller::Key(Some(Scope::RechargesRead));
const WRITE: Caller = Caller::Key(Some(Scope::RechargesWrite));

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/api/v1/recharges", WRITE, Limit::Key, place)
        .get("/api/v1/recharges", READ, Limit::Key, list)
        .get("/api/v1/recharges/{out_trade_no}", READ, Limit::Key, show)
        .post("/api/v1/recharges/{out_trade_no}/cancel", WRITE, Limit::Key, cancel)
}

pub(super) fn operations() -> Vec<Operation> {
    let kinds: Vec<_> = ["any"].into_iter().chain(ExceptionKind::ALL.map(ExceptionKind::name)).collect();
    let time = json!({"type": "string", "format": "date-time"});
    let list = Operation::get(
        "/api/v1/recharges",
        "listRecharges",
        ["List recharges, the newest first", "充值列表，新的在前"],
    )
    .paged()
    .query(
        "state",
        "In this state.",
        json!({"type": "string", "enum": ["created", "pending", "closed", "paid"]}),
    )
    .query("exception", "With a payment that did not fit.", json!({"type": "string", "enum": kinds}))
    .query("reference", "The one of this reference.", json!({"$ref": "#/components/schemas/Reference"}))
    .query("paid_from", "Paid at or after.", time.clone())
    .query("paid_to", "Paid before.", time);
    let list = list.query("user", "Of this user.", json!({"$ref": "#/components/schemas/UserId"}));
    vec![
        Operation::post("/api/v1/recharges", "createRecharge", ["Make a recharge", "创建充值"])
            .says("Give `quantity` or `total_fee`. With a reference the recharge is its own, and the same call again gets it; without \
                   one the user's open recharge for the same price is gone on with.")
            .idempotency_key()
            .takes::<Wanted>()
            .answers::<Shown>(201, "Made.")
            .answers::<Shown>(200, "It was there.")
            .refuses(&[Code::BadType, Code::IdempotencyKey, Code::MaxAmount, Code::ReferenceReused, Code::TooManyOpen])
            .refuses(&[Code::TryAgain, Code::WechatNotAnswering, Code::Crowded, Code::Refused, Code::Stopped, Code::Unconfirmed]),
        list.answers_page::<Shown>("A page of them."),
        Operation::get("/api/v1/recharges/{out_trade_no}", "getRecharge", ["Read a recharge", "查询充值"])
            .answers::<Shown>(200, "As it is."),
        Operation::post("/api/v1/recharges/{out_trade_no}/cancel", "cancelRecharge", ["Take a recharge back", "撤回充值"])
            .says("It is offered to nobody from now on, and closed at WeChat once that may be, five minutes after it was made. A payment \
                   until then is credited, so look at `state`: one that was paid stays paid.")
            .answers::<Shown>(202, "As it is now.")
            .refuses(&[Code::Unconfirmed]),
    ]
}

/// A recharge that is to be made. Its price is by `quantity` (with the bonus of the settings) or by `total_fee` (without one).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRecharge)]
pub(super) struct Wanted {
    /// The user's id on your site.
    #[schema(value_type = schemas::UserId)]
    user: Given<UserId>,
    /// The user's name, as the pages show it.
    #[schema(value_type = Option<schemas::UserName>)]
    name: Option<Given<Name>>,
    /// Units, at the price and with the bonus of the settings.
    #[schema(value_type = Option<schemas::Quantity>)]
    quantity: Option<Given<Quantity>>,
    /// Fen, without a bonus.
    #[schema(value_type = Option<schemas::TotalFee>)]
    total_fee: Option<Given<TotalFee>>,
    /// Your own name of it, kept for ever: the order is then its own. Without one the user's open order for the same price is
    /// gone on with. The header `Idempotency-Key` may stand in its place.
    #[schema(value_type = Option<schemas::Reference>)]
    reference: Option<Given<Reference>>,
    /// What you want to find again on it.
    #[schema(value_type = Option<schemas::Metadata>)]
    metadata: Option<Given<Metadata>>,
    /// The payer's address, which WeChat is told. Without it: yours.
    #[schema(value_type = Option<schemas::PayerIp>)]
    client_ip: Option<Given<PayerIp>>,
    /// Where its pages lead back to.
    #[schema(value_type = Option<schemas::ReturnUrl>)]
    return_url: Option<Given<ReturnUrl>>,
}

/// A recharge, its exceptions, and while it is offered what leads its payer to the payment.
#[derive(Serialize, ToSchema)]
#[schema(as = Recharge)]
pub(super) struct Shown {
    #[serde(flatten)]
    recharge: RechargeObject,
    /// Kinds of payments that did not fit it, oldest first: `late`, `duplicate`, `amount_mismatch`, …
    exceptions: Vec<ExceptionKind>,
    /// To be drawn as a code that the payer scans in WeChat; `null` once it is not offered any more.
    code_url: Option<String>,
    /// The payer's page of it, on any screen; `null` once it is not offered any more.
    pay_url: Option<String>,
    /// The code as a picture (SVG; PNG with `.png` in place of `.svg`); `null` once there is none.
    qr_url: Option<String>,
}

impl Shown {
    fn of(server: &Server, listed: &Listed) -> Shown {
        let (order, base) = (&listed.order, server.public_url.as_str());
        let (number, token) = (&order.out_trade_no, &order.link_token);
        let code_url = order.code_url().map(ToString::to_string);
        Shown {
            recharge: RechargeObject::new(order, listed.refunds.iter()),
            exceptions: listed.exceptions.iter().map(|exception| exception.kind).collect(),
            pay_url: order.is_offered().then(|| links::order_link(base, number, token)),
            qr_url: code_url.as_ref().map(|_| links::qr_link(base, number, token)),
            code_url,
        }
    }
}

async fn place(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Extension(ClientAddr(from)): Extension<ClientAddr>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted: Wanted = json::read(request, json::BYTES).await?;
    let reference = reference_if_any(&headers, wanted.reference.clone())?;
    let (request, asked) = wish(&server, &call, from, wanted, reference.clone())?;
    let (order, is_new) = server
        .cashier
        .place_by_key(request, asked)
        .await
        .map_err(|error| refused(error, reference.as_ref()))?;
    let shown = find(&server, &order.out_trade_no).await?;
    Ok(made(is_new, shown))
}

/// What the cashier is asked for, and what the price was asked by.
fn wish(
    server: &Server,
    call: &KeyCall,
    from: IpAddr,
    wanted: Wanted,
    reference: Option<Reference>,
) -> Result<(PlaceRequest, String), Problem> {
    if !server.channels.offers(TradeType::Native) {
        let text = format!("codes to scan are not offered: SAOMA_WECHAT_CHANNELS has {}", server.channels);
        return Err(Problem::new(Code::BadType, text));
    }
    let site = server.pages.live.now();
    let (total_fee, bonus, asked) = match (wanted.quantity, wanted.total_fee) {
        (Some(Given(Quantity(quantity))), None) => {
            let (total_fee, bonus) = site.price_at(quantity, server.now()).ok_or_else(|| {
                let (least, most) = (site.min_quantity, site.max_quantity);
                let text = format!("must be a whole number of units from {least} to {most}, such as {least}");
                Problem::in_body("/quantity", text)
            })?;
            (total_fee, bonus, format!("quantity {quantity}"))
        }
        (None, Some(Given(TotalFee(fee)))) => (fee, Fen::ZERO, format!("total_fee {}", fee.get())),
        (None, None) => {
            let text =
                "missing: give quantity (units, such as 50) or total_fee (fen, such as 1500 for 15 yuan)";
            return Err(Problem::in_body("/quantity", text));
        }
        (Some(_), Some(_)) => {
            let text = "must be left out where quantity is given: quantity has its price from the settings";
            return Err(Problem::in_body("/total_fee", text));
        }
    };
    call.check_amount(total_fee)?;
    let return_url = wanted.return_url.map(|given| given.0.0);
    if let Some(url) = &return_url {
        return_url::check(server, url)?;
    }
    let name = wanted.name.map(|given| given.0.0).unwrap_or_default();
    let user = User::new(wanted.user.0.0, &name)
        .map_err(|error| Problem::in_body("/name", format!("must be {}", error.must_be)))?;
    let by_key = ByKey {
        key: call.key.name.clone(),
        reference,
        metadata: wanted.metadata.map(|given| given.0).unwrap_or_default(),
        return_url,
    };
    let ip = wanted.client_ip.map_or(from, |given| given.0.0);
    let request = PlaceRequest {
        user,
        total_fee,
        bonus,
        ip,
        way: Way::Native,
        terms: recharge::Terms::default(),
        by_key: Some(by_key),
    };
    Ok((request, asked))
}

async fn find(server: &Server, number: &OutTradeNo) -> Result<Shown, Problem> {
    let listed = server.cashier.recharge(number).await?;
    listed.map(|listed| Shown::of(server, &listed)).ok_or_else(|| not_found("recharge"))
}

/// A recharge as an address names it.
pub(super) fn number(text: String) -> Result<OutTradeNo, Problem> {
    OutTradeNo::parse(text).map_err(|_| not_found("recharge"))
}

async fn show(State(server): State<Server>, Path(text): Path<String>) -> Result<Json<Shown>, Problem> {
    Ok(Json(find(&server, &number(text)?).await?))
}

/// The newest first, by when they were made.
async fn list(State(server): State<Server>, uri: Uri) -> Result<Json<Page<Shown>>, Problem> {
    let mut query = Query::of(&uri)?;
    let asked = query.page("recharges")?;
    let filter = filter(&mut query)?;
    query.end()?;
    let after = asked.after.as_deref().and_then(cursor);
    let page = server.cashier.orders(&filter, after.as_ref(), asked.limit()).await?;
    let next = page.older.as_ref().map(key_of);
    Ok(asked.found(page.rows.iter().map(|listed| Shown::of(&server, listed)).collect(), next))
}

fn filter(query: &mut Query) -> Result<Filter, Problem> {
    let user = query.one("user")?.map(|user| users::id("user", user)).transpose()?;
    let state = query.one("state")?.map(|word| {
        let must_be = || Problem::in_address("state", "must be created, pending, closed or paid");
        WithState::from_name(&word).ok_or_else(must_be)
    });
    let exception = query.one("exception")?.map(|word| {
        if word == "any" {
            return Ok(WithException::Any);
        }
        let kinds = ExceptionKind::ALL.map(ExceptionKind::name).join(", ");
        let must_be = || Problem::in_address("exception", format!("must be any or one of {kinds}"));
        ExceptionKind::from_name(&word).map(WithException::Of).ok_or_else(must_be)
    });
    let reference = query.one("reference")?.map(|text| {
        let must_be = "must be your own name of it: 1 to 64 visible ASCII characters, such as cart-4711";
        Reference::parse(text).map_err(|_| Problem::in_address("reference", must_be))
    });
    Ok(Filter {
        user,
        states: state.transpose()?.into_iter().collect(),
        exception: exception.transpose()?,
        reference: reference.transpose()?,
        paid: Span { from: time(query, "paid_from")?, to: time(query, "paid_to")? },
        ..Filter::default()
    })
}

fn time(query: &mut Query, name: &str) -> Result<Option<UnixMillis>, Problem> {
    let must_be = "must be a time as in RFC 3339 with its + written %2B, such as 2026-03-15T10:00:00%2B08:00";
    let read =
        |text: String| UnixMillis::from_rfc3339(&text).ok_or_else(|| Problem::in_address(name, must_be));
    query.one(name)?.map(read).transpose()
}

/// The key of the row that a page ends with.
fn key_of(cursor: &Cursor) -> String {
    let (Cursor::Before(at, number) | Cursor::After(at, number)) = cursor;
    format!("{} {number}", at.get())
}

fn cursor(key: &str) -> Option<Cursor> {
    let (at, number) = key.split_once(' ')?;
    Some(Cursor::Before(UnixMillis::new(at.parse().ok()?), OutTradeNo::parse(number).ok()?))
}

async fn cancel(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let number = number(text)?;
    let cancelled = server.cashier.cancel(&number, call.actor()).await.map_err(not_written)?;
    cancelled.ok_or_else(|| not_found("recharge"))?;
    let shown = find(&server, &number).await?;
    Ok((StatusCode::ACCEPTED, Json(shown)).into_response())
}
