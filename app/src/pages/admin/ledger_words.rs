//! Words for the rows of the ledger: what moved a balance, why, and who decided it.

use cashier::db::ledger_list::LedgerRow;
use recharge::audit::Actor;
use recharge::ledger::LedgerKey;

use super::events::actor;
use crate::text::{Lang, Text, accounts as text};

/// The word for what moved the balance.
pub fn kind_word(key: &LedgerKey) -> Text {
    match key {
        LedgerKey::Credit | LedgerKey::CreditOf(_) => text::K_CREDIT,
        LedgerKey::Refund(_) => text::K_REFUND,
        LedgerKey::RefundReturned(_) => text::K_RETURNED,
        LedgerKey::Debit => text::K_DEBIT,
        LedgerKey::Reversal(_) => text::K_REVERSAL,
        LedgerKey::Grant => text::K_GRANT,
    }
}

/// Why, in words: what a person or a site wrote stays as it is, what the program writes is a word of its own.
pub fn reason_words(lang: Lang, key: Option<&LedgerKey>, reason: &str) -> String {
    let words = match (key, reason) {
        (Some(LedgerKey::Credit), "payment") => text::R_PAYMENT,
        (Some(LedgerKey::Credit), "late payment") => text::R_LATE,
        (Some(LedgerKey::RefundReturned(_)), "the refund ended without money") => text::R_RETURNED,
        _ => return reason.to_owned(),
    };
    lang.t(words).to_owned()
}

/// Who decided it. Sites write rows of their own, with any author.
pub fn author_words(lang: Lang, row: &LedgerRow) -> String {
    let known = Actor::from_columns(&row.author_kind, row.author.clone());
    let known = known.filter(|known| known.name() == row.author);
    known.map_or_else(|| row.author.clone(), |known| actor(lang, &known))
}

#[cfg(test)]
mod tests {
    use wxpay::{Fen, UnixMillis};

    use super::*;

    #[test]
    fn what_the_program_wrote_is_a_word_and_what_people_wrote_stays() {
        let key = |text: &str| LedgerKey::parse(text).unwrap();
        for (entry, reason, zh, en) in [
            ("credit", "payment", "付款", "Payment"),
            ("credit", "late payment", "超时付款", "Late payment"),
            (
                "refund-returned RF1",
                "the refund ended without money",
                "退款没有成功",
                "The refund did not go through",
            ),
            ("debit", "payment", "payment", "payment"),
            ("grant", "late payment", "late payment", "late payment"),
            ("refund RF1", "商品已售完", "商品已售完", "商品已售完"),
        ] {
            let words = |lang| reason_words(lang, Some(&key(entry)), reason);
            assert_eq!((words(Lang::Zh).as_str(), words(Lang::En).as_str()), (zh, en), "{entry} {reason}");
        }
        assert_eq!(reason_words(Lang::Zh, None, "payment"), "payment", "a site's own row");
    }

    #[test]
    fn an_author_is_named_in_words_and_a_sites_own_by_its_name() {
        for (kind, author, shown) in [
            ("rule", "rule", "按规则"),
            ("rule", "my-shop", "my-shop"),
            ("operator", "lin", "lin"),
            ("key", "forum", "密钥 forum"),
            ("a later kind", "x", "x"),
        ] {
            let row = LedgerRow {
                at: UnixMillis::new(0),
                number: "SM1".to_owned(),
                entry: "credit".to_owned(),
                user_id: "u_1".to_owned(),
                amount: Fen::new(1),
                seq: None,
                balance_after: None,
                author: author.to_owned(),
                author_kind: kind.to_owned(),
                reason: String::new(),
            };
            assert_eq!(author_words(Lang::Zh, &row), shown);
        }
    }
}
