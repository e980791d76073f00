//! A hold: money set aside for work whose price is not known yet.

use wxpay::{Fen, InvalidValue, UnixMillis};

use super::{Amount, DebitId, HoldId, Metadata, Reason, Reference};
use crate::audit::Actor;
use crate::names::names;

/// How far a hold has come. It leaves `Open` once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldState {
    /// Its money is set aside.
    Open,
    /// A debit took what was needed of it.
    Captured,
    /// Its caller gave it up.
    Voided,
    /// Nobody came back for it in time.
    Expired,
}

names!(HoldState {
    Open = "open",
    Captured = "captured",
    Voided = "voided",
    Expired = "expired",
});

/// How long a hold keeps its money: a minute to a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLife(i64);

impl HoldLife {
    /// A life of so many seconds.
    ///
    /// # Errors
    /// [`InvalidValue`] for less than a minute and for more than a week.
    pub fn seconds(seconds: i64) -> Result<HoldLife, InvalidValue> {
        match (60..=604_800).contains(&seconds) {
            true => Ok(HoldLife(seconds)),
            false => Err(InvalidValue { what: "expires_in_s", must_be: "60 to 604800 seconds" }),
        }
    }

    /// In milliseconds.
    pub fn ms(self) -> i64 {
        self.0 * 1000
    }
}

impl Default for HoldLife {
    /// A quarter of an hour.
    fn default() -> HoldLife {
        HoldLife(900)
    }
}

/// What a caller asks to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// Of whose balance.
    pub user_id: String,
    /// How much.
    pub amount: Amount,
    /// The caller's name of it.
    pub reference: Reference,
    /// What for.
    pub reason: Reason,
    /// Fields that the caller stores with it; they decide nothing.
    pub metadata: Metadata,
    /// For how long.
    pub life: HoldLife,
}

/// Money that is, or was, set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// The caller's name of it.
    pub reference: Reference,
    /// Of whose balance.
    pub user_id: String,
    /// How much, in fen; at least 1.
    pub amount: Fen,
    /// How far it has come.
    pub state: HoldState,
    /// From then on it counts as expired, whoever looks.
    pub expires_at: UnixMillis,
    /// When it left [`HoldState::Open`].
    pub ended_at: Option<UnixMillis>,
    /// What for.
    pub reason: Reason,
    /// Fields that the caller stores with it; they decide nothing.
    pub metadata: Metadata,
    /// Who asked for it.
    pub by: Actor,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Rises with every change.
    pub version: i64,
}

impl Hold {
    /// What a request leads to.
    pub(crate) fn new(id: HoldId, request: &HoldRequest, by: &Actor, now: UnixMillis) -> Hold {
        Hold {
            id,
            reference: request.reference.clone(),
            user_id: request.user_id.clone(),
            amount: request.amount.fen(),
            state: HoldState::Open,
            expires_at: now.plus_ms(request.life.ms()),
            ended_at: None,
            reason: request.reason.clone(),
            metadata: request.metadata.clone(),
            by: by.clone(),
            created_at: now,
            version: 1,
        }
    }

    /// Whether a request is the one that led to this hold.
    pub fn is_of(&self, request: &HoldRequest) -> bool {
        self.reference == request.reference
            && self.user_id == request.user_id
            && self.amount == request.amount.fen()
            && self.reason == request.reason
            && self.metadata == request.metadata
            && self.expires_at == self.created_at.plus_ms(request.life.ms())
    }

    /// Whether its time is up and nobody has written it down yet.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.state == HoldState::Open && now >= self.expires_at
    }

    /// The hold as it ends; `None` if it has ended.
    pub(crate) fn ended(&self, how: HoldState, now: UnixMillis) -> Option<Hold> {
        let is_open = self.state == HoldState::Open;
        is_open.then(|| Hold { state: how, ended_at: Some(now), version: self.version + 1, ..self.clone() })
    }
}

/// Why nothing was set aside. Nothing was written, so the same reference can be used again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefusal {
    /// Less is there.
    #[error("{available} yuan are available and {needed} are needed")]
    Insufficient {
        /// What is there, in fen; may be below zero.
        available: Fen,
        /// What is needed, in fen.
        needed: Fen,
    },
    /// The reference is another hold's.
    #[error("this reference is hold {by}'s, which asked for something else")]
    ReferenceReused {
        /// The first one.
        by: HoldId,
    },
}

/// Why a hold was not captured. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureRefusal {
    /// There is no such hold.
    #[error("there is no such hold")]
    NoHold,
    /// It was voided.
    #[error("the hold was voided")]
    Voided,
    /// Its time is up, and its money is free again.
    #[error("the hold has expired")]
    Expired,
    /// More than the hold is asked for, and the rest is not there.
    #[error("{available} yuan are available beside the hold and {needed} are needed")]
    Insufficient {
        /// What is there beside the hold, in fen; may be below zero.
        available: Fen,
        /// What is needed beside the hold, in fen.
        needed: Fen,
    },
}

/// Why a hold was not voided. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoidRefusal {
    /// There is no such hold.
    #[error("there is no such hold")]
    NoHold,
    /// It was captured: give back its debit instead.
    #[error("the hold was captured by debit {by}")]
    Captured {
        /// The debit.
        by: DebitId,
    },
    /// Its time is up, and its money is free.
    #[error("the hold has expired")]
    Expired,
}
