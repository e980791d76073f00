//! Every text of the pages, in Chinese and English. Constants, so that the browser's module holds only those that its
//! script uses; the module is private to the crate, so that the compiler names a text that no page uses.
//!
//! Rules for new ones: say what is known, then what happens by itself, then what can be done. Unconfirmed is never
//! called failed, and the payer is never at fault.

mod contract_page;
mod doctor_checks;
mod operator;
mod operator_accounts;
mod operator_alerts;
mod operator_audit;
mod operator_bills;
mod operator_codes;
mod operator_find;
mod operator_keys;
mod operator_money;
mod operator_people;
mod operator_second;
mod operator_settings;
mod operator_webhooks;
mod payer_pages;
mod refund_wishes;
mod shared;

pub use self::{
    contract_page::*, doctor_checks::check_name, operator::*, operator_accounts::*, operator_alerts::*,
    operator_audit::*, operator_bills::*, operator_codes::*, operator_find::*, operator_keys::*,
    operator_money::*, operator_people::*, operator_second::*, operator_settings::*, operator_webhooks::*,
    payer_pages::*, refund_wishes::*, shared::*,
};
pub use crate::lang::{Lang, Text};

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static (&'static str, Text)> {
        [
            site::EVERY,
            sandbox::EVERY,
            common::EVERY,
            state::EVERY,
            refund::EVERY,
            exception::EVERY,
            check::EVERY,
            error::EVERY,
            payer::EVERY,
            dialog::EVERY,
            wish::EVERY,
            wishes::EVERY,
            pay::EVERY,
            receipt::EVERY,
            login::EVERY,
            nav::EVERY,
            overview::EVERY,
            codes::EVERY,
            keys::EVERY,
            people::EVERY,
            me::EVERY,
            audit::EVERY,
            settings::EVERY,
            second::EVERY,
            factor::EVERY,
            webhooks::EVERY,
            alerts::EVERY,
            alert::EVERY,
            contract::EVERY,
            accounts::EVERY,
            orders::EVERY,
            find::EVERY,
            export::EVERY,
            statement::EVERY,
            work::EVERY,
            order::EVERY,
            bill::EVERY,
            refunds::EVERY,
            problem::EVERY,
            answer::EVERY,
            resolve::EVERY,
            exceptions::EVERY,
        ]
        .into_iter()
        .flatten()
    }

    fn marks(text: &str) -> Vec<&str> {
        let marks = text.split('{').skip(1).filter_map(|part| part.split('}').next());
        // Only English tells one from many.
        let mut found: Vec<_> = marks.filter(|mark| !mark.contains(':')).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn both_languages_of_a_text_are_filled_with_the_same_values() {
        for (name, text) in all() {
            assert_eq!(marks(text.zh), marks(text.en), "{name}");
            assert!(!text.zh.is_empty() && !text.en.is_empty(), "{name}");
        }
    }
}
