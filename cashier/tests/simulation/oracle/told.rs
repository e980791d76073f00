//! What the site is told: each thing that happened once, by numbers without a gap that never change, one subject in the order of its
//! versions.

use std::collections::BTreeMap;

use super::{Broken, Oracle};
use crate::hooks::Inbox;
use crate::rows::{Rows, ToldRow};

impl Oracle {
    pub(super) fn told_fits(&self, rows: &Rows) -> Result<(), Broken> {
        let mut of: BTreeMap<&str, Vec<&ToldRow>> = BTreeMap::new();
        for (place, row) in rows.told.iter().enumerate() {
            let number = i64::try_from(place + 1).unwrap_or(0);
            hold!(
                row.seq.is_none_or(|seq| seq == number),
                "event {} has number {:?}, not {number}",
                row.id,
                row.seq
            );
            of.entry(&row.subject).or_default().push(row);
        }
        let numbered =
            |rows: &Rows| rows.told.iter().filter(|row| row.seq.is_some()).cloned().collect::<Vec<_>>();
        hold!(numbered(rows).starts_with(&numbered(&self.before)), "an event has another number than before");
        for (subject, told) in &of {
            let versions = told.iter().filter(|row| row.seq.is_some()).map(|row| row.version);
            hold!(versions.is_sorted(), "the events of {subject} are out of order");
        }
        let none = Vec::new();
        for (number, order) in &rows.orders {
            let told = of.get(&*format!("recharge/{number}")).unwrap_or(&none);
            let count = |kind: &str| told.iter().filter(|row| row.kind == kind).count();
            let (paid, late) = (count("recharge.paid"), count("recharge.paid_late"));
            let is_paid = order.state == "paid";
            // Once more where an operator credited what a rule had kept.
            let fits = match (is_paid, order.late) {
                (false, _) => paid + late == 0,
                (true, false) => (paid, late) == (1, 0),
                (true, true) => paid == 0 && (late == 1 || late == 2 && order.credited_at.is_some()),
            };
            hold!(fits, "{number} is told as paid {paid} times and as paid late {late} times");
            let closed = usize::from(order.closed_at.is_some());
            hold!(count("recharge.closed") == closed, "{number} is not told as closed {closed} times");
            let refunds = rows.refunds.values().filter(|refund| refund.out_trade_no == *number);
            let wanted =
                |is_it: fn(&crate::rows::RefundRow) -> bool| refunds.clone().filter(|one| is_it(one)).count();
            for (kind, wanted) in [
                ("recharge.refund_requested", wanted(|refund| refund.made_by_kind != "wechat")),
                ("recharge.refunded", wanted(|refund| refund.state == "succeeded")),
                ("recharge.refund_failed", wanted(|refund| refund.state == "closed")),
            ] {
                hold!(count(kind) == wanted, "{number} has {} events {kind} and not {wanted}", count(kind));
            }
        }
        for (id, exception) in &rows.exceptions {
            let told = of.get(&*format!("exception/{id}")).unwrap_or(&none);
            let last = told.iter().max_by_key(|row| row.version).map(|row| row.kind.as_str());
            let fits = match (&exception.settled_how, last) {
                (None, last) => last == Some("exception.opened"),
                (Some(_), None) => exception.kind == "late",
                (Some(_), last) => last == Some("exception.settled"),
            };
            hold!(fits, "exception {id} is told last as {last:?}");
        }
        for (id, hold) in &rows.spending.holds {
            let told = of.get(&*format!("hold/{id}")).map_or(0, Vec::len);
            hold!(told == usize::from(hold.state == "expired"), "hold {id} is told {told} times");
        }
        for (id, debit) in &rows.spending.debits {
            let reversals = rows.spending.reversals.values().filter(|one| one.debit_id == *id).count();
            let told = of.get(&*format!("debit/{id}")).map_or(0, Vec::len);
            hold!(
                told == reversals,
                "of debit {id} with {} given back {told} reversals are told",
                debit.reversed
            );
        }
        for id in rows.spending.grants.keys() {
            hold!(of.get(&*format!("grant/{id}")).map_or(0, Vec::len) == 1, "grant {id} is not told once");
        }
        Ok(())
    }

    /// What came to the site is what was committed, under the same id and number, and those of a subject came in order.
    pub fn came_fits(&self, inbox: &Inbox) -> Result<(), Broken> {
        for (id, came) in &inbox.came {
            let place = usize::try_from(came.seq - 1).ok();
            let row = place.and_then(|place| self.before.told.get(place)).filter(|row| row.id == *id);
            let fits = row.is_some_and(|row| row.kind == came.kind && row.subject == came.subject);
            hold!(fits, "{came:?} came to the site, and what is stored is {row:?}");
        }
        inbox.in_order()
    }

    /// Everything that happened came to the site.
    pub fn all_came(&self, inbox: &Inbox) -> Result<(), Broken> {
        let missing = self.before.told.iter().find(|row| !inbox.came.contains_key(&row.id));
        hold!(missing.is_none(), "{missing:?} never came to the site");
        Ok(())
    }
}
