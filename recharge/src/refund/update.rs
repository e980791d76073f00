//! Updates of a refund by WeChat's answers.

use wxpay::{RefundId, RefundStatus, UnixMillis};

use super::{Blocked, Refund, RefundState, retry};

/// One answer about one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundUpdate {
    /// WeChat has taken it on, and says how far it is.
    Status {
        /// How far it is.
        status: RefundStatus,
        /// WeChat's number of it.
        refund_id: RefundId,
    },
    /// It did not move, and this is why.
    Blocked(Blocked),
    /// WeChat refused it for good, or an operator withdrew it, and WeChat knows no such refund. Valid only if it was not sent
    /// again after `tried_at`.
    NotTaken {
        /// Why it ends.
        blocked: Blocked,
        /// The last attempt that the answer is about.
        tried_at: UnixMillis,
    },
}

impl Refund {
    /// The refund after an answer about it. Requires: not succeeded and not closed; else `None`, as where the answer changes
    /// nothing. It only moves forward, in whatever order the answers come.
    pub fn updated(&self, update: &RefundUpdate, now: UnixMillis) -> Option<Refund> {
        if self.state.is_over() {
            return None;
        }
        let mut next = self.clone();
        match update {
            RefundUpdate::Status { status, refund_id } => {
                let state = match status {
                    RefundStatus::Success => RefundState::Succeeded,
                    RefundStatus::Closed => RefundState::Closed,
                    RefundStatus::Change => RefundState::Abnormal,
                    // A word that we do not know is not final.
                    RefundStatus::Processing | RefundStatus::Other(_) => RefundState::Submitted,
                };
                next.state = self.state.max(state);
                next.refund_id = Some(refund_id.clone());
                next.blocked = None;
            }
            RefundUpdate::Blocked(blocked) => next.blocked = Some(blocked.clone()),
            // What WeChat has taken on, only WeChat ends; and what was sent since, it may have.
            RefundUpdate::NotTaken { tried_at, .. }
                if self.state != RefundState::Requested || self.tried_at != *tried_at =>
            {
                return None;
            }
            RefundUpdate::NotTaken { blocked, .. } => {
                next.state = RefundState::Closed;
                next.blocked = Some(blocked.clone());
            }
        }
        if next.state.is_over() {
            next.ended_at = Some(now);
            next.due_at = None;
        } else {
            next.due_at = Some(retry::next(&next, now));
        }
        next.version = self.version + 1;
        Some(next)
    }
}
