//! What operators did, as it is written to the audit.

use wxpay::UnixMillis;

/// Something an operator did. Append-only: the database refuses changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: UnixMillis,
    pub operator: String,
    /// `login`, `logout`, `password`, `operator_added`, `operator_removed`, `refund`, …
    pub action: &'static str,
    /// What it was done to: an `out_trade_no`, an operator's name.
    pub subject: String,
    /// The client's address, or `console`.
    pub address: String,
    /// JSON objects without secrets.
    pub before: String,
    pub after: String,
}

impl AuditEntry {
    pub fn new(
        at: UnixMillis,
        operator: &str,
        action: &'static str,
        subject: &str,
        address: &str,
    ) -> AuditEntry {
        AuditEntry {
            at,
            operator: operator.to_owned(),
            action,
            subject: subject.to_owned(),
            address: address.to_owned(),
            before: "{}".to_owned(),
            after: "{}".to_owned(),
        }
    }
}
