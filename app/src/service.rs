//! Application service for pages and server functions: who may see what, and how orders and errors are shown.

use std::sync::Arc;

use axum::extract::FromRef;
use cashier::Cashier;
use cashier::alerts::Alerts;
use cashier::api_keys::ApiKeys;
use cashier::db::DbError;
use cashier::db::order_filter::{Filter, Span};
use cashier::db::order_list::{Cursor, Page};
use cashier::desk_settings::DeskSettings;
use cashier::operators::Accounts;
use cashier::webhooks::Webhooks;
use cashier::{PlaceError, PlaceRequest};
use leptos::prelude::use_context;
use recharge::audit::Actor;
use recharge::{Order, OrderState, Refund, User};
use wxpay::{Fen, OutTradeNo, UnixMillis};

use crate::auth::{CurrentUser, Viewer};
use crate::month::Month;
use crate::protocol::error::{AppError, ErrorCode, later, refusal};
use crate::protocol::way::Way;
use crate::protocol::{OpenOrder, StatusView};
use crate::refund_summary::RefundSummary;
use crate::request::Payer;
use crate::service::{contracts::Contracts, report::Report};
use crate::site::Site;
use crate::site::desk::LiveSite;

pub mod contracts;
pub mod operator;
pub mod report;
mod view;
pub mod ways;
mod wishes;

/// Rows on a page of the payer's own recharges.
const OWN_ROWS: usize = 10;

/// The cashier, the keys of the site's programs, the operators, and the site's settings. Cheap to clone; pages provide it as context to what they render.
#[derive(Debug, Clone)]
pub struct Service {
    pub cashier: Cashier,
    pub keys: ApiKeys,
    pub operators: Accounts,
    pub webhooks: Webhooks,
    pub alerts: Alerts,
    /// As they count for this request.
    pub site: Site,
    pub live: LiveSite,
    pub desk: DeskSettings,
    /// What the settings page shows of this process.
    pub report: Arc<Report>,
    /// The contract for the site's programs, as OpenAPI.
    pub contracts: Arc<Contracts>,
}

/// The state of the pages' routes: each request gets the settings that count by then.
#[derive(Debug, Clone)]
pub struct Pages(pub Service);

impl FromRef<Pages> for Service {
    fn from_ref(pages: &Pages) -> Service {
        pages.0.present()
    }
}

/// What a payer may order beside what the settings say of everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What may still be ordered today; `None`: any amount.
    pub left_today: Option<Fen>,
    /// What is added to the next order, where it would be the account's first; zero: nothing.
    pub first_bonus: Fen,
}

impl Service {
    /// The service with the settings that count now.
    #[must_use]
    pub fn present(&self) -> Service {
        Service { site: self.live.now(), ..self.clone() }
    }

    /// Reads what owners changed at the desk.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn reread_settings(&self) -> Result<(), DbError> {
        self.live.take(self.desk.all().await?);
        Ok(())
    }

    /// The service of this request.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] where none was provided.
    pub fn current() -> Result<Service, AppError> {
        use_context::<Service>().ok_or_else(|| refusal(ErrorCode::Internal, "no service"))
    }

    /// Places an order, or returns the open one of the same user and amount.
    ///
    /// # Errors
    /// [`AppError`], with the order's number where one exists.
    pub async fn place(&self, payer: &Payer, quantity: u32, way: Way) -> Result<StatusView, AppError> {
        let (total_fee, bonus) = self
            .site
            .price_at(quantity, self.cashier.now())
            .ok_or_else(|| refusal(ErrorCode::Quantity, "quantity is out of limits"))?;
        let user = User::new(&payer.user.id, &payer.user.name).map_err(internal)?;
        let way = ways::of_order(&self.site, payer, way)?;
        let (ip, terms) = (payer.ip.0, self.site.terms());
        match self.cashier.place(PlaceRequest { user, total_fee, bonus, terms, ip, way, by_key: None }).await
        {
            Ok(order) => self.for_a_press(&order).await,
            Err(error) => Err(self.place_error(error)),
        }
    }

    /// What this payer may order now. The transaction that writes an order decides for itself.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the database does not answer.
    pub async fn allowed(&self, user: &CurrentUser) -> Result<Allowed, AppError> {
        let terms = self.site.terms();
        if terms.are_plain() {
            return Ok(Allowed::default());
        }
        let payer = self.cashier.payer(&user.id).await.map_err(internal)?;
        let left = |most: Fen| Fen::new((most.get() - payer.ordered.get()).max(0));
        let is_first = !payer.has_paid && payer.first.is_none();
        let first_bonus = if is_first { terms.first_bonus } else { Fen::ZERO };
        Ok(Allowed { left_today: terms.most_per_day.map(left), first_bonus })
    }

    /// An own order that waits to be paid inside WeChat, with what WeChat's browser is called with.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn pay_in_wechat(&self, payer: &Payer, number: &str) -> Result<StatusView, AppError> {
        let number = self.own(&payer.user, number).await?;
        let order = self.cashier.order(&number).await.map_err(internal)?.ok_or_else(not_found)?;
        if !order.is_offered() || order.has_live_ticket(self.cashier.now()) {
            return self.for_a_press(&order).await;
        }
        let seen = order.issued().map_or(0, |issued| issued.version);
        match self.cashier.new_code(number, seen).await {
            Ok(order) => self.for_a_press(&order).await,
            Err(error) => Err(self.place_error(error)),
        }
    }

    /// The answer to a press: with the parameters for WeChat's browser where the order is paid there. They are signed for
    /// each press anew, and never for a poll.
    async fn for_a_press(&self, order: &Order) -> Result<StatusView, AppError> {
        let jsapi = self.cashier.jsapi_params(order).map(ways::call);
        Ok(StatusView { jsapi, ..self.view(order).await? })
    }

    /// The status of an order, for its user or the holder of its link.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] for an unknown number and for somebody else's order alike.
    pub async fn status(&self, viewer: &Viewer, number: &str) -> Result<StatusView, AppError> {
        let number = OutTradeNo::parse(number).map_err(|_| not_found())?;
        let now = self.cashier.now();
        let order =
            self.cashier.status(&number, |order| may_see(viewer, order, now)).await.map_err(internal)?;
        let order = order.ok_or_else(not_found)?;
        let mut view = self.view(&order).await?;
        if !is_owner(viewer, &order) {
            (view.balance, view.link) = (None, None);
        }
        Ok(view)
    }

    /// Schedules a query of WeChat, for a payer who says that they have paid.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn check_again(&self, user: &CurrentUser, number: &str) -> Result<StatusView, AppError> {
        let number = self.own(user, number).await?;
        self.cashier.check_again(&number).await.map_err(internal)?;
        self.status(&Viewer::from(user), number.as_str()).await
    }

    /// The same for a page without script: waits a moment for WeChat's answer.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn check_again_now(&self, user: &CurrentUser, number: &str) -> Result<StatusView, AppError> {
        let view = self.check_again(user, number).await?;
        let number = OutTradeNo::parse(number).map_err(|_| not_found())?;
        self.cashier.until_checked(&number, view.version).await;
        Ok(view)
    }

    /// A new code under the same number, unless WeChat answers that it is paid. `seen` is the version of the code on the
    /// payer's screen.
    ///
    /// # Errors
    /// As [`Service::place`] and [`Service::status`].
    pub async fn new_code(
        &self,
        user: &CurrentUser,
        number: &str,
        seen: i64,
    ) -> Result<StatusView, AppError> {
        let number = self.own(user, number).await?;
        match self.cashier.new_code(number, seen).await {
            Ok(order) => self.view(&order).await,
            Err(error) => Err(self.place_error(error)),
        }
    }

    /// Takes an own order back: it is offered to nobody from now on, and WeChat is asked about it at once. It is closed there
    /// once that may be; a payment until then is credited, so the answer may be that it is paid.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn cancel(&self, user: &CurrentUser, number: &str) -> Result<StatusView, AppError> {
        let number = self.own(user, number).await?;
        let order = self.cashier.cancel(&number, Actor::Payer).await.map_err(internal)?;
        let order = order.ok_or_else(not_found)?;
        if order.is_open() {
            self.cashier.check_again(&number).await.map_err(internal)?;
        }
        self.view(&order).await
    }

    async fn own(&self, user: &CurrentUser, number: &str) -> Result<OutTradeNo, AppError> {
        let number = OutTradeNo::parse(number).map_err(|_| not_found())?;
        let order = self.cashier.order(&number).await.map_err(internal)?;
        order.filter(|order| order.user.id == user.id).map(|_| number).ok_or_else(not_found)
    }

    /// An order for its page, if this viewer may see it.
    ///
    /// # Errors
    /// As [`Service::status`].
    pub async fn order_for(&self, viewer: &Viewer, number: &str) -> Result<(Order, StatusView), AppError> {
        let number = OutTradeNo::parse(number).map_err(|_| not_found())?;
        let order = self.cashier.order(&number).await.map_err(internal)?;
        let order = order.filter(|order| may_see(viewer, order, self.cashier.now())).ok_or_else(not_found)?;
        let view = self.view(&order).await?;
        Ok((order, view))
    }

    /// A page of a user's own recharges, newest first; those of a month, where one is given.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the database does not answer.
    pub async fn own_recharges(
        &self,
        user: &CurrentUser,
        month: Option<Month>,
        cursor: Option<Cursor>,
    ) -> Result<Page, AppError> {
        let page = match month.and_then(Month::range) {
            None => self.cashier.orders_of(&user.id, cursor.as_ref(), OWN_ROWS).await,
            Some((from, to)) => {
                let placed = Span { from: Some(from), to: Some(to) };
                let filter = Filter { user: Some(user.id.clone()), placed, ..Filter::default() };
                self.cashier.orders(&filter, cursor.as_ref(), OWN_ROWS).await
            }
        };
        page.map_err(internal)
    }

    /// The user's balance.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the database does not answer.
    pub async fn balance(&self, user: &CurrentUser) -> Result<Fen, AppError> {
        self.cashier.balance(&user.id).await.map_err(internal)
    }

    /// The refunds of an order's number.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the database does not answer.
    pub async fn refunds(&self, order: &Order) -> Result<Vec<Refund>, AppError> {
        self.cashier.refunds(&order.out_trade_no).await.map_err(internal)
    }

    /// The refunds of an order's payment, added up.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the database does not answer.
    pub async fn refund_summary(&self, order: &Order) -> Result<RefundSummary, AppError> {
        if !matches!(order.state, OrderState::Paid(_)) {
            return Ok(RefundSummary::default());
        }
        let refunds = self.cashier.refunds(&order.out_trade_no).await.map_err(internal)?;
        Ok(RefundSummary::of(order, &refunds))
    }

    fn place_error(&self, error: PlaceError) -> AppError {
        let now = self.cashier.now();
        let message = error.to_string();
        match error {
            PlaceError::Invalid(_) => refusal(ErrorCode::Quantity, message),
            PlaceError::NotFound => not_found(),
            PlaceError::TooManyOpen(orders) => {
                let open = orders.iter().map(|order| OpenOrder {
                    out_trade_no: order.out_trade_no.to_string(),
                    total_fee: order.total_fee.get(),
                    closes_in_s: order.expires_in_s(now),
                });
                AppError { open: open.collect(), ..refusal(ErrorCode::TooManyOpen, message) }
            }
            PlaceError::OverDay { left } => {
                AppError { left: Some(left.get()), ..refusal(ErrorCode::OverDay, message) }
            }
            PlaceError::TryAgain { out_trade_no } => AppError {
                out_trade_no: Some(out_trade_no.to_string()),
                ..later(ErrorCode::Busy, message, 3)
            },
            PlaceError::Unavailable { out_trade_no, wait_s } => AppError {
                out_trade_no: out_trade_no.map(|number| number.to_string()),
                ..later(ErrorCode::Busy, message, wait_s)
            },
            PlaceError::RateLimited { out_trade_no, wait_s } => AppError {
                out_trade_no: out_trade_no.map(|number| number.to_string()),
                ..later(ErrorCode::TooOften, message, wait_s)
            },
            // Pages send no idempotency keys and no references.
            PlaceError::KeyReused | PlaceError::TooManyKeys | PlaceError::ReferenceReused { .. } => {
                refusal(ErrorCode::BadRequest, message)
            }
            // WeChat's own message is for the operator, not for the payer.
            PlaceError::Refused { out_trade_no, .. } | PlaceError::OtherPayer { out_trade_no } => AppError {
                out_trade_no: Some(out_trade_no.to_string()),
                ..refusal(ErrorCode::Refused, "WeChat did not accept the order")
            },
            PlaceError::Stopped(_) => later(ErrorCode::Refused, "no new orders are taken now", 60),
            PlaceError::Write(error) => internal(error),
        }
    }
}

/// Whether the viewer is the order's user.
pub fn is_owner(viewer: &Viewer, order: &Order) -> bool {
    viewer.user.as_ref().is_some_and(|user| user.id == order.user.id)
}

/// The order's user, or the holder of its link.
fn may_see(viewer: &Viewer, order: &Order, now: UnixMillis) -> bool {
    is_owner(viewer, order) || viewer.token.as_ref().is_some_and(|token| order.link_opens(token, now))
}

fn not_found() -> AppError {
    refusal(ErrorCode::NotFound, "no such order")
}

/// An internal failure: logged with its cause, which the answer does not contain.
pub fn internal(error: impl std::error::Error + 'static) -> AppError {
    tracing::error!(error = &error as &dyn std::error::Error, "reading or writing for a page failed");
    later(ErrorCode::Internal, "something went wrong", 3)
}
