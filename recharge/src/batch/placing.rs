//! Takes on orders: at most so many open ones of a user, at most so much in a day, and one bonus for the first.

use std::collections::BTreeMap;

use wxpay::{Fen, OutTradeNo, UnixMillis};

use super::Batch;
use crate::command::{NotPlaced, OrderReply};
use crate::event::EventDetail;
use crate::order::terms::{Terms, day_start};
use crate::order::{Order, OrderState};

/// What is known of the users whose orders have terms, as read.
#[derive(Debug, Default)]
pub struct Placing(BTreeMap<String, Payer>);

/// A user who places an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payer {
    /// What was ordered in this Beijing day and is paid or offered, in fen.
    pub ordered: Fen,
    /// Whether an order was ever paid.
    pub has_paid: bool,
    /// The order that carries, or carried when it was paid, the bonus for the first one.
    pub first: Option<OutTradeNo>,
}

/// What one user may order in a day, to be looked at once more where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayLimit {
    /// The user.
    pub user_id: String,
    /// In fen.
    pub most: Fen,
    /// The beginning of the day.
    pub from: UnixMillis,
    /// When the order is placed.
    pub now: UnixMillis,
}

impl Placing {
    /// What was read.
    pub fn new(payers: BTreeMap<String, Payer>) -> Placing {
        Placing(payers)
    }
}

impl Batch<'_> {
    pub(super) fn place(&mut self, new: &Order, terms: &Terms) -> Result<OrderReply, NotPlaced> {
        let now = new.created_at;
        let key = new.open_key();
        let same = key.as_ref().and_then(|key| self.open.get(key)).cloned();
        if let Some(slot) = same.as_ref().and_then(|number| self.orders.get(number))
            && slot.order.can_be_reused(now)
            && self.rules.protocols.speaks(slot.order.signed.protocol())
        {
            return Ok(OrderReply { order: slot.order.clone(), changed: false });
        }
        if self.open_beside(new, now) >= self.rules.max_open_orders {
            return Err(NotPlaced::TooManyOpen);
        }
        let limit = self.check_day(new, terms, same.as_ref())?;
        if let Some(number) = same {
            // Its time is nearly up, or no more is asked by its protocol: it can still be paid, but the page goes on with a
            // new one.
            self.step(&number, Order::superseded);
        }
        self.day_limits.extend(limit);
        let first = match self.may_carry_first_bonus(new, terms) {
            true => new.with_first_bonus(terms.first_bonus),
            false => None,
        };
        Ok(self.create(first.as_ref().unwrap_or(new)))
    }

    pub(super) fn create(&mut self, new: &Order) -> OrderReply {
        let now = new.created_at;
        let detail = EventDetail::Created {
            total_fee: new.total_fee,
            bonus: new.bonus,
            from: Some(new.spbill_create_ip.to_string()),
            trade_type: Some(new.trade_type),
        };
        self.event(&new.out_trade_no, now, detail);
        self.day(now).orders += 1;
        self.put(None, new.clone(), true);
        OrderReply { order: new.clone(), changed: true }
    }

    /// Whether the user may order this much more today; what is to be looked at again in the transaction. `same` is the order
    /// that the new one takes the place of.
    fn check_day(
        &self,
        new: &Order,
        terms: &Terms,
        same: Option<&OutTradeNo>,
    ) -> Result<Option<DayLimit>, NotPlaced> {
        let Some(most) = terms.most_per_day else { return Ok(None) };
        let (user_id, now) = (&new.user.id, new.created_at);
        let from = day_start(now);
        let counts = |order: &&Order| order.user.id == *user_id && order.created_at >= from && order.reusable;
        let sum = |orders: &mut dyn Iterator<Item = Fen>| orders.map(Fen::get).sum::<i64>();
        let read = self.placing.0.get(user_id).map_or(0, |payer| payer.ordered.get());
        let added = self.orders.values().filter(|slot| slot.read.is_none()).map(|slot| &slot.order);
        let added = sum(&mut added.filter(counts).map(|order| order.total_fee));
        let replaced = same.and_then(|number| self.orders.get(number)).map(|slot| &slot.order);
        let replaced = sum(&mut replaced.filter(counts).map(|order| order.total_fee).into_iter());
        let left = (most.get() - read - added + replaced).max(0);
        match new.total_fee.get() <= left {
            true => Ok(Some(DayLimit { user_id: user_id.clone(), most, from, now })),
            false => Err(NotPlaced::OverDay { left: Fen::new(left) }),
        }
    }

    /// Whether no other order of the account is paid, and none that is open carries the bonus for the first.
    fn may_carry_first_bonus(&self, new: &Order, terms: &Terms) -> bool {
        if terms.first_bonus <= Fen::ZERO {
            return false;
        }
        let known = self.placing.0.get(&new.user.id).cloned().unwrap_or_default();
        // One that is in this batch may have given it up in it.
        let is_taken = known.first.is_some_and(|number| {
            self.orders.get(&number).is_none_or(|slot| slot.order.first_bonus > Fen::ZERO)
        });
        let mut others =
            self.orders.values().map(|slot| &slot.order).filter(|order| order.user.id == new.user.id);
        // One that is paid in this batch was not when the account was read.
        let is_first =
            |order: &Order| order.first_bonus > Fen::ZERO || matches!(order.state, OrderState::Paid(_));
        !known.has_paid && !is_taken && !others.any(is_first)
    }

    /// Orders that gave the bonus for the first one up.
    pub fn gave_up(&self) -> impl Iterator<Item = &Order> {
        let given = self.orders.values().filter(|slot| slot.carried && slot.order.first_bonus == Fen::ZERO);
        given.map(|slot| &slot.order)
    }

    /// New orders that carry it.
    pub fn carry(&self) -> impl Iterator<Item = &Order> {
        let new = self.orders.values().filter(|slot| slot.read.is_none()).map(|slot| &slot.order);
        new.filter(|order| order.first_bonus > Fen::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Apply as _;
    use crate::command::{CloseOrder, CreditPayment, PlaceOrder};
    use crate::fixtures::{NOW, PLACED, new_order, payment, rules};
    use crate::order::{NewOrder, Source};
    use crate::user::User;
    use wxpay::Payment;

    const FIRST: Terms = Terms { most_per_day: None, first_bonus: Fen::new(300) };
    const DAY: Terms = Terms { most_per_day: Some(Fen::new(10_000)), first_bonus: Fen::ZERO };

    fn order(n: u8, user: &str, fen: i64) -> Order {
        let user = User::new(user, "小林").unwrap();
        let new = NewOrder { user, total_fee: Fen::new(fen), bonus: Fen::ZERO, ..new_order() };
        Order::new(new, PLACED, [n; 26]).unwrap()
    }

    fn known(payer: Payer) -> Placing {
        Placing::new([("u_1".to_owned(), payer)].into())
    }

    fn place(batch: &mut Batch<'_>, order: Order, terms: Terms) -> Result<Order, NotPlaced> {
        PlaceOrder { order, terms }.apply(batch).map(|reply| reply.order)
    }

    #[test]
    fn one_open_order_of_an_account_carries_the_first_bonus_and_another_once_that_has_ended() {
        let rules = rules();
        let mut batch = Batch::new(&rules, Vec::new());
        let first = place(&mut batch, order(1, "u_1", 1000), FIRST).unwrap();
        assert_eq!((first.bonus, first.first_bonus), (Fen::new(300), Fen::new(300)));
        assert_eq!(place(&mut batch, order(2, "u_1", 2000), FIRST).unwrap().first_bonus, Fen::ZERO);
        assert_eq!(place(&mut batch, order(3, "u_2", 2000), FIRST).unwrap().first_bonus, Fen::new(300));
        assert_eq!(batch.carry().count(), 2);
        // As another batch reads it.
        let mut batch = Batch::new(&rules, vec![first.clone()])
            .with_placing(known(Payer { first: Some(first.out_trade_no.clone()), ..Payer::default() }));
        let by = crate::audit::Actor::Schedule;
        CloseOrder { out_trade_no: first.out_trade_no.clone(), by, now: NOW }.apply(&mut batch).unwrap();
        assert_eq!(
            batch.gave_up().map(|order| &order.out_trade_no).collect::<Vec<_>>(),
            [&first.out_trade_no]
        );
        assert_eq!(place(&mut batch, order(4, "u_1", 4000), FIRST).unwrap().first_bonus, Fen::new(300));
    }

    #[test]
    fn an_order_that_was_paid_in_the_same_batch_keeps_its_bonus_and_the_next_one_gets_none() {
        let rules = rules();
        for terms in [FIRST, Terms::default()] {
            let mut batch = Batch::new(&rules, Vec::new());
            let first = place(&mut batch, order(1, "u_1", 1000), terms).unwrap();
            let mut batch = Batch::new(&rules, vec![first.clone()]);
            let (out_trade_no, total_fee) = (first.out_trade_no.clone(), first.total_fee);
            let payment = Payment { out_trade_no, total_fee, ..payment() };
            let source = Source::Notice { from: "203.0.113.1".to_owned() };
            CreditPayment { payment, source, now: NOW }.apply(&mut batch);
            // The payer presses for the same amount again.
            let second = place(&mut batch, order(2, "u_1", 1000), FIRST).unwrap();
            let kept = &batch.orders[&first.out_trade_no].order;
            assert!(matches!(kept.state, OrderState::Paid(_)) && second.out_trade_no != first.out_trade_no);
            assert_eq!((kept.bonus, kept.first_bonus), (first.bonus, first.first_bonus));
            assert_eq!((second.bonus, second.first_bonus), (Fen::ZERO, Fen::ZERO));
            assert_eq!(batch.gave_up().count(), 0);
        }
    }

    #[test]
    fn an_account_that_has_paid_or_whose_first_order_is_elsewhere_gets_no_first_bonus() {
        let rules = rules();
        let elsewhere = Some(order(9, "u_1", 9000).out_trade_no);
        let payers =
            [Payer { has_paid: true, ..Payer::default() }, Payer { first: elsewhere, ..Payer::default() }];
        for payer in payers {
            let mut batch = Batch::new(&rules, Vec::new()).with_placing(known(payer.clone()));
            let placed = place(&mut batch, order(1, "u_1", 1000), FIRST).unwrap();
            assert_eq!((placed.bonus, placed.first_bonus), (Fen::ZERO, Fen::ZERO), "{payer:?}");
        }
    }

    #[test]
    fn a_day_has_its_limit_of_all_that_was_ordered_in_it() {
        let rules = rules();
        let ordered = |fen| known(Payer { ordered: Fen::new(fen), ..Payer::default() });
        for (before, fen, left) in [
            (0, 10_000, None),
            (0, 10_001, Some(10_000)),
            (9_000, 1_000, None),
            (9_000, 1_001, Some(1_000)),
            (20_000, 1, Some(0)),
        ] {
            let mut batch = Batch::new(&rules, Vec::new()).with_placing(ordered(before));
            let placed = place(&mut batch, order(1, "u_1", fen), DAY);
            assert_eq!(
                placed.err(),
                left.map(|left| NotPlaced::OverDay { left: Fen::new(left) }),
                "{before} {fen}"
            );
        }
        let mut batch = Batch::new(&rules, Vec::new()).with_placing(ordered(9_000));
        place(&mut batch, order(1, "u_1", 600), DAY).unwrap();
        // The batch's own orders count, other users' do not.
        assert_eq!(
            place(&mut batch, order(2, "u_1", 500), DAY),
            Err(NotPlaced::OverDay { left: Fen::new(400) })
        );
        assert!(place(&mut batch, order(3, "u_2", 10_000), DAY).is_ok());
        assert_eq!(batch.day_limits.len(), 2);
    }
}
