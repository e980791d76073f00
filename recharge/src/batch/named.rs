//! Orders that a program makes under a reference of its own.

use std::collections::BTreeMap;

use wxpay::OutTradeNo;

use super::Batch;
use crate::command::{OrderReply, PlaceNamed, PlaceRefusal};
use crate::spend::Reference;

/// Which order a reference is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedOrder {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// A digest of what was asked for.
    pub request: String,
    /// This batch writes it.
    pub is_new: bool,
}

/// By reference, as read and as they become.
pub type NamedOrders = BTreeMap<Reference, NamedOrder>;

impl Batch<'_> {
    pub(super) fn place_named(&mut self, command: &PlaceNamed) -> Result<OrderReply, PlaceRefusal> {
        let PlaceNamed { order: new, request } = command;
        let known = new.reference().and_then(|reference| self.named.get(reference));
        if let Some(NamedOrder { out_trade_no: by, request: first, .. }) = known {
            let slot = self.orders.get(by).filter(|_| first == request);
            let slot = slot.ok_or_else(|| PlaceRefusal::ReferenceReused { by: by.clone() })?;
            return Ok(OrderReply { order: slot.order.clone(), changed: false });
        }
        if self.open_beside(new, new.created_at) >= self.rules.max_open_orders {
            return Err(PlaceRefusal::TooManyOpen);
        }
        if let Some(reference) = new.reference() {
            let (out_trade_no, request) = (new.out_trade_no.clone(), request.clone());
            self.named.insert(reference.clone(), NamedOrder { out_trade_no, request, is_new: true });
        }
        Ok(self.create(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Apply as _;
    use crate::fixtures::{NOW, PLACED, new_order, rules};
    use crate::order::{ByKey, Order};
    use crate::spend::Metadata;

    fn command(number: u8, reference: &str, request: &str) -> PlaceNamed {
        let by_key = ByKey {
            key: "forum".to_owned(),
            reference: Some(Reference::parse(reference).unwrap()),
            metadata: Metadata::default(),
            return_url: None,
        };
        let order = Order::new(new_order(), PLACED, [number; 26]).unwrap().made_by_key(by_key);
        PlaceNamed { order, request: request.to_owned() }
    }

    #[test]
    fn a_reference_is_of_one_order_for_ever_and_of_nothing_else() {
        let rules = rules();
        let mut batch = Batch::new(&rules, Vec::new());
        let first = command(1, "r", "quantity 10").apply(&mut batch).unwrap();
        assert!(first.changed);
        let again = command(2, "r", "quantity 10").apply(&mut batch).unwrap();
        assert_eq!(
            (again.order.out_trade_no.clone(), again.changed),
            (first.order.out_trade_no.clone(), false)
        );
        let by = first.order.out_trade_no.clone();
        let refused = command(3, "r", "quantity 11").apply(&mut batch);
        assert_eq!(refused, Err(PlaceRefusal::ReferenceReused { by }));
        assert!(command(4, "s", "quantity 10").apply(&mut batch).unwrap().changed, "its own order");
        assert_eq!((batch.orders.len(), batch.named.len()), (2, 2));
        // As another batch reads it, after the order has ended.
        let ended = first.order.closed(NOW).unwrap();
        let named = batch.named.into_iter().map(|(name, one)| (name, NamedOrder { is_new: false, ..one }));
        let mut batch = Batch::new(&rules, vec![ended.clone()]).with_named(named.collect());
        let again = command(5, "r", "quantity 10").apply(&mut batch).unwrap();
        assert_eq!((again.order, again.changed, batch.writes()), (ended, false, false));
    }

    #[test]
    fn orders_with_references_count_to_the_limit_of_open_ones() {
        let rules = rules();
        let mut batch = Batch::new(&rules, Vec::new());
        for n in 0..5 {
            assert!(command(n, &format!("r{n}"), "q").apply(&mut batch).is_ok());
        }
        assert_eq!(command(9, "r9", "q").apply(&mut batch), Err(PlaceRefusal::TooManyOpen));
        assert!(!command(3, "r3", "q").apply(&mut batch).unwrap().changed, "a repeat is found all the same");
    }
}
