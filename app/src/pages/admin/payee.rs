//! The user whom an operator names where a payment has no order that does.

use leptos::prelude::*;
use recharge::User;
use wxpay::Fen;

use crate::components::{self, money};
use crate::protocol::error::AppError;
use crate::service::{Service, internal};
use crate::text::{Lang, order as order_text, refunds, resolve as text};

/// The user whom an operator names.
#[derive(Debug, Clone)]
pub(super) enum Payee {
    NotNamed,
    /// With the balance.
    Found(User, Fen),
    /// The id as typed; no account has it.
    Unknown(String),
}

/// The account of an id as it was typed; blanks at its ends count only where an account has them.
pub(super) async fn find_payee(service: &Service, typed: Option<&str>) -> Result<Payee, AppError> {
    // Control characters are in no id, and PostgreSQL takes no NUL.
    let Some(typed) = typed.filter(|typed| !typed.chars().any(char::is_control)) else {
        return Ok(Payee::NotNamed);
    };
    for id in [typed, typed.trim()] {
        if let Some((user, balance)) = service.cashier.account(id).await.map_err(internal)? {
            return Ok(Payee::Found(user, balance));
        }
    }
    match User::new(typed.trim(), "") {
        Ok(user) => Ok(Payee::Unknown(user.id)),
        Err(_) => Ok(Payee::NotNamed),
    }
}

/// Name and balance of the user that was named, or the tick for an id that no account has.
pub(super) fn payee_facts(lang: Lang, payee: &Payee, amount: Fen) -> impl IntoView + use<> {
    match payee {
        Payee::NotNamed => ().into_any(),
        Payee::Found(user, balance) => {
            let after = balance.checked_add(amount).unwrap_or(*balance);
            view! {
                <dl class="facts">
                    <dt>{lang.t(order_text::USER)}</dt>
                    <dd><strong>{user.name.clone()}</strong>" "<span class="mono note exact">{user.id.clone()}</span></dd>
                    <dt>{lang.t(refunds::BALANCE_NOW)}</dt><dd>{money(*balance)}</dd>
                    <dt>{lang.t(text::BALANCE_AFTER)}</dt><dd>{money(after)}</dd>
                </dl>
                <input type="hidden" name="user" value=user.id.clone()/>
            }
            .into_any()
        }
        Payee::Unknown(id) => view! {
            {components::notice(Some("warn"), lang.fill(text::NO_ACCOUNT, &[("user", id)]))}
            <label class="row">
                <input type="checkbox" name="new_account" value="1" required=true/>{lang.t(text::NO_ACCOUNT_TICK)}
            </label>
            <input type="hidden" name="user" value=id.clone()/>
        }
        .into_any(),
    }
}
