//! The settings page's card of keys: the merchant's own, and WeChat's by which its signatures are checked.

use cashier::keys::{Came, Key, KeyOf};
use leptos::prelude::*;
use wxpay::UnixMillis;

use crate::components::{self, Clock, pill};
use crate::text::{Lang, settings as text};

pub(super) fn card(lang: Lang, keys: &[Key], is_sandbox: bool, now: UnixMillis) -> impl IntoView + use<> {
    let items: Vec<_> = keys.iter().map(|key| item(lang, key, is_sandbox, now)).collect();
    let body = match items.is_empty() {
        true => view! { <p class="note">{lang.t(text::KEYS_NONE)}</p> }.into_any(),
        false => view! { <ul class="list">{items}</ul> }.into_any(),
    };
    view! {
        <section class="card" aria-labelledby="en-t">
            <h2 id="en-t">{lang.t(text::KEYS)}</h2>
            <p class="note">{lang.t(text::KEYS_NOTE)}</p>
            {body}
        </section>
    }
}

fn item(lang: Lang, key: &Key, is_sandbox: bool, now: UnixMillis) -> impl IntoView + use<> {
    let of = match key.of {
        KeyOf::Merchant => text::OF_MERCHANT,
        KeyOf::WeChatPublic => text::OF_PUBLIC,
        KeyOf::WeChatCertificate => text::OF_PLATFORM,
    };
    let day = |at| components::time_text(at, Clock::Minute);
    let has_ended = key.until.is_some_and(|until| until <= now);
    let state = match (has_ended, key.is_named) {
        (true, _) => Some(pill(lang.t(text::HAS_ENDED), Some("bad"))),
        (false, true) => Some(pill(lang.t(text::IS_NAMED), None)),
        (false, false) => None,
    };
    let time = match (key.from, key.until) {
        (Some(from), Some(until)) => {
            lang.fill(text::FROM_UNTIL, &[("from", &day(from)), ("until", &day(until))])
        }
        (None, Some(until)) => lang.fill(text::UNTIL, &[("time", &day(until))]),
        (_, None) if key.of == KeyOf::Merchant && is_sandbox => lang.t(text::NO_END).to_owned(),
        (_, None) if key.of == KeyOf::Merchant => lang.t(text::END_UNKNOWN).to_owned(),
        (_, None) => lang.t(text::NO_END).to_owned(),
    };
    let came = match key.came {
        // The built-in sandbox made it for its own merchant.
        Came::Setting(_) if is_sandbox => lang.t(text::BY_SANDBOX).to_owned(),
        Came::Setting(name) => lang.fill(text::BY_SETTING, &[("name", name)]),
        Came::Fetched(Some(at)) => lang.fill(text::FETCHED, &[("time", &day(at))]),
        Came::Fetched(None) => lang.t(text::FETCHED_NOW).to_owned(),
    };
    let id = key.id.clone().map(|id| view! { <span class="mono">{id}</span> });
    view! {
        <li>
            <p><strong>{lang.t(of)}</strong>{state}</p>
            <p class="note all">{id}<span>{time}</span><span>{came}</span></p>
        </li>
    }
}
