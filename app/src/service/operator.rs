//! The service's part for the operator's pages.

use cashier::db::order_list::{Cursor, Filter, Page, Totals};
use cashier::db::takings::Takings;
use cashier::{AskError, CloseError, Health, RefundOffer};
use recharge::event::Event;
use recharge::exception::ExceptionId;
use recharge::exception::resolution::ResolutionKind;
use recharge::ledger::DaySums;
use recharge::refund::Refund;
use recharge::{Exception, Order};
use wxpay::bill::BillDate;
use wxpay::{AppId, OutTradeNo, TradeState, UnixMillis};

use super::{Service, internal};
use crate::auth::Operator;
use crate::protocol::error::AppError;

/// Rows on a page of the list of orders.
const ROWS: usize = 50;

/// How far back the sums by channel go, in milliseconds.
const TAKINGS_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// One order with everything that is known of it.
#[derive(Debug, Clone)]
pub struct OrderDetails {
    pub order: Order,
    /// The app in whose name it was placed.
    pub appid: AppId,
    pub timeline: Vec<Event>,
    pub exceptions: Vec<ExceptionDetails>,
    pub refunds: Vec<Refund>,
    /// What can still be refunded; `None` if it is not paid.
    pub offer: Option<RefundOffer>,
}

/// An exception, and how an operator may resolve it.
#[derive(Debug, Clone)]
pub struct ExceptionDetails {
    pub exception: Exception,
    /// The refunds of its order number.
    pub refunds: Vec<Refund>,
    /// Empty once it is resolved.
    pub ways: Vec<ResolutionKind>,
    /// What can still be refunded; `None` if no operator credited its payment.
    pub offer: Option<RefundOffer>,
}

/// What the operator's first screen shows.
#[derive(Debug, Clone)]
pub struct Overview {
    pub now: UnixMillis,
    /// By day, `YYYYMMDD` of Beijing time; days without orders are absent.
    pub days: Vec<(String, DaySums)>,
    /// The last seven days by channel, the largest sum first.
    pub takings: Vec<Takings>,
    /// The oldest open ones.
    pub exceptions: Vec<Exception>,
    /// Those that are not over.
    pub refunds: Vec<Refund>,
    /// Orders whose query is due, and since when the first of them is.
    pub backlog: (i64, Option<UnixMillis>),
    /// The last day whose bill was compared, and the number of open differences.
    pub reconciled: (Option<BillDate>, i64),
    pub health: Health,
    /// Webhook endpoints that are ill, and those that the program has disabled.
    pub webhooks: (usize, usize),
}

impl Service {
    /// The operator's list, with count and sum of the whole filter.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn orders(&self, filter: &Filter, cursor: Option<Cursor>) -> Result<(Page, Totals), AppError> {
        let page = self.cashier.orders(filter, cursor.as_ref(), ROWS).await.map_err(internal)?;
        Ok((page, self.cashier.totals(filter).await.map_err(internal)?))
    }

    /// Everything about an order; `None` if no order has this number.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn order_details(&self, number: &OutTradeNo) -> Result<Option<OrderDetails>, AppError> {
        let Some(order) = self.cashier.order(number).await.map_err(internal)? else { return Ok(None) };
        Ok(Some(OrderDetails {
            appid: self.cashier.appid_of(&order),
            order,
            timeline: self.cashier.time_line(number).await.map_err(internal)?,
            exceptions: self.with_ways(self.cashier.exceptions(number).await.map_err(internal)?).await?,
            refunds: self.cashier.refunds(number).await.map_err(internal)?,
            offer: self.cashier.refund_offer(number).await.map_err(internal)?,
        }))
    }

    /// Each exception with the ways to resolve it.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn with_ways(&self, exceptions: Vec<Exception>) -> Result<Vec<ExceptionDetails>, AppError> {
        let mut details = Vec::with_capacity(exceptions.len());
        for exception in exceptions {
            let ways = self.cashier.open_resolutions(&exception).await.map_err(internal)?;
            let offer = self.cashier.refund_offer_by_hand(&exception).await.map_err(internal)?;
            let refunds = self.cashier.refunds(&exception.out_trade_no).await.map_err(internal)?;
            details.push(ExceptionDetails { exception, refunds, ways, offer });
        }
        Ok(details)
    }

    /// The refunds of the order numbers of these exceptions.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn refunds_of_exceptions(&self, found: &[Exception]) -> Result<Vec<Refund>, AppError> {
        let resolved = found.iter().filter(|found| found.resolution.is_some());
        let numbers: Vec<_> = resolved.map(|found| found.out_trade_no.as_str()).collect();
        self.cashier.refunds_of(&numbers).await.map_err(internal)
    }

    /// What can be refunded of an order's own payment, or of the one that an operator credited in resolving `exception`.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn refund_offer(
        &self,
        number: &OutTradeNo,
        exception: Option<&str>,
    ) -> Result<Option<RefundOffer>, AppError> {
        let Some(id) = exception else { return self.cashier.refund_offer(number).await.map_err(internal) };
        let Some(id) = ExceptionId::parse(id).filter(|id| id.out_trade_no == *number) else {
            return Ok(None);
        };
        match self.cashier.exception(&id).await.map_err(internal)? {
            Some(kept) => self.cashier.refund_offer_by_hand(&kept).await.map_err(internal),
            None => Ok(None),
        }
    }

    /// Queries WeChat about the order now.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask_wechat(
        &self,
        operator: &Operator,
        number: &OutTradeNo,
    ) -> Result<Option<TradeState>, AskError> {
        self.cashier.query(number, &operator.name).await
    }

    /// What the operator's first screen shows.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn overview(&self, days: i64) -> Result<Overview, AppError> {
        let now = self.cashier.now();
        let day = |at: UnixMillis| at.to_beijing().chars().take(8).collect::<String>();
        let first = now.plus_ms(-(days - 1) * 24 * 60 * 60 * 1000);
        Ok(Overview {
            now,
            days: self.cashier.days(&day(first), &day(now)).await.map_err(internal)?,
            takings: self.cashier.takings(now.plus_ms(-TAKINGS_MS)).await.map_err(internal)?,
            exceptions: self.cashier.open_exceptions(20).await.map_err(internal)?,
            refunds: self.cashier.open_refunds(500).await.map_err(internal)?,
            backlog: self.cashier.backlog().await.map_err(internal)?,
            reconciled: self.cashier.reconciled().await.map_err(internal)?,
            health: self.cashier.health(),
            webhooks: self.webhooks.in_trouble().await.map_err(internal)?,
        })
    }

    /// Payments that match no order, by the beginning of one of their numbers.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn unmatched(&self, search: &str) -> Result<Vec<Exception>, AppError> {
        self.cashier.exceptions_without_order(search, 50).await.map_err(internal)
    }

    /// Puts an operator's note on an order's time line; `false` if there is no such order.
    ///
    /// # Errors
    /// [`AppError`] when it could not be written.
    pub async fn note(&self, operator: &Operator, number: &OutTradeNo, text: &str) -> Result<bool, AppError> {
        if self.cashier.order(number).await.map_err(internal)?.is_none() {
            return Ok(false);
        }
        self.cashier.note(number, &operator.name, text).await.map_err(internal)?;
        Ok(true)
    }

    /// Closes the order, unless WeChat answers that it is paid.
    ///
    /// # Errors
    /// [`CloseError`].
    pub async fn close_order(&self, operator: &Operator, number: &OutTradeNo) -> Result<Order, CloseError> {
        self.cashier.close(number, &operator.name).await
    }
}
