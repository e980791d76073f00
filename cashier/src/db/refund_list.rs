//! The operator's list of refunds, with its filter.

use recharge::refund::{Refund, RefundState};
use wxpay::{Fen, OutRefundNo, Protocol, UnixMillis};

use super::order_filter::Span;
use super::order_totals::{Figure, TOTALS_CAP};
use super::search::{self, Leads, Search};
use super::walk::{Paged, Walk};
use super::{Db, DbError, column, refunds};

/// A place in the list, by the time of asking.
pub type Cursor = super::walk::Cursor<OutRefundNo>;

/// A page, newest first.
pub type Page = Paged<Refund, OutRefundNo>;

/// Which refunds are wanted. An empty filter is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; empty is all.
    pub states: Vec<RefundState>,
    pub protocol: Option<Protocol>,
    /// A number of the refund or its order, or a user: all refunds of the orders that it leads to.
    pub search: Option<Search>,
    /// When it was asked for.
    pub asked: Span,
    /// When it was over.
    pub ended: Span,
    /// At least, in fen.
    pub min: Option<Fen>,
    /// At most, in fen.
    pub max: Option<Fen>,
}

/// Count and sum of a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub refunds: Figure<i64>,
    /// Of those that are not closed.
    pub amount: Figure<Fen>,
}

impl Filter {
    async fn walk(&self, db: &Db) -> Result<(Walk, Leads), DbError> {
        let leads = match &self.search {
            Some(search) => search::leads(db, search).await?,
            None => Leads::default(),
        };
        Ok((self.walk_behind(&leads)?, leads))
    }

    pub(super) fn walk_behind(&self, leads: &Leads) -> Result<Walk, DbError> {
        let mut walk = Walk::of("refunds", "out_refund_no", "requested_at");
        walk.between(self.asked.from, self.asked.to);
        if !self.states.is_empty() {
            // The names are constants of the enum, so they can stand in the statement unescaped.
            let words: Vec<_> = self.states.iter().map(|state| format!("'{}'", state.name())).collect();
            walk.only(format!("state IN ({})", words.join(", ")));
        }
        for (bound, condition) in [
            (self.ended.from.map(UnixMillis::get), "ended_at >="),
            (self.ended.to.map(UnixMillis::get), "ended_at <"),
            (self.min.map(Fen::get), "amount >="),
            (self.max.map(Fen::get), "amount <="),
        ] {
            if let Some(bound) = bound {
                let p = walk.number(bound);
                walk.only(format!("{condition} {p}"));
            }
        }
        if let Some(protocol) = self.protocol {
            let p = walk.text(protocol.to_string());
            walk.only(format!("protocol = {p}"));
        }
        if self.search.is_some() {
            walk.of_orders(leads.numbers.iter().map(String::as_str))?;
        }
        Ok(walk)
    }
}

/// The refunds that `filter` selects, looking at `scan` of them at most; and whether its search fits more orders than it led to.
///
/// # Errors
/// [`DbError`].
pub async fn looked(
    db: &Db,
    filter: &Filter,
    cursor: Option<&Cursor>,
    limit: usize,
    scan: i64,
) -> Result<(Page, bool), DbError> {
    let (walk, leads) = filter.walk(db).await?;
    let stepped = walk.step(db, &refunds::REFUNDS.list, cursor, limit, Some(scan)).await?;
    let rows: Vec<_> = stepped.rows.iter().map(refunds::refund).collect::<Result<_, _>>()?;
    let edge = match stepped.looked_to {
        Some((at, number)) => {
            let row = super::Inconsistency::on("refunds").column("out_refund_no").row(number.clone());
            Some((at, OutRefundNo::parse(number).map_err(|error| row.source(error))?))
        }
        None => None,
    };
    let key = |refund: &Refund| (refund.requested_at, refund.out_refund_no.clone());
    Ok((Paged::new(rows, cursor, stepped.is_more, edge, key), leads.is_cut))
}

/// Count and sum of a filter, of [`TOTALS_CAP`] refunds at most.
///
/// # Errors
/// [`DbError`].
pub async fn totals(db: &Db, filter: &Filter) -> Result<Totals, DbError> {
    let (walk, leads) = filter.walk(db).await?;
    let (walk, edge) = walk.ended(db, true, Some(TOTALS_CAP)).await?;
    let one = "CASE WHEN state <> 'closed' THEN amount ELSE 0 END AS fen";
    let sql = format!(
        "SELECT COUNT(*) AS refunds, CAST(COALESCE(SUM(fen), 0) AS BIGINT) AS amount FROM ({}) AS counted",
        walk.rows_sql(one, true, TOTALS_CAP + 1)
    );
    let row = walk.query(&sql).fetch_one(&mut *db.reading().await?).await?;
    let count: i64 = column(&row, "refunds")?;
    let is_least = edge.is_some() || leads.is_cut || count > TOTALS_CAP;
    Ok(Totals {
        refunds: Figure { value: count.min(TOTALS_CAP), is_least },
        amount: Figure { value: Fen::new(column(&row, "amount")?), is_least },
    })
}
