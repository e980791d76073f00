//! The service's part for the operator's pages.

use cashier::db::desk_choices::{List, SavedFilter};
use cashier::db::exceptions::Unmatched;
use cashier::db::order_filter::Filter;
use cashier::db::order_list::{self, Cursor, Page};
use cashier::db::order_totals::Totals;
use cashier::db::pace::{Hour, Pace};
use cashier::db::refund_list;
use cashier::db::takings::Takings;
use cashier::work::{Waiting, by_kind};
use cashier::{AskError, CloseError, Health, RefundOffer};
use recharge::event::Event;
use recharge::exception::ExceptionId;
use recharge::exception::resolution::ResolutionKind;
use recharge::ledger::DaySums;
use recharge::refund::Refund;
use recharge::refund_wish::RefundWish;
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
    /// Refunds that its payer asked for, in the order in which they were asked.
    pub wishes: Vec<RefundWish>,
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
    /// Today by the hour.
    pub hours: [Hour; 24],
    /// How long things took in the last seven days.
    pub pace: Pace,
    /// The last seven days by channel, the largest sum first.
    pub takings: Vec<Takings>,
    /// The oldest open ones.
    pub exceptions: Vec<Exception>,
    /// Those that are not over.
    pub refunds: Vec<Refund>,
    /// What waits for a person.
    pub work: Vec<Waiting>,
    /// Orders whose query is due, and since when the first of them is.
    pub backlog: (i64, Option<UnixMillis>),
    /// The last day whose bill was compared, and the number of open differences.
    pub reconciled: (Option<BillDate>, i64),
    pub health: Health,
    /// Webhook endpoints that are ill, and those that the program has disabled.
    pub webhooks: (usize, usize),
}

impl Service {
    /// A page of the operator's list, whether its search fits more than is listed, and count and sums of the whole filter.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn orders(
        &self,
        filter: &Filter,
        cursor: Option<Cursor>,
    ) -> Result<(Page, bool, Totals), AppError> {
        let scan = order_list::PAGE_SCAN;
        let found = self.cashier.orders_within(filter, cursor.as_ref(), ROWS, scan).await;
        let (page, is_cut) = found.map_err(internal)?;
        Ok((page, is_cut, self.cashier.totals(filter).await.map_err(internal)?))
    }

    /// The same of refunds.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn refund_list(
        &self,
        filter: &refund_list::Filter,
        cursor: Option<refund_list::Cursor>,
    ) -> Result<(refund_list::Page, bool, refund_list::Totals), AppError> {
        let scan = order_list::PAGE_SCAN;
        let found = self.cashier.refunds_within(filter, cursor.as_ref(), ROWS, scan).await;
        let (page, is_cut) = found.map_err(internal)?;
        Ok((page, is_cut, self.cashier.refund_totals(filter).await.map_err(internal)?))
    }

    /// The filters that an operator saved for a list.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn saved_filters(&self, operator: &Operator, list: List) -> Result<Vec<SavedFilter>, AppError> {
        self.cashier.saved_filters(&operator.name, list).await.map_err(internal)
    }

    /// Keeps a filter under its name; `false` if there are too many.
    ///
    /// # Errors
    /// [`AppError`] when it could not be written.
    pub async fn save_filter(
        &self,
        operator: &Operator,
        list: List,
        filter: SavedFilter,
    ) -> Result<bool, AppError> {
        self.cashier.save_filter(&operator.name, list, filter).await.map_err(internal)
    }

    /// Forgets a filter.
    ///
    /// # Errors
    /// [`AppError`] when it could not be written.
    pub async fn forget_filter(&self, operator: &Operator, list: List, name: &str) -> Result<(), AppError> {
        self.cashier.forget_filter(&operator.name, list, name).await.map_err(internal)
    }

    /// The columns that an operator chose; `None` for one who never did.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn shown_columns(
        &self,
        operator: &Operator,
        list: List,
    ) -> Result<Option<Vec<String>>, AppError> {
        self.cashier.shown_columns(&operator.name, list).await.map_err(internal)
    }

    /// Keeps which columns an operator wants to see.
    ///
    /// # Errors
    /// [`AppError`] when it could not be written.
    pub async fn choose_columns(
        &self,
        operator: &Operator,
        list: List,
        columns: &[&str],
    ) -> Result<(), AppError> {
        self.cashier.choose_columns(&operator.name, list, columns).await.map_err(internal)
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
            wishes: self.cashier.refund_wishes(&[number.as_str()]).await.map_err(internal)?,
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
            hours: self.cashier.by_hour(BillDate::of(now)).await.map_err(internal)?,
            pace: self.cashier.pace(now.plus_ms(-TAKINGS_MS)).await.map_err(internal)?,
            takings: self.cashier.takings(now.plus_ms(-TAKINGS_MS)).await.map_err(internal)?,
            exceptions: self.cashier.open_exceptions(20).await.map_err(internal)?,
            refunds: self.cashier.open_refunds(500).await.map_err(internal)?,
            work: by_kind(&self.cashier.work().await.map_err(internal)?),
            backlog: self.cashier.backlog().await.map_err(internal)?,
            reconciled: self.cashier.reconciled().await.map_err(internal)?,
            health: self.cashier.health(),
            webhooks: self.webhooks.in_trouble().await.map_err(internal)?,
        })
    }

    /// The newest payments that match no order.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn unmatched(&self, wanted: &Unmatched) -> Result<Vec<Exception>, AppError> {
        self.cashier.exceptions_without_order(wanted, None, 50).await.map_err(internal)
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
