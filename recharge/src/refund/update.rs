//! What WeChat says of a refund, and what that does to it. Pure.

use wxpay::{ErrCode, Error, RefundId, RefundStatus, UnixMillis};

use super::{Refund, RefundState, retry};

/// One answer about one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// WeChat has taken it on, and says how far it is.
    Status { status: RefundStatus, refund_id: RefundId },
    /// It did not move, and this is why.
    Stuck(Stuck),
    /// WeChat refused it for good, or an operator withdrew it, and WeChat knows no such refund. It holds only if nobody
    /// sent it after `tried_at`.
    NotTaken { stuck: Stuck, tried_at: UnixMillis },
}

/// Why a refund does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    pub problem: Problem,
    /// The words behind it: WeChat's, or who withdrew it.
    pub said: String,
}

/// A problem that the operator is told, each with what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// No clear answer: nobody knows whether WeChat has it. Asked again by itself.
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

impl Problem {
    pub const ALL: [Problem; 8] = [
        Problem::Unclear,
        Problem::NoCertificate,
        Problem::NotEnough,
        Problem::Limited,
        Problem::Refused,
        Problem::Mismatch,
        Problem::Final,
        Problem::Withdrawn,
    ];

    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Problem::Unclear => "unclear",
            Problem::NoCertificate => "no_certificate",
            Problem::NotEnough => "not_enough",
            Problem::Limited => "limited",
            Problem::Refused => "refused",
            Problem::Mismatch => "mismatch",
            Problem::Final => "final",
            Problem::Withdrawn => "withdrawn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.name() == name)
    }

    /// Whether WeChat said clearly that it did not take the refund on, so that an operator may withdraw it.
    pub fn is_clear(self) -> bool {
        matches!(self, Problem::NoCertificate | Problem::NotEnough | Problem::Limited | Problem::Refused)
    }

    /// What an error of `/secapi/pay/refund` or `/pay/refundquery` means. Source: protocol A7.4, A8.3, A18.
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

impl Stuck {
    pub fn by(error: &Error) -> Stuck {
        let said = match error {
            Error::Refused { code, err_code_des } => format!("{code} {err_code_des}").trim().to_owned(),
            other => other.to_string(),
        };
        Stuck { problem: Problem::of(error), said }
    }
}

impl Refund {
    /// The refund after news of it; `None` where they change nothing. It only moves forward, whatever order they come in.
    pub fn heard(&self, news: &News, now: UnixMillis) -> Option<Refund> {
        if self.state.is_over() {
            return None;
        }
        let mut next = self.clone();
        match news {
            News::Status { status, refund_id } => {
                let state = match status {
                    RefundStatus::Success => RefundState::Succeeded,
                    RefundStatus::Closed => RefundState::Closed,
                    RefundStatus::Change => RefundState::Abnormal,
                    // A word that we do not know is not final.
                    RefundStatus::Processing | RefundStatus::Other(_) => RefundState::Submitted,
                };
                next.state = self.state.max(state);
                next.refund_id = Some(refund_id.clone());
                next.stuck = None;
            }
            News::Stuck(stuck) => next.stuck = Some(stuck.clone()),
            // What WeChat has taken on, only WeChat ends; and what was sent since, it may have.
            News::NotTaken { tried_at, .. }
                if self.state != RefundState::Requested || self.tried_at != *tried_at =>
            {
                return None;
            }
            News::NotTaken { stuck, .. } => {
                next.state = RefundState::Closed;
                next.stuck = Some(stuck.clone());
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
