//! Words about webhook endpoints and deliveries, and what was wrong with a form.

use cashier::webhooks::{Delivery, WebhookError};
use leptos::prelude::*;
use recharge::webhook::{DeliveryState, DisabledWhy, Endpoint, Problem};

use crate::components::{self, pill};
use crate::request::PageRequest;
use crate::text::{Lang, Text, refunds, webhooks as text};

pub fn state_pill(lang: Lang, endpoint: &Endpoint) -> impl IntoView + use<> {
    match endpoint.health.disabled {
        Some(disabled) if disabled.why == DisabledWhy::ByHand => pill(lang.t(text::OFF), None),
        Some(_) => pill(lang.t(text::OFF), Some("bad")),
        None if endpoint.health.is_ill() => pill(lang.t(text::ILL), Some("warn")),
        None => pill(lang.t(text::WELL), Some("paid")),
    }
}

pub fn why(why: DisabledWhy) -> Text {
    match why {
        DisabledWhy::Gone => text::WHY_GONE,
        DisabledWhy::Failing => text::WHY_FAILING,
        DisabledWhy::ByHand => text::WHY_BY_HAND,
    }
}

pub fn delivery_pill(lang: Lang, delivery: &Delivery) -> impl IntoView + use<> {
    match delivery.state {
        DeliveryState::Waiting if delivery.sent > 0 => pill(lang.t(text::D_RETRYING), Some("warn")),
        DeliveryState::Waiting => pill(lang.t(text::D_WAITING), Some("open")),
        DeliveryState::Delivered => pill(lang.t(text::D_DELIVERED), Some("paid")),
        DeliveryState::GivenUp => pill(lang.t(text::D_GIVEN_UP), Some("bad")),
    }
}

pub fn problem_word(problem: Problem) -> Text {
    match problem {
        Problem::Dns => text::P_DNS,
        Problem::BlockedAddress => text::P_BLOCKED,
        Problem::Connect => text::P_CONNECT,
        Problem::Tls => text::P_TLS,
        Problem::Timeout => text::P_TIMEOUT,
        Problem::Broken => text::P_BROKEN,
        Problem::Redirect => text::P_REDIRECT,
        Problem::Status => text::P_STATUS,
        Problem::Gone => text::P_GONE,
        Problem::Secret => text::P_SECRET,
    }
}

/// The code of `?error=` for what was refused; `None` if there is no such endpoint or delivery.
pub fn code(error: &WebhookError) -> Option<&'static str> {
    Some(match error {
        WebhookError::Unknown | WebhookError::NoDelivery => return None,
        WebhookError::Url(_) => "url",
        WebhookError::Invalid(invalid) => match invalid.what {
            "types" => "types",
            "per_s" => "per_s",
            _ => "description",
        },
        WebhookError::TooMany => "many",
        WebhookError::NoKey => "key",
        WebhookError::RotationOpen { .. } => "open",
        WebhookError::Disabled => "off",
        WebhookError::Changed => "stale",
        WebhookError::Db(_) => "failed",
    })
}

/// What `?error=` says.
pub fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "url" => text::E_URL,
        "types" => text::E_TYPES,
        "per_s" => text::E_PER_S,
        "description" => text::E_DESCRIPTION,
        "many" => text::E_MANY,
        "key" => text::E_KEY,
        "open" => text::E_OPEN,
        "off" => text::E_OFF,
        "stale" => text::E_STALE,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        "failed" => text::E_FAILED,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}
