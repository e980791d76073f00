//! Transitions of an order by what WeChat says of it, and by what its own processes do.

use wxpay::{Ticket, UnixMillis};

use super::{Issued, Order, OrderState, Paid};
use crate::lease;

/// Length of the lease on asking WeChat for an order's ticket, in milliseconds; then another process may take it. A call ends
/// within 7 s.
pub const ORDERING_LEASE_MS: i64 = 8_000;

/// The same where a query comes before it.
const QUERY_AND_ORDERING_LEASE_MS: i64 = 16_000;

impl Order {
    /// The order after a payment. Requires: created, pending or closed; `None` if it is paid already.
    pub fn paid(&self, paid: Paid) -> Option<Order> {
        (!matches!(self.state, OrderState::Paid(_))).then(|| self.ended(OrderState::Paid(paid)))
    }

    /// The order after WeChat said that it cannot be paid any more. Requires: created or pending; else `None`.
    pub fn closed(&self, now: UnixMillis) -> Option<Order> {
        self.is_open().then(|| self.ended(OrderState::Closed { closed_at: now }))
    }

    /// The order after WeChat said that its payment was refunded in the merchant platform: it is closed, and no proof of that
    /// payment credits it. Requires: not paid and not marked so already; else `None`.
    pub fn refunded_outside(&self, now: UnixMillis) -> Option<Order> {
        let order = self.closed(now).unwrap_or_else(|| Order { version: self.version + 1, ..self.clone() });
        let is_new = !matches!(self.state, OrderState::Paid(_)) && !self.refunded_outside;
        is_new.then_some(Order { refunded_outside: true, ..order })
    }

    /// The order with the ticket that WeChat answered, and without its lease. Requires: created or pending; `None` if a notice
    /// was faster or it was closed meanwhile.
    pub fn prepaid(&self, ticket: Ticket, now: UnixMillis) -> Option<Order> {
        let version = match &self.state {
            OrderState::Created => 1,
            OrderState::Pending(issued) => issued.version + 1,
            OrderState::Closed { .. } | OrderState::Paid(_) => return None,
        };
        let issued = Issued { ticket, version, issued_at: now };
        Some(Order {
            state: OrderState::Pending(issued),
            ordering_until: UnixMillis::default(),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order with a lease on asking WeChat for its ticket. Requires: created or pending, and no lease that still holds;
    /// else `None`.
    pub fn ordering(&self, now: UnixMillis) -> Option<Order> {
        let until = now.plus_ms(match self.is_queried_before_repeat() {
            true => QUERY_AND_ORDERING_LEASE_MS,
            false => ORDERING_LEASE_MS,
        });
        let is_free = lease::is_free(self.ordering_until, now, until);
        (self.is_open() && is_free).then(|| Order {
            ordering_until: until,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order without its lease, after an answer that brought no ticket: another press may try again at once. Requires: a
    /// lease; else `None`.
    pub fn not_ordering(&self) -> Option<Order> {
        (self.ordering_until != UnixMillis::default()).then(|| Order {
            ordering_until: UnixMillis::default(),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order after a newer one for the same amount took its place on the page. It can still be paid. Requires: reusable,
    /// and not ended (what a paid order was credited with is its own for good); else `None`.
    pub fn superseded(&self) -> Option<Order> {
        (self.is_open() && self.reusable).then(|| Order {
            reusable: false,
            version: self.version + 1,
            ..self.clone().without_first_bonus()
        })
    }

    /// Whoever would have paid is forgotten with it: nothing needs the openid any more.
    fn ended(&self, state: OrderState) -> Order {
        let order = match state {
            OrderState::Closed { .. } => self.clone().without_first_bonus(),
            _ => self.clone(),
        };
        Order {
            state,
            version: self.version + 1,
            ordering_until: UnixMillis::default(),
            openid: None,
            ..order
        }
    }
}
