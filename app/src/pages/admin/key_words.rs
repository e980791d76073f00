//! Words about keys: their scopes, their state, and what was wrong with a form.

use leptos::prelude::*;
use recharge::api_key::{ApiKey, Scope};
use wxpay::UnixMillis;

use crate::components::{self, pill};
use crate::request::PageRequest;
use crate::text::{Lang, Text, keys as text, refunds};

pub fn scope_word(scope: Scope) -> Text {
    match scope {
        Scope::RechargesRead => text::S_RECHARGES_READ,
        Scope::RechargesWrite => text::S_RECHARGES_WRITE,
        Scope::RefundsWrite => text::S_REFUNDS_WRITE,
        Scope::BalancesRead => text::S_BALANCES_READ,
        Scope::SpendWrite => text::S_SPEND_WRITE,
        Scope::SessionsWrite => text::S_SESSIONS_WRITE,
        Scope::EventsRead => text::S_EVENTS_READ,
        Scope::WebhooksWrite => text::S_WEBHOOKS_WRITE,
        Scope::WechatTokenRead => text::S_WECHAT_TOKEN_READ,
        Scope::StaticCodesWrite => text::S_STATIC_CODES_WRITE,
    }
}

pub fn state_pill(lang: Lang, key: &ApiKey, now: UnixMillis) -> impl IntoView + use<> {
    match key.revoked_at {
        Some(_) => pill(lang.t(text::REVOKED), None),
        None if key.counts(now) => pill(lang.t(text::ON), Some("paid")),
        None => pill(lang.t(text::EXPIRED), None),
    }
}

/// What `?error=` says.
pub fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "name" => text::E_NAME,
        "taken" => text::E_TAKEN,
        "scopes" => text::E_SCOPES,
        "networks" => text::E_NETWORKS,
        "most" => text::E_AMOUNT,
        "days" => text::E_DAYS,
        "stale" => text::E_STALE,
        "open" => text::E_OPEN,
        "ended" => text::E_ENDED,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        "failed" => text::E_FAILED,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}
