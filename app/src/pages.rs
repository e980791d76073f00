//! The routes of all pages. Every handler awaits its data first and renders then, so that status and redirects are
//! decided before a page begins, and every page works without script.

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use leptos::prelude::*;

use crate::access::{Caller, Limit, Permission, Routes, Stranger};
use crate::api::{CancelOrder, CheckAgain, CreateOrder, NewCode, OwnRecharges, PayInWechat};
use crate::links;
use crate::service::{Pages, Service};

mod admin;
mod contract;
mod pay;
mod qr;
mod receipt;
mod refused;
mod theme;
mod top_up;

pub use self::admin::audit::filter as audit_filter;
pub use self::admin::audit_words::{csv_head as audit_csv_head, csv_line as audit_csv_line};
pub use self::admin::extract::{page_of_form, to_sign_in};
pub use self::refused::{no_cookies, not_found, not_permitted, start_again};

/// Payers' pages and server functions, which any browser may call.
const BROWSER: Caller = Caller::Stranger(Stranger::Browser);
/// Reading the operator's pages.
const VIEW: Caller = Caller::Operator(Permission::View);
/// An operator's action that moves no money.
const SUPPORT: Caller = Caller::Operator(Permission::Support);
/// An operator's action that moves money, and the forms that lead to it.
const FINANCE: Caller = Caller::Operator(Permission::Finance);

/// A page that adds or removes operators or keys, so that it changes who may act.
const OWNER: Caller = Caller::Operator(Permission::Owner);

/// The register of all pages, forms and server functions.
///
/// The server layers sessions around it, which put [`crate::auth`]'s types into the request's extensions. It registers
/// by itself what sets session cookies or needs secrets, and the server function `order_status`.
pub fn routes() -> Routes<Pages> {
    Routes::new()
        .get(links::HOME, BROWSER, Limit::Reads, top_up::show)
        .get(links::API, BROWSER, Limit::Reads, contract::show)
        .get(links::SWITCH, BROWSER, Limit::Reads, top_up::switch)
        .post(links::RECHARGE, BROWSER, Limit::Payer, top_up::order)
        .get(links::PAY, BROWSER, Limit::Misses, pay::show)
        .get(links::PAY_QR_SVG, BROWSER, Limit::Misses, qr::svg)
        .get(links::PAY_QR_PNG, BROWSER, Limit::Misses, qr::png)
        .post(links::PAY_CHECK, BROWSER, Limit::Payer, pay::check)
        .post(links::PAY_CODE, BROWSER, Limit::Payer, pay::new_code)
        .post(links::PAY_AGAIN, BROWSER, Limit::Payer, pay::again)
        .post(links::PAY_CANCEL, BROWSER, Limit::Payer, pay::cancel)
        .post(links::PAY_REFUND, BROWSER, Limit::Payer, pay::refund_wish::ask)
        .get(links::RECEIPT, BROWSER, Limit::Misses, receipt::show)
        .post(links::THEME, BROWSER, Limit::OwnCookie, theme::set_theme)
        .get(links::LOGIN, BROWSER, Limit::Reads, admin::login::show)
        .function::<CreateOrder, _, _>(Limit::Payer, function)
        .function::<CheckAgain, _, _>(Limit::Payer, function)
        .function::<NewCode, _, _>(Limit::Payer, function)
        .function::<CancelOrder, _, _>(Limit::Payer, function)
        .function::<PayInWechat, _, _>(Limit::Payer, function)
        .function::<OwnRecharges, _, _>(Limit::Reads, function)
        .merge(operator_routes())
}

fn operator_routes() -> Routes<Pages> {
    Routes::new()
        .get(links::ADMIN, VIEW, Limit::Reads, admin::overview::show)
        .get(links::ORDERS, VIEW, Limit::Reads, admin::orders::show)
        .get(links::REFUNDS, VIEW, Limit::Reads, admin::refund_list::show)
        .post(links::FILTERS, VIEW, Limit::Operator, admin::list_choices::filter)
        .post(links::COLUMNS, VIEW, Limit::Operator, admin::list_choices::columns)
        .get(links::EXPORTS, FINANCE, Limit::Reads, admin::exports::form)
        .post(links::EXPORTS, FINANCE, Limit::Operator, admin::exports::make)
        .get(links::EXPORT, FINANCE, Limit::Reads, admin::exports::show)
        .get(links::EXPORT_FILE, FINANCE, Limit::Operator, admin::exports::file)
        .get(links::STATEMENT, VIEW, Limit::Reads, admin::statement::show)
        .get(links::STATEMENT_FILE, VIEW, Limit::Operator, admin::statement::file)
        .get(links::ORDER, VIEW, Limit::Reads, admin::order::show)
        .post(links::ORDER_ASK, SUPPORT, Limit::Operator, admin::order::ask)
        .post(links::ORDER_CLOSE, SUPPORT, Limit::Operator, admin::order::close)
        .post(links::ORDER_NOTE, SUPPORT, Limit::Operator, admin::order::add_note)
        .get(links::ORDER_REFUND, FINANCE, Limit::Reads, admin::refund::confirm)
        .post(links::ORDER_REFUND, FINANCE, Limit::Operator, admin::refund::request_refund)
        .get(links::WISHES, VIEW, Limit::Reads, admin::refund_wishes::show)
        .post(links::WISH_DECLINE, FINANCE, Limit::Operator, admin::refund_wishes::decline)
        .post(links::REFUND_HURRY, SUPPORT, Limit::Operator, admin::withdraw::hurry)
        .get(links::REFUND_WITHDRAW, FINANCE, Limit::Reads, admin::withdraw::confirm)
        .post(links::REFUND_WITHDRAW, FINANCE, Limit::Operator, admin::withdraw::withdraw)
        .get(links::ORDER_RESOLVE, FINANCE, Limit::Reads, admin::resolve::confirm)
        .post(links::ORDER_RESOLVE, FINANCE, Limit::Operator, admin::resolve::resolve)
        .get(links::WORK, VIEW, Limit::Reads, admin::work::show)
        .post(links::WORK, SUPPORT, Limit::Operator, admin::work::own)
        .get(links::WORK_DISMISS, FINANCE, Limit::Reads, admin::work_dismiss::confirm)
        .post(links::WORK_DISMISS, FINANCE, Limit::Operator, admin::work_dismiss::dismiss)
        .get(links::EXCEPTIONS, VIEW, Limit::Reads, admin::exceptions::show)
        .get(links::USERS, VIEW, Limit::Reads, admin::users::show)
        .get(links::ACCOUNT, VIEW, Limit::Reads, admin::account::show)
        .get(links::GRANT, FINANCE, Limit::Reads, admin::account::grant::confirm)
        .post(links::GRANT, FINANCE, Limit::Operator, admin::account::grant::make)
        .get(links::DEBIT, VIEW, Limit::Reads, admin::account::debit::show)
        .post(links::DEBIT, FINANCE, Limit::Operator, admin::account::debit::reverse)
        .get(links::CODES, VIEW, Limit::Reads, admin::codes::show)
        .post(links::CODES, FINANCE, Limit::Operator, admin::codes::make)
        .get(links::CODE, VIEW, Limit::Reads, admin::code_sheet::show)
        .post(links::CODE_STOP, SUPPORT, Limit::Operator, admin::codes::stop)
        .get(links::KEYS, OWNER, Limit::Reads, admin::keys::show)
        .post(links::KEYS, OWNER, Limit::Operator, admin::keys::make)
        .get(links::KEY, OWNER, Limit::Reads, admin::key::show)
        .post(links::KEY_ROTATE, OWNER, Limit::Operator, admin::key::rotate)
        .post(links::KEY_REVOKE, OWNER, Limit::Operator, admin::key::revoke)
        .get(links::WEBHOOKS, OWNER, Limit::Reads, admin::webhooks::show)
        .post(links::WEBHOOKS, OWNER, Limit::Operator, admin::webhooks::make)
        .get(links::WEBHOOK, OWNER, Limit::Reads, admin::webhook::show)
        .post(links::WEBHOOK_CHANGE, OWNER, Limit::Operator, admin::webhook_forms::change)
        .post(links::WEBHOOK_ROTATE, OWNER, Limit::Operator, admin::webhook_forms::rotate)
        .post(links::WEBHOOK_SWITCH, OWNER, Limit::Operator, admin::webhook_forms::switch)
        .post(links::WEBHOOK_TEST, OWNER, Limit::Operator, admin::webhook_forms::test)
        .get(links::WEBHOOK_DELIVERY, OWNER, Limit::Reads, admin::webhook_delivery::show)
        .post(links::WEBHOOK_AGAIN, OWNER, Limit::Operator, admin::webhook_delivery::again)
        .get(links::ALERTS, OWNER, Limit::Reads, admin::alerts::show)
        .post(links::ALERTS, OWNER, Limit::Operator, admin::alerts::make)
        .post(links::ALERT_TEST, OWNER, Limit::Operator, admin::alerts::test)
        .post(links::ALERT_DELETE, OWNER, Limit::Operator, admin::alerts::delete)
        .get(links::SECOND, VIEW, Limit::Reads, admin::second::show)
        .post(links::SECOND, FINANCE, Limit::Operator, admin::second::confirm)
        .post(links::SECOND_WITHDRAW, FINANCE, Limit::Operator, admin::second::withdraw)
        .get(links::AUDIT, VIEW, Limit::Reads, admin::audit::show)
        .get(links::SETTINGS, OWNER, Limit::Reads, admin::settings::show)
        .get(links::SETTING, OWNER, Limit::Reads, admin::settings_change::preview)
        .post(links::SETTING, OWNER, Limit::Operator, admin::settings_change::change)
        .post(links::SETTING_RESET, OWNER, Limit::Operator, admin::settings_change::reset)
        .get(links::OPERATORS, OWNER, Limit::Reads, admin::people::show)
        .post(links::OPERATORS, OWNER, Limit::Operator, admin::people::add)
        .get(links::OPERATOR, OWNER, Limit::Reads, admin::person::show)
        .post(links::OPERATOR_ROLE, OWNER, Limit::Operator, admin::person::set_role)
        .post(links::OPERATOR_PASSWORD, OWNER, Limit::Operator, admin::person::new_password)
        .post(links::OPERATOR_FACTOR, OWNER, Limit::Operator, admin::person::reset_factor)
        .post(links::OPERATOR_REMOVE, OWNER, Limit::Operator, admin::person::remove)
        .get(links::ME, VIEW, Limit::Reads, admin::me::show)
        .post(links::ME_PASSWORD, VIEW, Limit::Operator, admin::me::choose_password)
        .get(links::ME_FACTOR, VIEW, Limit::Reads, admin::factor::show)
        .post(links::ME_FACTOR, VIEW, Limit::Operator, admin::factor::begin)
        .post(links::ME_FACTOR_CONFIRM, VIEW, Limit::Operator, admin::factor::confirm)
        .post(links::ME_FACTOR_CODES, VIEW, Limit::Operator, admin::factor::renew)
        .post(links::ME_FACTOR_OFF, VIEW, Limit::Operator, admin::factor::turn_off)
        .post(links::ME_SESSION_END, VIEW, Limit::Operator, admin::me::end_session)
        .post(links::ME_SESSIONS_END, VIEW, Limit::Operator, admin::me::end_others)
        .get(links::RECONCILIATIONS, VIEW, Limit::Reads, admin::reconciliations::show)
        .get(links::RECONCILIATION, VIEW, Limit::Reads, admin::reconciliations::show_day)
        .get(links::DIFFERENCE_DISMISS, FINANCE, Limit::Reads, admin::dismiss::confirm)
        .post(links::DIFFERENCE_DISMISS, FINANCE, Limit::Operator, admin::dismiss::dismiss)
}

/// Answers a registered server function in Leptos' context.
async fn function(State(service): State<Service>, request: Request) -> impl IntoResponse {
    leptos_axum::handle_server_fns_with_context(move || provide_context(service.clone()), request).await
}
