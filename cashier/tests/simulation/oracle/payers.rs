//! What must hold of limits, of the bonus for an account's first order, of orders that were taken back, and of wishes for refunds.

use std::collections::BTreeMap;

use recharge::Terms;

use super::{Broken, Oracle};
use crate::rows::{OrderRow, Rows};

/// Wishes about one order at most.
const WISHES: i64 = 3;

const DAY_MS: i64 = 24 * 3_600_000;
const BEIJING_MS: i64 = 8 * 3_600_000;

fn day(at: i64) -> i64 {
    (at + BEIJING_MS).div_euclid(DAY_MS)
}

impl OrderRow {
    fn is_offered(&self) -> bool {
        ["created", "pending"].contains(&self.state.as_str()) && self.cancelled_at.is_none()
    }
}

impl Oracle {
    /// An operator is about to decline this wish.
    pub fn declines(&mut self, wish: &str) {
        self.declined.insert(wish.to_owned());
    }

    /// A payer was told that the wish is kept.
    pub fn wished(&mut self, wish: &str, is_own: bool) -> Result<(), Broken> {
        hold!(is_own, "{wish} was taken from somebody whose order it is not");
        self.wished.insert(wish.to_owned());
        Ok(())
    }

    /// Whether anybody took an order back, asked for a refund, and got the first bonus.
    pub fn knows_of_payers(&self) -> [bool; 3] {
        let orders = || self.before.orders.values();
        [
            orders().any(|order| order.cancelled_at.is_some()),
            !self.before.wishes.is_empty(),
            orders().any(|order| order.first_bonus > 0),
        ]
    }

    pub(super) fn payers_fit(&self, rows: &Rows, terms: &Terms) -> Result<(), Broken> {
        self.taken_back_fits(rows)?;
        first_bonuses_fit(rows, terms)?;
        days_fit(rows, terms)?;
        self.wishes_fit(rows)
    }

    fn taken_back_fits(&self, rows: &Rows) -> Result<(), Broken> {
        for (number, before) in &self.before.orders {
            let now = &rows.orders[number];
            let stays = before.cancelled_at.is_none() || before.cancelled_at == now.cancelled_at;
            hold!(stays, "{number} is not taken back any more");
            let is_new = before.cancelled_at.is_none() && now.cancelled_at.is_some();
            let could = ["created", "pending"].contains(&before.state.as_str());
            hold!(!is_new || could, "{number} was {} and is taken back", before.state);
            let grew = now.first_bonus > before.first_bonus;
            hold!(!grew, "{number} has a first bonus of {} after {}", now.first_bonus, before.first_bonus);
            let gave_up = now.first_bonus < before.first_bonus;
            let may = before.state != "paid" && (now.closed_at.is_some() || !now.reusable);
            hold!(!gave_up || may, "{number} lost its first bonus, and is {}", now.state);
        }
        Ok(())
    }

    fn wishes_fit(&self, rows: &Rows) -> Result<(), Broken> {
        for id in &self.wished {
            hold!(rows.wishes.contains_key(id), "wish {id} was taken, and is not in the database");
        }
        let mut count: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (id, wish) in &rows.wishes {
            let Some(order) = rows.orders.get(&wish.out_trade_no) else {
                return Err(format!("wish {id} is about no order"));
            };
            hold!(
                order.state == "paid",
                "wish {id} is about {}, which is {}",
                wish.out_trade_no,
                order.state
            );
            let (all, open) = count.entry(&wish.out_trade_no).or_default();
            *all += 1;
            *open += i64::from(wish.state == "open");
            hold!(
                (1..=WISHES).contains(&wish.n) && *all <= WISHES && *open <= 1,
                "there is one more wish, {id}"
            );
            match (wish.state.as_str(), &wish.out_refund_no) {
                ("open", None) => {}
                ("declined", None) => hold!(self.declined.contains(id), "nobody declined {id}"),
                ("accepted", Some(refund)) => {
                    let of = rows.refunds.get(refund).map(|refund| &refund.transaction_id);
                    hold!(
                        of.is_some() && of == order.transaction_id.as_ref(),
                        "{id} is accepted by {refund}"
                    );
                }
                other => return Err(format!("wish {id} is {other:?}")),
            }
        }
        for (id, before) in &self.before.wishes {
            let Some(now) = rows.wishes.get(id) else { return Err(format!("wish {id} is gone")) };
            hold!(before.state == "open" || before == now, "wish {id} was answered and has changed");
            // A refund of the order's own payment answers it in its own transaction.
            let own = rows.orders[&now.out_trade_no].transaction_id.as_ref();
            let answers = |(number, refund): (&String, &crate::rows::RefundRow)| {
                !self.before.refunds.contains_key(number)
                    && refund.out_trade_no == now.out_trade_no
                    && Some(&refund.transaction_id) == own
                    && refund.made_by_kind == "operator"
                    && refund.exception_id.is_none()
            };
            let is_missed = before.state == "open" && now.state == "open" && rows.refunds.iter().any(answers);
            hold!(!is_missed, "a refund was made, and wish {id} still waits");
        }
        Ok(())
    }
}

/// One order of an account at most has the bonus, the very first has it, and the table of them says the same.
fn first_bonuses_fit(rows: &Rows, terms: &Terms) -> Result<(), Broken> {
    let most = terms.first_bonus.get();
    let mut carries: BTreeMap<&str, &str> = BTreeMap::new();
    let mut orders: BTreeMap<&str, Vec<(&str, &OrderRow)>> = BTreeMap::new();
    for (number, order) in &rows.orders {
        hold!([0, most].contains(&order.first_bonus), "{number} has a first bonus of {}", order.first_bonus);
        hold!(order.bonus >= order.first_bonus, "{number} has less bonus than that for a first order");
        orders.entry(&order.user_id).or_default().push((number, order));
        if order.first_bonus > 0 {
            let other = carries.insert(&order.user_id, number);
            hold!(other.is_none(), "{number} and {other:?} of {} have the first bonus", order.user_id);
        }
    }
    for (user, orders) in orders {
        if let [(number, order)] = orders[..] {
            let untouched = order.is_offered() && order.reusable;
            hold!(
                !untouched || order.first_bonus == most,
                "{number} is the first of {user}, without its bonus"
            );
        }
    }
    let stored: BTreeMap<_, _> =
        rows.first_bonuses.iter().map(|(user, number)| (user.as_str(), number.as_str())).collect();
    hold!(stored == carries, "first bonuses are of {carries:?}, and {stored:?} are stored");
    Ok(())
}

/// What counted when the last order of a user's day was placed: offered orders whose time was not up, and payments in time. (A payment
/// after that may be one more.)
fn days_fit(rows: &Rows, terms: &Terms) -> Result<(), Broken> {
    let Some(most) = terms.most_per_day else { return Ok(()) };
    let mut days: BTreeMap<(&str, i64), Vec<&OrderRow>> = BTreeMap::new();
    for order in rows.orders.values() {
        days.entry((&order.user_id, day(order.created_at))).or_default().push(order);
    }
    for ((user, day), orders) in days {
        let last = orders.iter().map(|order| order.created_at).max().unwrap_or(0);
        let counts = |order: &&&OrderRow| {
            let lives = order.is_offered() || order.state == "paid" && !order.late;
            lives && order.reusable && order.time_expire > last
        };
        let sum: i64 = orders.iter().filter(counts).map(|order| order.total_fee).sum();
        hold!(sum <= most.get(), "{user} ordered {sum} on day {day}, and {most} are allowed");
    }
    Ok(())
}
