//! The server functions that the pages' script calls, and the answer to polls. A server function is a public endpoint:
//! there is one only where a browser must call, each with a fixed address, so that an open dialog survives an upgrade of
//! the server.

use leptos::prelude::*;
use leptos::server_fn::{Http, codec::Post};

use crate::protocol::StatusView;
use crate::protocol::codec::JsonCodec;
use crate::protocol::error::AppError;
use crate::protocol::way::Way;
use crate::{auth, components, request::PageRequest, service::Service};

pub use self::polls::{read, status};

/// JSON by POST, both ways.
type Calls = Http<Post<JsonCodec>, Post<JsonCodec>>;

/// Places an order of `quantity` units, or returns the open one of the same user, amount and way. Pages that were loaded
/// before there was more than one way to pay name none.
#[server(endpoint = "create_order", protocol = Calls)]
pub async fn create_order(quantity: u32, way: Option<Way>) -> Result<StatusView, AppError> {
    let payer = PageRequest::current().await.payer()?;
    Service::current()?.place(&payer, quantity, way.unwrap_or(Way::Native)).await
}

/// What WeChat's browser is called with for an order that waits to be paid there, signed anew.
#[server(endpoint = "pay_in_wechat", protocol = Calls)]
pub async fn pay_in_wechat(out_trade_no: String) -> Result<StatusView, AppError> {
    let payer = PageRequest::current().await.payer()?;
    Service::current()?.pay_in_wechat(&payer, &out_trade_no).await
}

/// The status of an order, from memory or the database; WeChat is not asked. `t` is the order link's token, if that is how
/// the page was opened. With the `version` that the page has seen and `wait_s` seconds (25 at most) the server holds the call
/// until the order has another version; where it has no room for that, and without the two, it answers at once with the
/// pause until the next call. Every open page calls it, so the server answers it itself, with [`status`].
#[server(endpoint = "order_status", protocol = Calls)]
pub async fn order_status(
    out_trade_no: String,
    t: Option<String>,
    version: Option<i64>,
    wait_s: Option<u32>,
) -> Result<StatusView, AppError> {
    let asked = OrderStatus { out_trade_no, t, version, wait_s };
    polls::status(&Service::current()?, auth::user(), &asked).await
}

/// "I have paid, check again": schedules a query of WeChat.
#[server(endpoint = "check_again", protocol = Calls)]
pub async fn check_again(out_trade_no: String) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::current()?.check_again(&user, &out_trade_no).await
}

/// "Not paid, new code": queries WeChat, and only if nothing was paid issues a fresh code under the same number.
#[server(endpoint = "new_code", protocol = Calls)]
pub async fn new_code(out_trade_no: String, seen_version: i64) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::current()?.new_code(&user, &out_trade_no, seen_version).await
}

/// Takes an own order back. One that was paid in the meantime stays paid, which the answer says.
#[server(endpoint = "cancel_order", protocol = Calls)]
pub async fn cancel_order(out_trade_no: String) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::current()?.cancel(&user, &out_trade_no).await
}

/// The list of the payer's own recharges as markup, for the page below the dialog once it has closed.
#[server(endpoint = "own_recharges", protocol = Calls)]
pub async fn own_recharges() -> Result<String, AppError> {
    let user = auth::current_user()?;
    let lang = PageRequest::current().await.lang;
    let service = Service::current()?;
    let page = service.own_recharges(&user, None, None).await?;
    Ok(components::own_recharges::list(lang, page, None, service.cashier.now()).to_html())
}

mod polls {
    use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};

    use super::OrderStatus;
    use crate::auth::{CurrentUser, Viewer};
    use crate::protocol::StatusView;
    use crate::protocol::error::AppError;
    use crate::service::Service;

    /// The arguments of a call of [`super::order_status`] from its JSON.
    ///
    /// # Errors
    /// [`crate::protocol::error::ErrorCode::BadRequest`].
    pub fn read(body: &[u8]) -> Result<OrderStatus, AppError> {
        serde_json::from_slice(body)
            .map_err(|error| AppError::from_server_fn_error(ServerFnErrorErr::Args(error.to_string())))
    }

    /// The answer to a call of [`super::order_status`], at once. `user` is who is signed in.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn status(
        service: &Service,
        user: Option<CurrentUser>,
        asked: &OrderStatus,
    ) -> Result<StatusView, AppError> {
        service.status(&Viewer::new(user, asked.t.clone())?, &asked.out_trade_no).await
    }
}

#[cfg(test)]
mod tests {
    use leptos::server_fn::ServerFn as _;

    use super::*;
    use crate::links;

    #[test]
    fn the_browser_calls_the_addresses_at_which_the_functions_are() {
        let addresses = [
            (links::CREATE_ORDER, CreateOrder::PATH),
            (links::PAY_IN_WECHAT, PayInWechat::PATH),
            (links::ORDER_STATUS, OrderStatus::PATH),
            (links::CHECK_AGAIN, CheckAgain::PATH),
            (links::NEW_CODE, NewCode::PATH),
            (links::CANCEL_ORDER, CancelOrder::PATH),
            (links::OWN_RECHARGES, OwnRecharges::PATH),
        ];
        for (called, served) in addresses {
            assert_eq!(called, served);
        }
    }
}
