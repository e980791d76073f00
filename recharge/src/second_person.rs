//! Credits by hand above a bound, which a second operator has to confirm.

use serde::{Deserialize, Serialize};
use wxpay::{Fen, UnixMillis};

use crate::names::names;

/// What one operator asks another to confirm, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditWish {
    /// An adjustment that adds to a balance.
    Grant {
        /// Whose balance; there need not be an account yet.
        user_id: String,
        /// The name that pages show.
        user_name: String,
        /// In fen, above zero.
        amount: Fen,
        /// The form's own name of it, so that it is done once.
        reference: String,
        /// Why.
        reason: String,
    },
    /// An exception whose payment is credited.
    Resolve {
        /// The exception's id.
        exception: String,
        /// The order's number.
        number: String,
        /// What was paid, in fen.
        amount: Fen,
        /// Whose balance, where no order says it: id and name.
        user: Option<(String, String)>,
        /// There need not be an account yet.
        new_account: bool,
        /// Why.
        reason: String,
    },
}

impl CreditWish {
    /// The key under which it is asked for once.
    pub fn id(&self) -> String {
        match self {
            CreditWish::Grant { reference, .. } => format!("grant {reference}"),
            CreditWish::Resolve { exception, .. } => format!("resolve {exception}"),
        }
    }

    /// Whose balance; empty where the order says it.
    pub fn user_id(&self) -> &str {
        match self {
            CreditWish::Grant { user_id, .. } => user_id,
            CreditWish::Resolve { user, .. } => user.as_ref().map_or("", |(id, _)| id),
        }
    }

    /// The order's number; empty for a grant.
    pub fn number(&self) -> &str {
        match self {
            CreditWish::Grant { .. } => "",
            CreditWish::Resolve { number, .. } => number,
        }
    }

    /// In fen.
    pub fn amount(&self) -> Fen {
        match self {
            CreditWish::Grant { amount, .. } | CreditWish::Resolve { amount, .. } => *amount,
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            CreditWish::Grant { reason, .. } | CreditWish::Resolve { reason, .. } => reason,
        }
    }
}

/// How far a wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AskedState {
    /// It waits for a second operator.
    Open,
    /// A second operator confirmed it, and it is being done. If that was cut off, it is confirmed again.
    Confirmed,
    /// It was done.
    Done,
    /// It could not be done any more.
    Refused,
    /// It was taken back.
    Withdrawn,
}

names!(AskedState {
    Open = "open",
    Confirmed = "confirmed",
    Done = "done",
    Refused = "refused",
    Withdrawn = "withdrawn",
});

/// A wish as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCredit {
    /// What.
    pub wish: CreditWish,
    /// Who.
    pub asked_by: String,
    /// When.
    pub asked_at: UnixMillis,
    /// How far it is.
    pub state: AskedState,
    /// Who confirmed it or took it back.
    pub decided_by: Option<String>,
}

/// Whether a credit by hand of this much needs a second operator, with a bound in fen; `None`: none does.
pub fn needs_second_person(amount: Fen, from: Option<Fen>) -> bool {
    from.is_some_and(|from| amount >= from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_needs_a_second_person_and_what_is_taken_never_does() {
        let from = Some(Fen::new(10_000));
        for (fen, needs) in [(9_999, false), (10_000, true), (10_001, true), (-20_000, false)] {
            assert_eq!(needs_second_person(Fen::new(fen), from), needs, "{fen}");
        }
        assert!(!needs_second_person(Fen::new(i64::MAX), None));
    }

    #[test]
    fn a_wish_is_read_as_it_was_asked_for() {
        let grant = CreditWish::Grant {
            user_id: "u_1".to_owned(),
            user_name: "lin".to_owned(),
            amount: Fen::new(20_000),
            reference: "GR1".to_owned(),
            reason: "赔偿".to_owned(),
        };
        let json = serde_json::to_string(&grant).unwrap();
        assert_eq!(serde_json::from_str::<CreditWish>(&json).unwrap(), grant);
        assert_eq!((grant.id().as_str(), grant.user_id(), grant.number()), ("grant GR1", "u_1", ""));
    }
}
