//! What a press on the payer's page does: ask again, a new code, another order of the same amount, taking the order back.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::KEPT;
use crate::auth::Viewer;
use crate::components::own_recharges::FROM_LIST;
use crate::links;
use crate::pages::refused::{refused, signed_out};
use crate::pages::top_up::to_order;
use crate::protocol::ViewState;
use crate::protocol::way::Way;
use crate::request::PageRequest;
use crate::service::Service;
use crate::url::address;

/// "I have paid, check again".
pub async fn check(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
) -> Response {
    let Some(user) = &request.user else {
        return signed_out(&service, &request).await;
    };
    match service.check_again_now(user, &number).await {
        Ok(view) => {
            Redirect::to(&address(&links::pay(&view.out_trade_no), [("checked", "1")])).into_response()
        }
        Err(error) => refused(&service, &request, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct NewCodeForm {
    /// The version of the code on the payer's screen.
    seen: i64,
}

/// "Not paid, new code".
pub async fn new_code(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
    Form(form): Form<NewCodeForm>,
) -> Response {
    let Some(user) = &request.user else {
        return signed_out(&service, &request).await;
    };
    match service.new_code(user, &number, form.seen).await {
        Err(error) if error.out_trade_no.is_none() => refused(&service, &request, &error).await,
        Ok(view) if view.state == ViewState::Pending && view.code_version == form.seen => {
            Redirect::to(&address(&links::pay(&view.out_trade_no), [("code", KEPT)])).into_response()
        }
        answer => to_order(answer),
    }
}

#[derive(Debug, Deserialize)]
pub struct CancelForm {
    /// `list`: pressed in the list of own recharges, which is shown again; else the order's page is.
    #[serde(default)]
    from: String,
}

/// "Cancel the order".
pub async fn cancel(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
    Form(form): Form<CancelForm>,
) -> Response {
    let Some(user) = &request.user else {
        return signed_out(&service, &request).await;
    };
    match service.cancel(user, &number).await {
        Ok(view) if form.from == FROM_LIST && view.state == ViewState::Closed => {
            Redirect::to(links::HOME).into_response()
        }
        Ok(view) => Redirect::to(&links::pay(&view.out_trade_no)).into_response(),
        Err(error) => refused(&service, &request, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct AgainForm {
    /// How it is to be paid; pages from before there was a choice do not say.
    #[serde(default)]
    way: String,
}

/// Places the same amount again: a new order after a closed one, the next try for one without a ticket, or an order that is
/// paid in another way.
pub async fn again(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
    Form(form): Form<AgainForm>,
) -> Response {
    let payer = match request.payer() {
        Ok(payer) => payer,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let order = match service.order_for(&Viewer::from(&payer.user), &number).await {
        Ok((order, _)) => order,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let units = order.total_fee.get().checked_div(service.site.unit_price.get()).unwrap_or(0);
    let quantity = u32::try_from(units).unwrap_or(0);
    to_order(service.place(&payer, quantity, Way::parse(&form.way).unwrap_or(Way::Native)).await)
}
