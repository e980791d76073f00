//! What must hold of refunds.

use std::collections::BTreeMap;

use sandbox::{RefundStatus, Sandbox};

use super::{Broken, Oracle};
use crate::rows::{RefundRow, Rows};

/// What goes back, or went back, of one payment.
#[derive(Debug, Default)]
struct Given {
    total_fee: i64,
    amount: i64,
    /// What is taken from the balance.
    taken: i64,
    /// Something was made outside, and nobody has taken its share.
    untaken: bool,
    /// Something was made outside that has no share of the credit.
    shareless: bool,
    /// The shares of all of them.
    shared: i64,
    /// The amount of those that we asked for.
    ours: i64,
    /// The amount without what was made outside and heard of just now.
    known: i64,
    /// One of ours was taken on just now.
    new: bool,
}

impl Oracle {
    pub(super) fn refunds_fit(&self, rows: &Rows, sandbox: &Sandbox) -> Result<(), Broken> {
        self.refunds_moved_forward(rows)?;
        self.refunds_are_booked(rows, sandbox)?;
        self.no_payment_is_given_back_twice(rows)?;
        books_agree(rows, sandbox)
    }

    fn refunds_moved_forward(&self, rows: &Rows) -> Result<(), Broken> {
        let place = |state: &str| {
            ["requested", "submitted", "abnormal", "succeeded", "closed"]
                .iter()
                .position(|name| *name == state)
        };
        let over = |state: &str| ["succeeded", "closed"].contains(&state);
        for (number, before) in &self.before.refunds {
            let Some(now) = rows.refunds.get(number) else { return Err(format!("refund {number} is gone")) };
            let stays = !over(&before.state) || before.state == now.state;
            hold!(
                stays && place(&now.state) >= place(&before.state),
                "refund {number} went from {} to {}",
                before.state,
                now.state
            );
            let of = |refund: &RefundRow| {
                (refund.out_trade_no.clone(), refund.transaction_id.clone(), refund.amount)
            };
            hold!(of(before) == of(now), "refund {number} has changed");
        }
        Ok(())
    }

    fn refunds_are_booked(&self, rows: &Rows, sandbox: &Sandbox) -> Result<(), Broken> {
        for (number, refund) in &rows.refunds {
            let entry =
                |kind: &str| rows.ledger.get(&(refund.out_trade_no.clone(), format!("{kind} {number}")));
            let (taken, returned) = (entry("refund").is_some(), entry("refund-returned").is_some());
            let closed = refund.state == "closed";
            // Nothing moves for a payment that was not credited.
            hold!(
                taken == (refund.taken > 0),
                "refund {number} took {} and its ledger row says otherwise",
                refund.taken
            );
            hold!(
                returned == (closed && taken),
                "refund {number} is {} and returned is {returned}",
                refund.state
            );
            let book = sandbox.order(&refund.out_trade_no);
            let at_wechat =
                book.iter().flat_map(|book| &book.refunds).find(|other| other.out_refund_no == *number);
            if refund.state == "succeeded" {
                let result = at_wechat.map(|other| (other.result, other.refund_fee.get()));
                hold!(
                    result == Some((RefundStatus::Success, refund.amount)),
                    "refund {number} succeeded here, at WeChat it is {result:?}"
                );
            }
            if closed {
                let moves = at_wechat.is_some_and(|other| other.result != RefundStatus::Closed);
                hold!(!moves, "refund {number} is closed here and not at WeChat");
            }
        }
        Ok(())
    }

    fn no_payment_is_given_back_twice(&self, rows: &Rows) -> Result<(), Broken> {
        let mut given: BTreeMap<&str, Given> = BTreeMap::new();
        for (number, refund) in rows.refunds.iter().filter(|(_, refund)| refund.state != "closed") {
            let sum = given.entry(&refund.transaction_id).or_default();
            let (ours, new) = (refund.made_by_kind != "wechat", !self.before.refunds.contains_key(number));
            sum.total_fee = refund.total_fee;
            sum.amount += refund.amount;
            sum.taken += refund.taken;
            sum.untaken |= !ours && refund.taken == 0;
            sum.shareless |= !ours && refund.share == 0;
            sum.shared += refund.share;
            sum.ours += if ours { refund.amount } else { 0 };
            sum.known += if ours || !new { refund.amount } else { 0 };
            sum.new |= ours && new;
        }
        for (transaction, given) in given {
            let Given { total_fee, amount, taken, untaken, shareless, shared, ours, known, new } = given;
            hold!(ours <= total_fee, "we give back {ours} of {transaction}, and {total_fee} were paid");
            // Somebody may give money back at the merchant platform while ours is not there yet; WeChat then refuses ours.
            hold!(
                !new || known <= total_fee,
                "one more refund of {transaction} makes it {known}, and {total_fee} were paid"
            );
            let credit: i64 = rows
                .ledger
                .iter()
                .filter(|((number, entry), _)| {
                    let order = rows.orders.get(number).and_then(|order| order.transaction_id.as_deref());
                    (entry == "credit" && order == Some(transaction))
                        || *entry == format!("credit {transaction}")
                })
                .map(|(_, row)| row.amount)
                .sum();
            hold!(
                taken <= credit,
                "{taken} of the credit of {transaction} are taken back, and it was {credit}"
            );
            // Of a credit of one fen the first of two has it all.
            hold!(
                !shareless || shared >= credit,
                "a refund of {transaction} at the merchant platform has no share of its {credit}"
            );
            hold!(
                amount != total_fee || untaken || taken == credit,
                "{transaction} is refunded whole, and {taken} of {credit} are taken back"
            );
        }
        Ok(())
    }
}

/// WeChat's book and ours.
fn books_agree(rows: &Rows, sandbox: &Sandbox) -> Result<(), Broken> {
    for order in rows.orders.keys().filter_map(|number| sandbox.order(number)) {
        for payment in &order.payments {
            let of = order.refunds.iter().filter(|refund| {
                refund.transaction_id == payment.transaction_id && refund.result != RefundStatus::Closed
            });
            let back: i64 = of.map(|refund| refund.refund_fee.get()).sum();
            hold!(
                back <= order.total_fee.get(),
                "WeChat gives back {back} of {}, and {} were paid",
                payment.transaction_id,
                order.total_fee
            );
        }
        for refund in order.refunds.iter().filter(|refund| !refund.out_refund_no.starts_with("OUT")) {
            let ours = rows
                .refunds
                .get(&refund.out_refund_no)
                .is_some_and(|ours| ours.amount == refund.refund_fee.get());
            hold!(ours, "WeChat refunds {} of {}, and we do not", refund.out_refund_no, order.out_trade_no);
        }
    }
    Ok(())
}
