//! The states of the payment dialog.

/// The state of the dialog; `data-state` in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Ordering,
    Slow,
    Waiting,
    OnPhone,
    InWechat,
    /// WeChat's payment window is open over the page.
    Sheet,
    /// WeChat's browser says that it was paid; only a notice or a query proves it.
    Confirming,
    /// The payment window was closed.
    SheetClosed,
    /// WeChat's browser did not open the payment window.
    SheetFailed,
    /// The browser goes to WeChat's page.
    Leaving,
    Offline,
    Paid,
    Late,
    LateRefunded,
    Unconfirmed,
    /// Past its expiry; the server queries WeChat whether it was paid.
    Expired,
    Closed,
    /// Taken back by its payer; a payment still counts.
    Cancelled,
    TooMany,
    Refused,
    /// WeChat does not answer.
    Busy,
    /// The server failed.
    Failed,
    Session,
    Limit,
    /// More than the account may order today.
    OverDay,
    /// The amount can no longer be ordered: what is on offer has changed since the page was opened.
    Changed,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Ordering => "ordering",
            Phase::Slow => "slow",
            Phase::Waiting => "waiting",
            Phase::OnPhone => "on-phone",
            Phase::InWechat => "in-wechat",
            Phase::Sheet => "sheet",
            Phase::Confirming => "confirming",
            Phase::SheetClosed => "sheet-closed",
            Phase::SheetFailed => "sheet-failed",
            Phase::Leaving => "leaving",
            Phase::Offline => "offline",
            Phase::Paid => "paid",
            Phase::Late => "late",
            Phase::LateRefunded => "refunded",
            Phase::Unconfirmed => "unconfirmed",
            Phase::Expired => "expired",
            Phase::Closed => "closed",
            Phase::Cancelled => "cancelled",
            Phase::TooMany => "too-many",
            Phase::Refused => "refused",
            Phase::Busy => "busy",
            Phase::Failed => "failed",
            Phase::Session => "session",
            Phase::Limit => "limit",
            Phase::OverDay => "over-day",
            Phase::Changed => "changed",
        }
    }

    /// Whether the order can be paid and the page waits for it.
    pub fn is_waiting(self) -> bool {
        use Phase::{Confirming, InWechat, Leaving, OnPhone, Sheet, SheetClosed, SheetFailed, Waiting};
        matches!(
            self,
            Waiting | OnPhone | InWechat | Sheet | Confirming | SheetClosed | SheetFailed | Leaving
        )
    }
}
