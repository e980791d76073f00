//! Every path of the pages: the constant is the route as the router takes it, the function of the same name the path with
//! its values filled in. No other file of the pages spells an address.

use std::fmt::Display;

use crate::url::address;

/// The top-up page.
pub const HOME: &str = "/";
/// The contract for the site's programs, for people to read.
pub const API: &str = "/api";
/// The same for programs, as OpenAPI.
pub const OPENAPI: &str = "/api/openapi.json";
/// Takes the top-up form.
pub const RECHARGE: &str = "/recharge";
/// Takes the choice between light and dark.
pub const THEME: &str = "/theme";
/// Asks which account to use where a link names another user than the one who is signed in, and takes the answer.
pub const SWITCH: &str = "/switch";
/// Where a link leads inside another site's frame: on to the top-up page if the browser keeps cookies there.
pub const FRAMED: &str = "/framed";
/// Signs a payer out.
pub const PAYER_LOGOUT: &str = "/logout";
/// Sends a payer inside WeChat to WeChat's OAuth, which says who they are there.
pub const WX_GO: &str = "/wx/go";
/// Where WeChat's OAuth sends the payer back to.
pub const WX_BACK: &str = "/wx/back";
/// The operator's overview; every operator's page is below it.
pub const ADMIN: &str = "/admin";
pub const LOGIN: &str = "/admin/login";
pub const LOGOUT: &str = "/admin/logout";
pub const ORDERS: &str = "/admin/orders";
/// The list of refunds.
pub const REFUNDS: &str = "/admin/refunds";
/// Saves a list's filter under a name, or forgets one.
pub const FILTERS: &str = "/admin/filters";
/// Keeps which columns of a list an operator sees.
pub const COLUMNS: &str = "/admin/columns";
/// Exports: the form that begins one, which it also takes.
pub const EXPORTS: &str = "/admin/exports";
/// The monthly statement.
pub const STATEMENT: &str = "/admin/statement";
/// The same as CSV.
pub const STATEMENT_FILE: &str = "/admin/statement.csv";
/// What waits for a person, by age and money.
pub const WORK: &str = "/admin/work";
/// Dismisses what is equal, all at once.
pub const WORK_DISMISS: &str = "/admin/work/dismiss";
pub const EXCEPTIONS: &str = "/admin/exceptions";
pub const RECONCILIATIONS: &str = "/admin/reconciliations";
/// The list of static codes, and the form that makes one.
pub const CODES: &str = "/admin/codes";
/// The refunds that payers ask for and that wait.
pub const WISHES: &str = "/admin/refund-wishes";
/// Users and their balances, and the search.
pub const USERS: &str = "/admin/users";
/// One user's account; ids may have any letters, so they stand in the query.
pub const ACCOUNT: &str = "/admin/account";
/// The confirmation of an adjustment, which it also takes.
pub const GRANT: &str = "/admin/account/grant";
/// One debit; takes the form that gives back of it.
pub const DEBIT: &str = "/admin/account/debit";
/// The list of the keys of the site's programs, and the form that makes one.
pub const KEYS: &str = "/admin/keys";
/// The list of webhook endpoints, and the form that makes one.
pub const WEBHOOKS: &str = "/admin/webhooks";
/// The channels by which people are told, and the form that makes one.
pub const ALERTS: &str = "/admin/alerts";
/// The same as CSV.
pub const AUDIT_CSV: &str = "/admin/audit.csv";
/// Credits that wait for a second operator; takes the form that confirms one.
pub const SECOND: &str = "/admin/second";
/// Takes one back.
pub const SECOND_WITHDRAW: &str = "/admin/second/withdraw";
/// What operators and the site's programs did.
pub const AUDIT: &str = "/admin/audit";
/// What is configured, where it came from, and what an owner may change of it.
pub const SETTINGS: &str = "/admin/settings";
/// The preview of a changed setting, which it also takes.
pub const SETTING: &str = "/admin/settings/change";
/// Goes back to the file's value.
pub const SETTING_RESET: &str = "/admin/settings/reset";
/// Runs the doctor's checks.
pub const SETTINGS_CHECK: &str = "/admin/settings/check";
/// The operators, and the form that adds one.
pub const OPERATORS: &str = "/admin/operators";
/// The account of the operator who is signed in.
pub const ME: &str = "/admin/me";
/// The same, saying that a password must be chosen first.
pub const ME_FIRST: &str = "/admin/me?first=1";
/// Sets the operator's own password.
pub const ME_PASSWORD: &str = "/admin/me/password";
/// Ends one of the operator's own sessions.
pub const ME_SESSION_END: &str = "/admin/me/session";
/// Ends all of them but the one that asks.
pub const ME_SESSIONS_END: &str = "/admin/me/sessions";
/// The operator's own second factor; takes the form that begins to set it up.
pub const ME_FACTOR: &str = "/admin/me/factor";
/// Turns it on.
pub const ME_FACTOR_CONFIRM: &str = "/admin/me/factor/confirm";
/// Makes new recovery codes.
pub const ME_FACTOR_CODES: &str = "/admin/me/factor/codes";
pub const ME_FACTOR_OFF: &str = "/admin/me/factor/off";
/// The script of pages inside another site's page: it tells that page what happens here.
pub const FRAMED_SCRIPT: &str = "/framed.js";
/// The script of the desk: shortcuts, copy buttons, drawers. Everything works without it.
pub const DESK_SCRIPT: &str = "/desk.js";
pub const FAVICON: &str = "/favicon.svg";
/// The folder of style, script and module, without slashes.
pub const PKG: &str = "pkg";

/// The server functions, which the pages' script calls. They never change, so that an open dialog survives an upgrade of the
/// server.
pub const CREATE_ORDER: &str = "/api/create_order";
pub const PAY_IN_WECHAT: &str = "/api/pay_in_wechat";
pub const ORDER_STATUS: &str = "/api/order_status";
pub const CHECK_AGAIN: &str = "/api/check_again";
pub const NEW_CODE: &str = "/api/new_code";
pub const CANCEL_ORDER: &str = "/api/cancel_order";
pub const OWN_RECHARGES: &str = "/api/own_recharges";

/// `ROUTE = "/a/{value}", href(value);`: a route and the function that fills it. A value that the route does not name, or
/// one that is missing, does not compile.
macro_rules! paths {
    ($($(#[$doc:meta])* $route:ident = $pattern:literal, $href:ident($($value:ident),+);)*) => {
        $(
            $(#[$doc])*
            pub const $route: &str = $pattern;
            $(#[$doc])*
            pub fn $href($($value: impl Display),+) -> String {
                format!($pattern, $($value = $value),+)
            }
        )*
    };
}

paths! {
    /// The payer's page of an order.
    PAY = "/pay/{out_trade_no}", pay(out_trade_no);
    /// Has WeChat asked about the order soon.
    PAY_CHECK = "/pay/{out_trade_no}/check", pay_check(out_trade_no);
    /// Asks for a new code.
    PAY_CODE = "/pay/{out_trade_no}/code", pay_code(out_trade_no);
    /// Places the same amount once more.
    PAY_AGAIN = "/pay/{out_trade_no}/again", pay_again(out_trade_no);
    /// Takes the order back.
    PAY_CANCEL = "/pay/{out_trade_no}/cancel", pay_cancel(out_trade_no);
    /// Takes a payer's wish for a refund.
    PAY_REFUND = "/pay/{out_trade_no}/refund", pay_refund(out_trade_no);
    /// The order's code as a picture, opened by the order link's token.
    PAY_QR_SVG = "/pay/{out_trade_no}/qr.svg", pay_qr_svg(out_trade_no);
    PAY_QR_PNG = "/pay/{out_trade_no}/qr.png", pay_qr_png(out_trade_no);
    RECEIPT = "/pay/{out_trade_no}/receipt", receipt(out_trade_no);

    /// The operator's page of an order, or of a number that only exceptions have.
    ORDER = "/admin/orders/{out_trade_no}", order(out_trade_no);
    ORDER_ASK = "/admin/orders/{out_trade_no}/ask", order_ask(out_trade_no);
    ORDER_CLOSE = "/admin/orders/{out_trade_no}/close", order_close(out_trade_no);
    ORDER_NOTE = "/admin/orders/{out_trade_no}/note", order_note(out_trade_no);
    ORDER_REFUND = "/admin/orders/{out_trade_no}/refund", order_refund(out_trade_no);
    /// Resolves an exception of the order.
    ORDER_RESOLVE = "/admin/orders/{out_trade_no}/settle", order_resolve(out_trade_no);
    /// Declines a payer's wish for a refund.
    WISH_DECLINE = "/admin/orders/{out_trade_no}/refund-wishes/{n}/decline", wish_decline(out_trade_no, n);
    REFUND_HURRY = "/admin/orders/{out_trade_no}/refunds/{out_refund_no}/hurry", refund_hurry(out_trade_no, out_refund_no);
    REFUND_WITHDRAW = "/admin/orders/{out_trade_no}/refunds/{out_refund_no}/withdraw", refund_withdraw(out_trade_no, out_refund_no);

    /// One export with its progress.
    EXPORT = "/admin/exports/{export}", export(export);
    /// The export's file, made while it is sent.
    EXPORT_FILE = "/admin/exports/{export}/file", export_file(export);

    /// The differences of one day's bill; `date` is `YYYYMMDD`.
    RECONCILIATION = "/admin/reconciliations/{date}", reconciliation(date);
    /// The sheet of a static code, for printing.
    CODE = "/admin/codes/{product_id}", code(product_id);
    /// Stops a static code.
    CODE_STOP = "/admin/codes/{product_id}/stop", code_stop(product_id);
    /// One key of the site's programs.
    KEY = "/admin/keys/{name}", key(name);
    /// Gives the key a new text.
    KEY_ROTATE = "/admin/keys/{name}/rotate", key_rotate(name);
    /// Takes the key back.
    KEY_REVOKE = "/admin/keys/{name}/revoke", key_revoke(name);
    /// One operator.
    OPERATOR = "/admin/operators/{name}", operator(name);
    /// Gives the operator another role.
    OPERATOR_ROLE = "/admin/operators/{name}/role", operator_role(name);
    /// Makes a password for the operator.
    OPERATOR_PASSWORD = "/admin/operators/{name}/password", operator_password(name);
    /// Takes the second factor off the operator.
    OPERATOR_FACTOR = "/admin/operators/{name}/factor", operator_factor(name);
    OPERATOR_REMOVE = "/admin/operators/{name}/remove", operator_remove(name);
    /// One webhook endpoint with its deliveries.
    WEBHOOK = "/admin/webhooks/{endpoint}", webhook(endpoint);
    /// Changes where it is and what it is told.
    WEBHOOK_CHANGE = "/admin/webhooks/{endpoint}/change", webhook_change(endpoint);
    /// Gives it another secret.
    WEBHOOK_ROTATE = "/admin/webhooks/{endpoint}/rotate", webhook_rotate(endpoint);
    /// Sends nothing to it any more, or goes on, or deletes it.
    WEBHOOK_SWITCH = "/admin/webhooks/{endpoint}/switch", webhook_switch(endpoint);
    /// Sends it a test.
    WEBHOOK_TEST = "/admin/webhooks/{endpoint}/test", webhook_test(endpoint);
    /// One delivery with its tries.
    WEBHOOK_DELIVERY = "/admin/webhooks/{endpoint}/deliveries/{event}", webhook_delivery(endpoint, event);
    /// Sends it again.
    WEBHOOK_AGAIN = "/admin/webhooks/{endpoint}/deliveries/{event}/again", webhook_again(endpoint, event);
    /// Sends a channel a test.
    ALERT_TEST = "/admin/alerts/{channel}/test", alert_test(channel);
    ALERT_DELETE = "/admin/alerts/{channel}/delete", alert_delete(channel);
    /// Dismisses the difference that the query names.
    DIFFERENCE_DISMISS = "/admin/reconciliations/{date}/dismiss", difference_dismiss(date);
}

/// The link that opens the payer's page of an order on any screen.
pub fn order_link(public_url: &str, out_trade_no: impl Display, token: &str) -> String {
    format!("{public_url}{}", address(&pay(out_trade_no), [("t", token)]))
}

/// The address of an order's code as a picture, for pages of other sites.
pub fn qr_link(public_url: &str, out_trade_no: impl Display, token: &str) -> String {
    format!("{public_url}{}", address(&pay_qr_svg(out_trade_no), [("t", token)]))
}

/// To WeChat's OAuth and back to this path.
pub fn wx_go(to: &str) -> String {
    address(WX_GO, [("to", to)])
}

/// The operator's page of a user's account.
pub fn account(user_id: &str) -> String {
    address(ACCOUNT, [("user", user_id)])
}

/// The operator's page of a debit.
pub fn debit(id: impl Display) -> String {
    address(DEBIT, [("id", id.to_string().as_str())])
}

/// The operator's list of all orders of a user.
pub fn orders_of(user_id: &str) -> String {
    address(ORDERS, [("user", user_id)])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn a_path_is_its_route_with_the_values_filled_in() {
        assert_eq!(pay("SM1"), PAY.replace("{out_trade_no}", "SM1"));
        assert_eq!(refund_hurry("SM1", "RF2"), "/admin/orders/SM1/refunds/RF2/hurry");
        assert_eq!(
            order_link("https://pay.example.com", "SM1", "t0k"),
            "https://pay.example.com/pay/SM1?t=t0k"
        );
        assert_eq!(orders_of("a b"), "/admin/orders?user=a%20b");
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => sources(&path, found),
                false => found.push(path),
            }
        }
    }

    #[test]
    fn no_page_spells_an_address() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        assert!(files.len() > 40, "the sources were not found");
        let is_address = |line: &str| {
            let after = line.split("\"/").skip(1);
            let mut starts = after.map(|rest| rest.chars().next().unwrap_or_default());
            starts.any(|letter| letter.is_ascii_lowercase())
        };
        for file in files.into_iter().filter(|file| !file.ends_with("links.rs")) {
            let text = fs::read_to_string(&file).expect("a source");
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                assert!(!is_address(line), "{}: {line}", file.display());
            }
        }
    }
}
