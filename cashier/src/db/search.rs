//! What an operator types into the search box, and the orders that it leads to.

use std::collections::BTreeSet;
use std::fmt;

use sqlx::AssertSqlSafe;

use super::{Connection, Db, DbError, column};

/// The longest text that is looked for, in characters: no number or user id is longer.
pub const LONGEST: usize = 64;

/// The most orders that one kind of number leads to.
pub const CANDIDATES: usize = 1_000;

/// The length of the last part of an order number by which one is found, in characters.
const TAIL: usize = 8;

/// A number, a user's id or a user's name: in full, or how it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(String);

/// Why a text cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("more than {LONGEST} characters")]
    TooLong,
    #[error("control characters")]
    Control,
}

impl Search {
    /// Reads what was typed; `None` for nothing. Wildcards of SQL are characters like others.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn parse(typed: &str) -> Result<Option<Search>, SearchError> {
        let typed = typed.trim();
        match typed {
            "" => Ok(None),
            _ if typed.chars().count() > LONGEST => Err(SearchError::TooLong),
            // PostgreSQL refuses NUL, and no number has any of them.
            _ if typed.contains(char::is_control) => Err(SearchError::Control),
            _ => Ok(Some(Search(typed.to_owned()))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As typed, and in capitals where that is different: our own numbers have capitals only.
    fn spellings(&self) -> Vec<String> {
        let capitals = self.0.to_uppercase();
        if capitals == self.0 { vec![capitals] } else { vec![self.0.clone(), capitals] }
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The order numbers that a search leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leads {
    pub numbers: BTreeSet<String>,
    /// More than [`CANDIDATES`] fit in one way; those that sort last were taken.
    pub is_cut: bool,
}

/// `{p}` is where the searched text begins, `{q}` where that range ends. Each is one range of one index.
pub(super) const BY_NUMBER: [&str; 7] = [
    "SELECT out_trade_no FROM orders WHERE out_trade_no >= {p} AND out_trade_no < {q} ORDER BY out_trade_no DESC",
    "SELECT out_trade_no FROM orders WHERE transaction_id >= {p} AND transaction_id < {q} ORDER BY transaction_id DESC",
    "SELECT out_trade_no FROM refunds WHERE out_refund_no >= {p} AND out_refund_no < {q} ORDER BY out_refund_no DESC",
    "SELECT out_trade_no FROM refunds WHERE refund_id >= {p} AND refund_id < {q} ORDER BY refund_id DESC",
    "SELECT out_trade_no FROM exceptions WHERE transaction_id >= {p} AND transaction_id < {q} ORDER BY transaction_id DESC",
    "SELECT out_trade_no FROM order_references WHERE reference >= {p} AND reference < {q} ORDER BY reference DESC",
    "SELECT r.out_trade_no FROM epay_orders AS e JOIN order_references AS r ON r.reference = e.reference \
     WHERE e.out_trade_no >= {p} AND e.out_trade_no < {q} ORDER BY e.out_trade_no DESC",
];
/// Users as they are spelt.
pub(super) const BY_USER: [&str; 3] = [
    "SELECT out_trade_no FROM orders WHERE user_id = {p} ORDER BY created_at DESC, out_trade_no DESC",
    "SELECT out_trade_no FROM orders WHERE user_id > {p} AND user_id < {q} ORDER BY user_id DESC, created_at DESC",
    "SELECT out_trade_no FROM orders WHERE user_name >= {p} AND user_name < {q} AND user_name <> user_id \
     ORDER BY user_name DESC, created_at DESC",
];
pub(super) const BY_TAIL: &str =
    "SELECT out_trade_no FROM orders WHERE substr(out_trade_no, length(out_trade_no) - 7) = {p}";

/// One of these statements with its parameters' places and its limit.
pub(super) fn statement(template: &str) -> String {
    let filled = template.replace("{p}", "$1").replace("{q}", "$2");
    format!("{filled} LIMIT {}", CANDIDATES + 1)
}

impl Leads {
    async fn follow(
        &mut self,
        connection: &mut Connection,
        template: &str,
        text: &str,
    ) -> Result<(), DbError> {
        // A range instead of LIKE: it uses the index on both engines, and `%` and `_` are characters like others.
        let mut query = sqlx::query(AssertSqlSafe(statement(template))).bind(text.to_owned());
        if template.contains("{q}") {
            query = query.bind(format!("{text}\u{10FFFF}"));
        }
        let rows = query.fetch_all(connection).await?;
        self.is_cut |= rows.len() > CANDIDATES;
        for row in rows.iter().take(CANDIDATES) {
            self.numbers.insert(column(row, "out_trade_no")?);
        }
        Ok(())
    }
}

/// The orders that a search leads to, by any of their numbers or their user.
///
/// # Errors
/// [`DbError`].
pub async fn leads(db: &Db, search: &Search) -> Result<Leads, DbError> {
    let mut leads = Leads::default();
    let mut connection = db.reading().await?;
    for text in search.spellings() {
        for template in BY_NUMBER {
            leads.follow(&mut connection, template, &text).await?;
        }
        if text.len() == TAIL {
            leads.follow(&mut connection, BY_TAIL, &text).await?;
        }
    }
    for template in BY_USER {
        leads.follow(&mut connection, template, search.as_str()).await?;
    }
    Ok(leads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_number_can_be_is_refused_and_blanks_around_are_not_looked_for() {
        let parsed = |text: &str| Search::parse(text).map(|found| found.map(|search| search.to_string()));
        assert_eq!(parsed("  "), Ok(None));
        assert_eq!(parsed(" sm1 "), Ok(Some("sm1".to_owned())));
        assert_eq!(parsed("%_'\"<script>"), Ok(Some("%_'\"<script>".to_owned())));
        assert_eq!(parsed(&"码".repeat(64)), Ok(Some("码".repeat(64))));
        assert_eq!(parsed(&"x".repeat(10_000)), Err(SearchError::TooLong));
        assert_eq!(parsed("a\0b"), Err(SearchError::Control));
    }

    #[test]
    fn small_letters_are_looked_for_as_typed_and_in_capitals() {
        let spellings = |text: &str| Search::parse(text).unwrap().unwrap().spellings();
        assert_eq!(spellings("sm2026ab"), ["sm2026ab", "SM2026AB"]);
        assert_eq!(spellings("SM2026AB"), ["SM2026AB"]);
        assert_eq!(spellings("4200"), ["4200"]);
    }
}
