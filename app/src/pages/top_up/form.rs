//! The top-up form, which works without script. The island [`crate::Checkout`] finds elements by id and updates their
//! figures.

use leptos::prelude::*;

use crate::components::big_money;
use crate::icons::{self, Icon};
use crate::links;
use crate::money::{money, money_short, thousands};
use crate::protocol::offer::{Choice, Offer, Preset};
use crate::text::payer;

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

/// `by_link`: a link of the site says whose balance it is.
pub fn draw(offer: &Offer, by_link: bool) -> impl IntoView + use<> {
    view! {
        <form class="split" id="top-up" method="post" action=links::RECHARGE autocomplete="off">
            <div class="card stack">
                {amounts(offer)}
                {own_amount(offer)}
            </div>
            {summary(offer, by_link)}
        </form>
    }
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
    let note = match bonus {
        0 => lang.fill(payer::NO_BONUS, &[("amount", &money_short(fee))]),
        _ => lang.fill(payer::BONUS, &[("amount", &money_short(bonus))]),
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

fn own_amount(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    let (min, max) = (thousands(offer.min.into()), thousands(offer.max.into()));
    let limits = [("min", min.as_str()), ("max", max.as_str())];
    // If a unit costs one yuan, an own amount is in yuan.
    let in_yuan = offer.unit_price == 100;
    let (label, hint) = match in_yuan {
        true => (lang.t(payer::OWN).to_owned(), payer::OWN_HINT),
        false => {
            let price = money(offer.unit_price);
            (lang.fill(payer::OWN_UNITS_LABEL, &[("price", &price)]), payer::OWN_UNITS_HINT)
        }
    };
    view! {
        <div class="field">
            <label for="own">{label}</label>
            <span class=in_yuan.then_some("input-money")>
                <input
                    class="input" id="own" name="own" inputmode="numeric" maxlength="9"
                    value=offer.first_own().map(|units| units.to_string())
                    aria-describedby="own-error own-hint"
                />
            </span>
            <p class="field-error" id="own-error" hidden=true>{lang.fill(payer::OWN_ERROR, &limits)}</p>
            <p class="note" id="own-hint">{lang.fill(hint, &limits)}</p>
        </div>
    }
}

fn summary(offer: &Offer, by_link: bool) -> impl IntoView + use<> {
    let lang = offer.lang;
    // Somebody else may have sent the link.
    let whose =
        by_link.then(|| view! { <small>{lang.fill(payer::PAY_FOR, &[("user", &offer.account)])}</small> });
    let (fee, bonus) = match offer.first_choice() {
        Choice::Units(quantity) => offer.price(quantity),
        Choice::Nothing | Choice::Wrong => (0, 0),
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
                <dl class="sum">
                    <div><dt>{lang.t(payer::PAY_AMOUNT)}</dt><dd id="sum-pay">{big_money(wxpay::Fen::new(fee), "l")}</dd></div>
                    <div><dt>{lang.t(payer::BONUS_AMOUNT)}</dt><dd class="money" id="sum-bonus">{money(bonus)}</dd></div>
                    {after}
                </dl>
                <button class="button" data-kind="pay" type="submit" aria-describedby="own-error">
                    <span id="pay-label">{lang.fill(payer::PAY, &[("amount", &money(fee))])}</span>
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
