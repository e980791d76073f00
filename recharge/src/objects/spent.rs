//! Debits, reversals, holds and grants, as the site's programs see them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wxpay::{Fen, UnixMillis};

use crate::spend::{Debit, DebitCause, Grant, Hold, HoldState, Reversal};

/// What the site took from a balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DebitObject {
    /// Its number.
    pub id: String,
    /// Whose balance.
    pub user: String,
    /// What was taken.
    #[schema(value_type = i64)]
    pub amount: Fen,
    /// What was given back of it since.
    #[schema(value_type = i64)]
    pub reversed: Fen,
    /// What was asked for and not there.
    #[schema(value_type = i64)]
    pub shortfall: Fen,
    /// The caller's name of it; `null` of one that captured a hold.
    pub reference: Option<String>,
    /// The hold that it captured.
    pub hold: Option<String>,
    /// What for.
    pub reason: String,
    /// The caller's own fields.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Who asked for it.
    pub made_by: String,
    /// The balance right after it.
    #[schema(value_type = i64)]
    pub balance_after: Fen,
    /// When it was taken.
    pub created_at: String,
}

impl DebitObject {
    /// The debit.
    pub fn new(debit: &Debit) -> DebitObject {
        let (reference, hold) = match &debit.cause {
            DebitCause::Reference(reference) => (Some(reference.to_string()), None),
            DebitCause::Hold(hold) => (None, Some(hold.to_string())),
        };
        DebitObject {
            id: debit.id.to_string(),
            user: debit.user_id.clone(),
            amount: debit.amount,
            reversed: debit.reversed,
            shortfall: debit.shortfall,
            reference,
            hold,
            reason: debit.reason.to_string(),
            metadata: serde_json::from_str(debit.metadata.as_json()).unwrap_or_default(),
            made_by: debit.by.to_string(),
            balance_after: debit.balance_after,
            created_at: debit.created_at.to_beijing_rfc3339(),
        }
    }
}

/// What the site gave back of a debit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReversalObject {
    /// Its number.
    pub id: String,
    /// The caller's name of it.
    pub reference: String,
    /// The debit.
    pub debit: String,
    /// What was given back.
    #[schema(value_type = i64)]
    pub amount: Fen,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub made_by: String,
    /// When.
    pub created_at: String,
}

impl ReversalObject {
    /// The reversal.
    pub fn new(reversal: &Reversal) -> ReversalObject {
        ReversalObject {
            id: reversal.id.to_string(),
            reference: reversal.reference.to_string(),
            debit: reversal.debit_id.to_string(),
            amount: reversal.amount,
            reason: reversal.reason.to_string(),
            made_by: reversal.by.to_string(),
            created_at: reversal.created_at.to_beijing_rfc3339(),
        }
    }
}

/// Money that is, or was, set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldObject {
    /// Its number.
    pub id: String,
    /// Rises with every change.
    pub version: i64,
    /// Of whose balance.
    pub user: String,
    /// How much.
    #[schema(value_type = i64)]
    pub amount: Fen,
    /// `open`, `captured`, `voided` or `expired`.
    pub state: HoldState,
    /// The caller's name of it.
    pub reference: String,
    /// What for.
    pub reason: String,
    /// The caller's own fields.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Who asked for it.
    pub made_by: String,
    /// When it was made.
    pub created_at: String,
    /// Until when it keeps its money.
    pub expires_at: String,
    /// When it was captured, voided or written down as expired.
    pub ended_at: Option<String>,
}

impl HoldObject {
    /// The hold as it counts at `now`: one whose time is up has expired, whether that was written down or not.
    pub fn new(hold: &Hold, now: UnixMillis) -> HoldObject {
        HoldObject {
            id: hold.id.to_string(),
            version: hold.version,
            user: hold.user_id.clone(),
            amount: hold.amount,
            state: if hold.is_due(now) { HoldState::Expired } else { hold.state },
            reference: hold.reference.to_string(),
            reason: hold.reason.to_string(),
            metadata: serde_json::from_str(hold.metadata.as_json()).unwrap_or_default(),
            made_by: hold.by.to_string(),
            created_at: hold.created_at.to_beijing_rfc3339(),
            expires_at: hold.expires_at.to_beijing_rfc3339(),
            ended_at: hold.ended_at.map(UnixMillis::to_beijing_rfc3339),
        }
    }
}

/// What an operator added to a balance or took from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GrantObject {
    /// Its number.
    pub id: String,
    /// Whose balance.
    pub user: String,
    /// Below zero where it took.
    #[schema(value_type = i64)]
    pub amount: Fen,
    /// Why.
    pub reason: String,
    /// Who.
    pub made_by: String,
    /// When.
    pub created_at: String,
}

impl GrantObject {
    /// The grant.
    pub fn new(grant: &Grant) -> GrantObject {
        GrantObject {
            id: grant.id.to_string(),
            user: grant.user_id.clone(),
            amount: grant.amount,
            reason: grant.reason.to_string(),
            made_by: grant.by.to_string(),
            created_at: grant.created_at.to_beijing_rfc3339(),
        }
    }
}
