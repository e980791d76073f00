//! Reads for pages and commands: orders, exceptions, balances and sums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use recharge::batch::Payer;
use recharge::event::Event;
use recharge::ledger::DaySums;
use recharge::{Exception, Order, Refund, User};
use wxpay::bill::BillDate;
use wxpay::{AppId, Fen, OutTradeNo, UnixMillis};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::exceptions::Unmatched;
use crate::db::figures::{self, Figures};
use crate::db::order_filter::Filter;
use crate::db::order_list::{self, Cursor, Listed, Page};
use crate::db::order_totals::{self, Totals};
use crate::db::pace::{self, Hour, Pace};
use crate::db::refund_list;
use crate::db::takings::{self, Takings};
use crate::db::{accounts, days, due, events, exceptions, orders, placing, refunds};

/// Rows of a time line that are read at most.
const LINE_ROWS: i64 = 500;

impl Cashier {
    /// The order of a page that polls. It is answered from memory while the order is watched (polled in the last seconds), and a poll
    /// makes it watched. `may_see` is checked before that: watched orders are queried at WeChat every few seconds, and a stranger
    /// must not be able to cause that.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn status(
        &self,
        out_trade_no: &OutTradeNo,
        may_see: impl Fn(&Order) -> bool,
    ) -> Result<Option<Arc<Order>>, DbError> {
        let (watched, now) = (&self.inner.watched, self.now());
        if let Some(order) = watched.get(out_trade_no) {
            if !may_see(&order) {
                return Ok(None);
            }
            watched.asked(out_trade_no, now);
            return Ok(Some(order));
        }
        if self.inner.unknown.contains(out_trade_no, now) {
            return Ok(None);
        }
        watched.expect(out_trade_no, now);
        let found = orders::find(&self.inner.db, out_trade_no).await?;
        if found.is_none() {
            self.inner.unknown.note(out_trade_no, now);
        }
        let Some(order) = found.filter(may_see) else {
            watched.unexpect(out_trade_no);
            return Ok(None);
        };
        watched.publish(std::iter::once(order.clone()));
        Ok(Some(watched.get(out_trade_no).unwrap_or_else(|| Arc::new(order))))
    }

    /// Whether [`Cashier::status`] answers for this order from memory.
    pub fn is_watched(&self, out_trade_no: &OutTradeNo) -> bool {
        self.inner.watched.get(out_trade_no).is_some()
    }

    /// Ends when this process knows another version of a watched order than this one: after its own commits at once, after those
    /// of other instances once it hears of them. `false` at once where the order is not watched, so that nobody could tell.
    pub async fn until_changed(&self, out_trade_no: &OutTradeNo, version: i64) -> bool {
        self.inner.watched.until_changed(out_trade_no, version).await
    }

    /// What is known of a user who may order: what was ordered today, and whether it would be the first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn payer(&self, user_id: &str) -> Result<Payer, DbError> {
        placing::payer(&self.inner.db, user_id, self.now()).await
    }

    /// One order, from the database.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn order(&self, out_trade_no: &OutTradeNo) -> Result<Option<Order>, DbError> {
        orders::find(&self.inner.db, out_trade_no).await
    }

    /// One order with its exceptions, oldest first, and the refunds of its number.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn recharge(&self, out_trade_no: &OutTradeNo) -> Result<Option<Listed>, DbError> {
        order_list::one(&self.inner.db, out_trade_no).await
    }

    /// The time line of an order, oldest first; of a longer one the newest 500 events.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn time_line(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Event>, DbError> {
        events::of_order(&self.inner.db, out_trade_no, LINE_ROWS).await
    }

    /// The exceptions of an order, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn exceptions(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Exception>, DbError> {
        exceptions::of_orders(&self.inner.db, &[out_trade_no.as_str()]).await
    }

    /// Unresolved exceptions, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_exceptions(&self, limit: i64) -> Result<Vec<Exception>, DbError> {
        exceptions::open(&self.inner.db, limit).await
    }

    /// Exceptions whose order number is unknown here, newest first, at most `limit`; `before` is a place in that order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn exceptions_without_order(
        &self,
        wanted: &Unmatched,
        before: Option<(UnixMillis, &str)>,
        limit: i64,
    ) -> Result<Vec<Exception>, DbError> {
        exceptions::without_order(&self.inner.db, wanted, before, limit).await
    }

    /// A user's name and balance; `None` for an id without an account.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn account(&self, user_id: &str) -> Result<Option<(User, Fen)>, DbError> {
        accounts::find(&self.inner.db, user_id).await
    }

    /// The refunds of these order numbers, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refunds_of(&self, numbers: &[&str]) -> Result<Vec<Refund>, DbError> {
        refunds::of_orders(&self.inner.db, numbers).await
    }

    /// The balance of a user; zero for an unknown one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn balance(&self, user_id: &str) -> Result<Fen, DbError> {
        accounts::balance(&self.inner.db, user_id).await
    }

    /// One page of a user's orders, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn orders_of(
        &self,
        user_id: &str,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, DbError> {
        order_list::of_user(&self.inner.db, user_id, cursor, limit).await
    }

    /// One page of the orders that `filter` selects, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn orders(
        &self,
        filter: &Filter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, DbError> {
        order_list::orders(&self.inner.db, filter, cursor, limit).await
    }

    /// The same, looking at `scan` orders at most; and whether the filter's search fits more orders than it led to.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn orders_within(
        &self,
        filter: &Filter,
        cursor: Option<&Cursor>,
        limit: usize,
        scan: i64,
    ) -> Result<(Page, bool), DbError> {
        order_list::looked(&self.inner.db, filter, cursor, limit, Some(scan)).await
    }

    /// Count and sums of the orders that `filter` selects.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn totals(&self, filter: &Filter) -> Result<Totals, DbError> {
        order_totals::totals(&self.inner.db, filter).await
    }

    /// One page of the refunds that `filter` selects, newest first, looking at `scan` of them at most; and whether the filter's
    /// search fits more orders than it led to.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refunds_within(
        &self,
        filter: &refund_list::Filter,
        cursor: Option<&refund_list::Cursor>,
        limit: usize,
        scan: i64,
    ) -> Result<(refund_list::Page, bool), DbError> {
        refund_list::looked(&self.inner.db, filter, cursor, limit, scan).await
    }

    /// Count and sum of the refunds that `filter` selects.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refund_totals(&self, filter: &refund_list::Filter) -> Result<refund_list::Totals, DbError> {
        refund_list::totals(&self.inner.db, filter).await
    }

    /// What came since `from` by which channel, the largest sum first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn takings(&self, from: UnixMillis) -> Result<Vec<Takings>, DbError> {
        takings::by_channel(self.db(), from).await
    }

    /// The payments of a day by the hour: the same ones as in the day's sum in [`Cashier::days`].
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn by_hour(&self, day: BillDate) -> Result<[Hour; 24], DbError> {
        let mut hours = pace::by_hour(self.db(), day).await?;
        for (paid_at, total_fee) in self.besides_orders(day.start()).await? {
            pace::add(&mut hours, day, paid_at, total_fee);
        }
        Ok(hours)
    }

    /// What was received since `from` and not credited to an order, each payment once: when it was paid, and how much.
    async fn besides_orders(&self, from: UnixMillis) -> Result<Vec<(UnixMillis, Fen)>, DbError> {
        let mut counted = BTreeSet::new();
        let mut found = exceptions::besides_orders(&self.inner.db, from).await?;
        // One payment may be several exceptions.
        found.retain(|exception| exception.is_received() && counted.insert(exception.transaction_id.clone()));
        Ok(found.iter().map(|exception| (exception.paid_at(), exception.total_fee)).collect())
    }

    /// How long payers and the way to the balance took since `from`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn pace(&self, from: UnixMillis) -> Result<Pace, DbError> {
        pace::lately(self.db(), from).await
    }

    /// The app in whose name an order was placed.
    pub fn appid_of(&self, order: &Order) -> AppId {
        order.app.other().unwrap_or(self.inner.wechat.appid()).clone()
    }

    /// The sums of the days from `from` to `to` (`yyyyMMdd`, Beijing time), oldest first. They include payments that were not
    /// credited to an order (a second payment, one without an order), because WeChat's bill has them, and their refunds are counted
    /// too.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn days(&self, from: &str, to: &str) -> Result<Vec<(String, DaySums)>, DbError> {
        let db = &self.inner.db;
        let mut days: BTreeMap<_, _> = days::list(db, from, to).await?.into_iter().collect();
        let start = UnixMillis::from_beijing(&format!("{from}000000")).unwrap_or_default();
        for (paid_at, total_fee) in self.besides_orders(start).await? {
            let mut day = paid_at.to_beijing();
            day.truncate(8);
            if (from..=to).contains(&day.as_str()) {
                let sums: &mut DaySums = days.entry(day).or_default();
                sums.paid += 1;
                sums.paid_fen = sums.paid_fen.saturating_add(total_fee.get());
            }
        }
        Ok(days.into_iter().collect())
    }

    /// What an operator watches, counted in the database.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn figures(&self) -> Result<Figures, DbError> {
        figures::read(&self.inner.db).await
    }

    /// How many orders are due for a query, and since when the oldest of them is.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn backlog(&self) -> Result<(i64, Option<UnixMillis>), DbError> {
        due::backlog(&self.inner.db, self.now()).await
    }
}
