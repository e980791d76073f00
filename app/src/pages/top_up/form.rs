//! The top-up form, which works without script. The script finds elements by id and updates their figures.

use leptos::prelude::*;

use crate::checkout::FORM_ID;
use crate::components::{self, Clock, big_money};
use crate::icons::{self, Icon};
use crate::links;
use crate::money::{money, money_short, thousands};
use crate::protocol::offer::{Choice, Offer, Preset};
use crate::site::Promotion;
use crate::text::{Lang, dialog, payer};

/// Title, account and balance.
pub fn head(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    view! {
        <div class="page-head">
            <div>
                <h1>{lang.t(payer::TITLE)}</h1>
                <p class="note">{lang.fill(payer::ACCOUNT, &[("user", &offer.account)])}</p>
            </div>
            {offer.balance.map(|balance| view! {
                <dl class="balance">
                    <dt class="note">{lang.t(payer::BALANCE)}</dt>
                    <dd id="balance">{big_money(wxpay::Fen::new(balance), "l")}</dd>
                </dl>
            })}
        </div>
    }
}

pub fn draw(offer: &Offer, promotion: Option<&Promotion>) -> impl IntoView + use<> {
    view! {
        <form class="split" id=FORM_ID method="post" action=links::RECHARGE autocomplete="off">
            <div class="card stack">
                {promised(offer, promotion)}
                {amounts(offer)}
                {own_amount(offer)}
            </div>
            {summary(offer)}
        </form>
    }
}

/// What is given on top beside the bonus of an amount.
fn promised(offer: &Offer, promotion: Option<&Promotion>) -> Option<impl IntoView + use<>> {
    let lang = offer.lang;
    let promotion = promotion.map(|promotion| {
        let until = components::time_text(promotion.until, Clock::Minute);
        let percent = promotion.percent.to_string();
        let words = [("name", promotion.name.as_str()), ("percent", &percent), ("until", &until)];
        lang.fill(payer::PROMOTION, &words)
    });
    let first = (offer.first_bonus > 0)
        .then(|| lang.fill(payer::FIRST, &[("amount", &money_short(offer.first_bonus))]));
    let lines: Vec<_> = [promotion, first].into_iter().flatten().collect();
    let lines = (!lines.is_empty()).then_some(lines)?;
    let lines: Vec<_> = lines.into_iter().map(|line| view! { <span class="line-of">{line}</span> }).collect();
    Some(view! { <p class="notice" id="promised"><Icon d=icons::CHECK/><span>{lines}</span></p> })
}

fn amounts(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    let presets: Vec<_> = offer.presets.iter().map(|preset| amount(offer, *preset)).collect();
    view! {
        <fieldset>
            <legend>{lang.t(payer::CHOOSE)}</legend>
            <div class="amounts">{presets}</div>
        </fieldset>
    }
}

fn amount(offer: &Offer, preset: Preset) -> impl IntoView + use<> {
    let (lang, (fee, bonus)) = (offer.lang, offer.price(preset.quantity));
    let (credit, more) = (money_short(fee + bonus), money_short(bonus));
    let words = [("credit", credit.as_str()), ("amount", &more)];
    let note = match (&offer.unit, bonus) {
        (Some(unit), 0) => units(lang, preset.quantity, unit),
        (Some(unit), _) => {
            let words = [("units", units(lang, preset.quantity, unit)), ("amount", more)];
            lang.fill(payer::UNITS_BONUS, &words.each_ref().map(|(name, value)| (*name, value.as_str())))
        }
        (None, 0) => lang.fill(payer::NO_BONUS, &words),
        (None, _) => lang.fill(payer::BONUS, &words),
    };
    let yuan = money_short(fee).trim_start_matches('¥').to_owned();
    let chosen = Choice::Units(preset.quantity) == offer.first_choice();
    view! {
        <label class="amount">
            <input type="radio" name="quantity" value=preset.quantity.to_string() checked=chosen/>
            <span class="amount-face">
                <span class="money" data-size="m"><small>"¥"</small>{yuan}</span>
                <span class="note">{note}</span>
            </span>
        </label>
    }
}

fn units(lang: Lang, quantity: u32, unit: &str) -> String {
    lang.fill(payer::UNITS, &[("n", &thousands(quantity.into())), ("unit", unit)])
}

fn own_amount(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    let (min, max) = (thousands(offer.min.into()), thousands(offer.max.into()));
    let unit = offer.unit.clone().unwrap_or_else(|| lang.t(payer::UNIT).to_owned());
    let limits = [("min", min.as_str()), ("max", max.as_str()), ("unit", unit.as_str())];
    // If a unit costs one yuan and has no name of its own, an own amount is in yuan.
    let in_yuan = offer.unit_price == 100 && offer.unit.is_none();
    let has_bonus = offer.presets.iter().any(|preset| preset.bonus > 0);
    let (label, hint) = match in_yuan {
        true => {
            (lang.t(payer::OWN).to_owned(), if has_bonus { payer::OWN_HINT_BONUS } else { payer::OWN_HINT })
        }
        false => {
            let price = money(offer.unit_price);
            (lang.fill(payer::OWN_UNITS_LABEL, &[("price", &price), ("unit", &unit)]), payer::OWN_UNITS_HINT)
        }
    };
    let left = offer.left_today.map(|left| {
        let left = money(left);
        view! {
            <p class="field-error" id="day-error" hidden=true>{lang.fill(payer::OVER_TODAY, &[("amount", &left)])}</p>
            <p class="note" id="day-left">{lang.fill(payer::LEFT_TODAY, &[("amount", &left)])}</p>
        }
    });
    view! {
        <div class="field">
            <label for="own">{label}</label>
            <span class=in_yuan.then_some("input-money")>
                <input
                    class="input" id="own" name="own" inputmode="numeric" maxlength="12"
                    value=offer.first_own().map(|units| units.to_string())
                    aria-describedby="own-error day-error own-hint day-left"
                />
            </span>
            <p class="field-error" id="own-error" hidden=true>{lang.fill(payer::OWN_ERROR, &limits)}</p>
            <p class="note" id="own-hint">{lang.fill(hint, &limits)}</p>
            {left}
        </div>
    }
}

fn summary(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    // Somebody else may have sent the link.
    let whose = view! { <small>{lang.fill(payer::PAY_FOR, &[("user", &offer.account)])}</small> };
    let (fee, bonus) = match offer.first_choice() {
        Choice::Units(quantity) => offer.price(quantity),
        Choice::Nothing | Choice::Wrong | Choice::Over => (0, 0),
    };
    let after = offer.balance.map(|balance| {
        let after = money(balance + fee + bonus);
        view! { <div data-total=""><dt>{lang.t(payer::BALANCE_AFTER)}</dt><dd class="money" id="sum-after">{after}</dd></div> }
    });
    let promise = |text| view! { <li><Icon d=icons::CHECK/>{lang.t(text)}</li> };
    view! {
        <div class="side">
            <section class="card checkout" aria-labelledby="sum-t">
                <h2 id="sum-t">{lang.t(payer::SUMMARY)}</h2>
                <dl class="sum scripted">
                    <div><dt>{lang.t(payer::PAY_AMOUNT)}</dt><dd id="sum-pay">{big_money(wxpay::Fen::new(fee), "l")}</dd></div>
                    <div><dt>{lang.t(payer::BONUS_AMOUNT)}</dt><dd class="money" id="sum-bonus">{money(bonus)}</dd></div>
                    {after}
                </dl>
                <button class="button" data-kind="pay" type="submit" aria-describedby="own-error day-error">
                    <span class="unscripted">{lang.t(dialog::TITLE)}</span>
                    <span class="scripted" id="pay-label">{lang.fill(payer::PAY, &[("amount", &money(fee))])}</span>
                    {whose}
                </button>
            </section>
            <ul class="note promises">
                {promise(payer::PROMISE_1)}
                {promise(payer::PROMISE_2)}
                {promise(payer::PROMISE_3)}
            </ul>
        </div>
    }
}
