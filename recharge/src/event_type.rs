//! The types of events. A module of its own, because the objects that events carry know of endpoints, and these of types.

use crate::names::names;

/// What an event tells. Its word is in the database and in the site's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A recharge was paid and credited.
    RechargePaid,
    /// A recharge was paid after it was closed or had expired: credited, or its refund follows. Once more if an operator credits
    /// it later.
    RechargePaidLate,
    /// A recharge cannot be paid any more. (A payment that was made before may still come.)
    RechargeClosed,
    /// A payment is to go back, and the balance fell by what belongs to it.
    RefundRequested,
    /// The payer has the money.
    Refunded,
    /// A refund ended without money, and the balance has back what was taken.
    RefundFailed,
    /// Real money that does not fit waits for a person.
    ExceptionOpened,
    /// It does not wait any more.
    ExceptionSettled,
    /// A balance fell below the setting `low_balance`.
    BalanceLow,
    /// A balance moved.
    BalanceChanged,
    /// Something was taken from a balance.
    DebitCreated,
    /// Something of a debit was given back.
    DebitReversed,
    /// A debit took what was needed of a hold.
    HoldCaptured,
    /// Nobody came back for a hold in time; its money is free again.
    HoldExpired,
    /// An operator added to a balance or took from it.
    GrantCreated,
    /// An endpoint gets no more events.
    WebhookDisabled,
    /// Asked for, to see whether it arrives.
    TestPing,
}

names!(EventType {
    RechargePaid = "recharge.paid",
    RechargePaidLate = "recharge.paid_late",
    RechargeClosed = "recharge.closed",
    RefundRequested = "recharge.refund_requested",
    Refunded = "recharge.refunded",
    RefundFailed = "recharge.refund_failed",
    ExceptionOpened = "exception.opened",
    ExceptionSettled = "exception.settled",
    BalanceLow = "balance.low",
    BalanceChanged = "balance.changed",
    DebitCreated = "debit.created",
    DebitReversed = "debit.reversed",
    HoldCaptured = "hold.captured",
    HoldExpired = "hold.expired",
    GrantCreated = "grant.created",
    WebhookDisabled = "webhook.disabled",
    TestPing = "test.ping",
});

impl EventType {
    /// Those that are written only while an endpoint asks for them by name: whoever caused them knows already, and there are
    /// thousands a second.
    pub const BY_NAME: [EventType; 3] =
        [EventType::BalanceChanged, EventType::DebitCreated, EventType::HoldCaptured];
}
