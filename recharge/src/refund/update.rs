//! Updates of a refund by WeChat's answers.

use wxpay::{ErrCode, Error, RefundId, RefundStatus, UnixMillis};

use super::{Refund, RefundState, retry};
use crate::names::names;

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

/// Why a refund does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The kind of problem.
    pub problem: Problem,
    /// The words behind it: WeChat's, or who withdrew it.
    pub said: String,
}

/// A problem that the operator is told, each with what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// No clear answer: it is unknown whether WeChat has it. Asked again by itself.
    Unclear,
    /// No certificate is set, or WeChat does not take it.
    NoCertificate,
    /// The merchant's own funds do not suffice: top up.
    NotEnough,
    /// Too many refunds at once, or of old orders. Asked again by itself, slower.
    Limited,
    /// WeChat names a mistake of ours in this refund or in the settings.
    Refused,
    /// WeChat knows this number as another refund, or lost one that it had taken on.
    Mismatch,
    /// It ended because WeChat will not make it: refund by other means.
    Final,
    /// An operator withdrew it before WeChat had it.
    Withdrawn,
}

names!(Problem {
    Unclear = "unclear",
    NoCertificate = "no_certificate",
    NotEnough = "not_enough",
    Limited = "limited",
    Refused = "refused",
    Mismatch = "mismatch",
    Final = "final",
    Withdrawn = "withdrawn",
});

impl Problem {
    /// Whether WeChat said clearly that it did not take the refund on, so that an operator may withdraw it.
    pub fn is_clear(self) -> bool {
        matches!(self, Problem::NoCertificate | Problem::NotEnough | Problem::Limited | Problem::Refused)
    }

    /// The problem behind an error of `/secapi/pay/refund` or `/pay/refundquery`.
    /// Source: WeChat Pay, native.php?chapter=9_4 and native.php?chapter=9_5
    pub fn of(error: &Error) -> Problem {
        match error {
            Error::NoCertificate => Problem::NoCertificate,
            Error::Invalid(_) | Error::NotUnderstood { .. } => Problem::Refused,
            Error::Foreign { .. } => Problem::Mismatch,
            Error::Refused { code, .. } => match code {
                ErrCode::NotEnough => Problem::NotEnough,
                ErrCode::FrequencyLimited | ErrCode::InvalidReqTooMuch => Problem::Limited,
                ErrCode::SystemError | ErrCode::BizerrNeedRetry => Problem::Unclear,
                code if !error.is_unknown() && code.class() == wxpay::ErrClass::Final => Problem::Final,
                // What is wrong is in `err_code_des`; also a code that WeChat never documented.
                _ => Problem::Refused,
            },
            _ => Problem::Unclear,
        }
    }
}

impl Blocked {
    /// Blocked by this error of a call.
    pub fn by(error: &Error) -> Blocked {
        let said = match error {
            Error::Refused { code, err_code_des } => format!("{code} {err_code_des}").trim().to_owned(),
            other => other.to_string(),
        };
        Blocked { problem: Problem::of(error), said }
    }
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
