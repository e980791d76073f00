//! The server function `order_status`, answered without Leptos' reactive context, compression and limits: every open page
//! calls it. A call that names the version it has seen is held until the order has another one, in a place of
//! [`crate::held_polls`]; without a place it is answered at once, and the page asks again after a pause.

use std::time::Duration;

use app::{
    access::{Caller, Limit, Routes, Stranger},
    api::{self, OrderStatus},
    auth::CurrentUser,
    poll::HOLD_S,
    protocol::{
        StatusView, ViewState,
        error::{AppError, ErrorCode},
    },
};
use axum::{
    Json,
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use leptos::server_fn::ServerFn as _;
use tokio::time::timeout;
use wxpay::OutTradeNo;

use crate::{
    client_addr::ClientAddr, held_polls::Place, limits::too_many_misses, middleware::FORM_BYTES,
    misses::Asker, payer_session::unavailable, state::Server,
};

pub(crate) fn routes() -> Routes<Server> {
    // The handler reads the session itself.
    Routes::new().post(OrderStatus::PATH, Caller::Stranger(Stranger::Program), Limit::Misses, poll)
}

async fn poll(State(server): State<Server>, request: Request) -> Response {
    // In a box: what the first look needs is gone while the poll is held.
    let held = match Box::pin(look(&server, request)).await {
        Looked::Answer(response) => return response,
        Looked::Unchanged(held) => held,
    };
    let Held { user, asked, number, version, wait, place } = *held;
    let changed = tokio::select! {
        changed = timeout(wait, server.cashier.until_changed(&number, version)) => changed.unwrap_or(true),
        () = server.held_polls.stopped() => false,
    };
    drop(place);
    let status = Box::pin(api::status(&server.pages, user, &asked)).await;
    // It may be held again at once.
    status.map(|view| if changed { at_once(view) } else { view }).map(Json).into_response()
}

enum Looked {
    Answer(Response),
    Unchanged(Box<Held>),
}

/// A poll whose order has not changed, with all that it needs once it has.
struct Held {
    user: Option<CurrentUser>,
    asked: OrderStatus,
    number: OutTradeNo,
    version: i64,
    wait: Duration,
    place: Place,
}

/// Checks who asks and how the order stands now.
async fn look(server: &Server, request: Request) -> Looked {
    let user = match server.payer(request.headers()).await {
        Ok(user) => user,
        Err(error) => return Looked::Answer(unavailable(&error)),
    };
    let from = request.extensions().get::<ClientAddr>().copied();
    let asker_id = user.as_ref().map(|user| user.id.clone());
    let asker = Asker::new(asker_id.as_deref(), from);
    let Ok(body) = to_bytes(request.into_body(), FORM_BYTES).await else {
        return Looked::Answer(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let asked = api::read(&body);
    let number = asked.as_ref().ok().and_then(|asked| OutTradeNo::parse(&asked.out_trade_no).ok());
    if let Err(slow) = server.misses.check(&asker, server.now())
        // An order in memory costs no reading, so it is answered whatever else was asked before.
        && !number.as_ref().is_some_and(|number| server.cashier.is_watched(number))
    {
        return Looked::Answer(too_many_misses(slow).into_response());
    }
    let (asked, view) = match status(server, user.clone(), asked).await {
        Ok(found) => found,
        Err(error) => {
            if error.code == ErrorCode::NotFound {
                server.misses.count(&asker, server.now());
            }
            return Looked::Answer(error.into_response());
        }
    };
    let wait_s = asked.wait_s.unwrap_or(0).min(HOLD_S);
    if wait_s == 0 {
        return Looked::Answer(Json(view).into_response());
    }
    if asked.version != Some(view.version) {
        return Looked::Answer(Json(at_once(view)).into_response());
    }
    let place = from.and_then(|from| server.held_polls.take(from));
    let may_change = !matches!(view.state, ViewState::Paid | ViewState::Late | ViewState::LateRefunded);
    match place.filter(|_| may_change).zip(number) {
        None => Looked::Answer(Json(view).into_response()),
        Some((place, number)) => {
            let (version, wait) = (view.version, Duration::from_secs(wait_s.into()));
            Looked::Unchanged(Box::new(Held { user, asked, number, version, wait, place }))
        }
    }
}

async fn status(
    server: &Server,
    user: Option<CurrentUser>,
    asked: Result<OrderStatus, AppError>,
) -> Result<(OrderStatus, StatusView), AppError> {
    let asked = asked?;
    let view = api::status(&server.pages, user, &asked).await?;
    Ok((asked, view))
}

/// The page may ask again without a pause, because it is held then.
fn at_once(view: StatusView) -> StatusView {
    StatusView { next_ms: 0, ..view }
}
