//! Problems that keep a refund from moving.

use wxpay::{ErrCode, Error};

use crate::names::names;

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
