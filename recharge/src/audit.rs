//! Who acts, and the audit of what operators did.

use serde::{Deserialize, Serialize};
use wxpay::UnixMillis;

/// Who or what caused a change. Stored as two columns, [`Actor::kind`] and [`Actor::name`], so that an operator's name can
/// never pass for the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "InJson", into = "InJson")]
pub enum Actor {
    /// A signed-in operator, by name.
    Operator(String),
    /// A program of the site, by the name of its API key.
    Key(String),
    /// The payer of an order.
    Payer,
    /// A rule of this program, without a person.
    Rule,
    /// WeChat, or somebody in its merchant platform.
    WeChat,
    /// The background query schedule.
    Schedule,
    /// The daily reconciliation with WeChat's bill.
    Reconciliation,
    /// Placing the order: a query that unified order's answer or a new code asked for.
    Placement,
}

/// Names that no new operator may have: the program acts under them, now or in older rows, and an operator of such a name
/// would look like it in books and audit.
pub const RESERVED_NAMES: [&str; 16] = [
    "bill",
    "console",
    "key",
    "notice",
    "operator",
    "payer",
    "placement",
    "query",
    "reconcile",
    "reconciliation",
    "rule",
    "saoma",
    "schedule",
    "service",
    "system",
    "wechat",
];

impl Actor {
    /// Actors without a name of their own; each one's name is its kind.
    const PROGRAM: [Actor; 6] =
        [Actor::Payer, Actor::Rule, Actor::WeChat, Actor::Schedule, Actor::Reconciliation, Actor::Placement];

    /// The stored kind: `operator`, `key`, `payer`, `rule`, `wechat`, `schedule`, `reconciliation` or `placement`.
    pub fn kind(&self) -> &'static str {
        match self {
            Actor::Operator(_) => "operator",
            Actor::Key(_) => "key",
            Actor::Payer => "payer",
            Actor::Rule => "rule",
            Actor::WeChat => "wechat",
            Actor::Schedule => "schedule",
            Actor::Reconciliation => "reconciliation",
            Actor::Placement => "placement",
        }
    }

    /// The stored name: the operator's or the key's, or the kind again.
    pub fn name(&self) -> &str {
        match self {
            Actor::Operator(name) | Actor::Key(name) => name,
            program => program.kind(),
        }
    }

    /// Reads the two columns; `None` if this version does not know the kind.
    pub fn from_columns(kind: &str, name: String) -> Option<Actor> {
        match kind {
            "operator" => Some(Actor::Operator(name)),
            "key" => Some(Actor::Key(name)),
            kind => Self::PROGRAM.into_iter().find(|actor| actor.kind() == kind),
        }
    }
}

/// An actor inside a JSON object: an operator is `{"operator": name}`, a key `{"key": name}`, the program a word. Older versions wrote a word for
/// either.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum InJson {
    Operator { operator: String },
    Key { key: String },
    Word(String),
}

impl From<Actor> for InJson {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::Operator(operator) => InJson::Operator { operator },
            Actor::Key(key) => InJson::Key { key },
            program => InJson::Word(program.kind().to_owned()),
        }
    }
}

impl From<InJson> for Actor {
    fn from(stored: InJson) -> Self {
        match stored {
            InJson::Operator { operator } => Actor::Operator(operator),
            InJson::Key { key } => Actor::Key(key),
            InJson::Word(word) => match word.as_str() {
                "reconcile" => Actor::Reconciliation,
                "unified order" | "new code" => Actor::Placement,
                _ => Actor::PROGRAM
                    .into_iter()
                    .find(|actor| actor.kind() == word)
                    .unwrap_or(Actor::Operator(word)),
            },
        }
    }
}

/// As in the audit and where there is one column for it: a key is `key:NAME`, which no operator can be called.
impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::Key(name) => write!(f, "key:{name}"),
            other => f.write_str(other.name()),
        }
    }
}

/// Who decided, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// An operator, or the key of a program.
    pub actor: Actor,
    /// The client's address, for the audit.
    pub address: String,
}

impl Acting {
    /// An operator at the desk.
    pub fn operator(name: &str, address: &str) -> Acting {
        Acting { actor: Actor::Operator(name.to_owned()), address: address.to_owned() }
    }

    /// A program of the site that calls with a key.
    pub fn key(name: &str, address: &str) -> Acting {
        Acting { actor: Actor::Key(name.to_owned()), address: address.to_owned() }
    }
}

/// Something an operator did, or a program of the site with its key. Append-only: the database refuses changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: UnixMillis,
    /// The operator's name, or the name that was tried; of a program `key:` and the name of its key.
    pub operator: String,
    /// `login`, `logout`, `password`, `operator_added`, `operator_removed`, `refund`, `static_code_made`, …
    pub action: &'static str,
    /// What it was done to: an `out_trade_no`, an operator's name, a `product_id`.
    pub subject: String,
    /// The client's address, or `console`.
    pub address: String,
    /// What was, as a JSON object without secrets.
    pub before: String,
    /// What is, as a JSON object without secrets.
    pub after: String,
}

impl AuditEntry {
    /// An entry without details of what was and what is.
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

    /// The same for who decided something.
    pub fn of(at: UnixMillis, by: &Acting, action: &'static str, subject: &str) -> AuditEntry {
        AuditEntry::new(at, &by.actor.to_string(), action, subject, &by.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_named_like_the_program_is_an_operator_and_stays_one_in_the_database() {
        for actor in Actor::PROGRAM {
            let namesake = Actor::Operator(actor.name().to_owned());
            let key = Actor::Key(actor.name().to_owned());
            assert!(namesake != actor && key != actor && key != namesake);
            for stored in [actor, namesake, key] {
                let read = Actor::from_columns(stored.kind(), stored.name().to_owned());
                assert_eq!(read, Some(stored.clone()));
                let json = serde_json::to_string(&stored).unwrap();
                assert_eq!(serde_json::from_str::<Actor>(&json).unwrap(), stored);
            }
        }
        assert_eq!(Actor::from_columns("robot", "lin".to_owned()), None);
    }

    #[test]
    fn a_key_is_no_operator_of_the_same_name() {
        let (key, operator) = (Actor::Key("forum".to_owned()), Actor::Operator("forum".to_owned()));
        for actor in [&key, &operator] {
            let json = serde_json::to_string(actor).unwrap();
            assert_eq!(serde_json::from_str::<Actor>(&json).unwrap(), *actor, "{json}");
            let stored = Actor::from_columns(actor.kind(), actor.name().to_owned());
            assert_eq!(stored.as_ref(), Some(actor));
        }
        assert_eq!((key.to_string(), operator.to_string()), ("key:forum".to_owned(), "forum".to_owned()));
    }

    #[test]
    fn every_name_of_the_program_is_reserved() {
        for actor in Actor::PROGRAM {
            assert!(RESERVED_NAMES.contains(&actor.name()), "{actor}");
        }
    }
}
