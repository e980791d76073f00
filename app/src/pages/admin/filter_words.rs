//! The filter of a list or an export as people read it.

use recharge::ExceptionKind;
use recharge::order::{OrderChannel, Proof};
use recharge::refund::RefundState;

use super::list_parts::period_word;
use super::order_columns::{STATES, channel_word, proof_word};
use super::query::Period;
use super::refunds::state_word;
use crate::components::exception_word;
use crate::text::{Lang, Text, export, find, orders};

/// What a query selects, such as `状态：待支付 · 从：2026-03-01`.
pub fn filter_words(lang: Lang, query: &str) -> String {
    let pairs = crate::url::pairs(query);
    if pairs.is_empty() {
        return lang.t(export::EVERYTHING).to_owned();
    }
    let colon = if lang == Lang::Zh { "：" } else { ": " };
    let words = |(name, value): &(String, String)| match label(name) {
        Some(label) => format!("{}{colon}{}", lang.t(label), value_words(lang, name, value)),
        // A statement's filter is its month.
        None if value.is_empty() => name.clone(),
        None => format!("{name} = {value}"),
    };
    pairs.iter().map(words).collect::<Vec<_>>().join(" · ")
}

fn label(name: &str) -> Option<Text> {
    Some(match name {
        "q" => orders::SEARCH,
        "user" => orders::C_USER,
        "state" => orders::F_STATE,
        "refunded" => find::F_REFUNDED,
        "exception" => orders::F_EXCEPTION,
        "channel" => orders::F_CHANNEL,
        "protocol" => orders::F_PROTOCOL,
        "proof" => orders::C_PROOF,
        "by" => find::F_BY,
        "period" => find::F_DATE,
        "from" => find::F_FROM,
        "to" => find::F_TO,
        "min" => find::F_MIN,
        "max" => find::F_MAX,
        _ => return None,
    })
}

/// A word of the query in the language of the page; what is no such word stays as it was typed.
fn value_words(lang: Lang, name: &str, value: &str) -> String {
    let found = match name {
        "state" => return each(lang, value, state),
        "refunded" => match value {
            "yes" => Some(find::REFUNDED_YES),
            "no" => Some(find::REFUNDED_NO),
            _ => None,
        },
        "exception" if value == "any" => Some(orders::F_ANY),
        "exception" => ExceptionKind::from_name(value).map(exception_word),
        "channel" => OrderChannel::from_name(value).map(channel_word),
        "proof" => Proof::from_name(value).map(proof_word),
        "period" => Period::ALL.into_iter().find(|period| period.name() == value).map(period_word),
        "by" => match value {
            "placed" => Some(find::BY_PLACED),
            "paid" => Some(find::BY_PAID),
            "asked" => Some(find::BY_ASKED),
            "ended" => Some(find::BY_ENDED),
            _ => None,
        },
        _ => None,
    };
    found.map_or_else(|| value.to_owned(), |text| lang.t(text).to_owned())
}

/// Of an order or a refund: their words differ.
fn state(name: &str) -> Option<Text> {
    let of_order = STATES.iter().find(|(state, _)| state.name() == name).map(|(_, text)| *text);
    of_order.or_else(|| RefundState::from_name(name).map(|state| state_word(state).0))
}

/// Several values stand behind one another with commas.
fn each(lang: Lang, values: &str, word: impl Fn(&str) -> Option<Text>) -> String {
    let words = values.split(',').map(|value| word(value).map_or(value, |text| lang.t(text)));
    words.collect::<Vec<_>>().join(if lang == Lang::Zh { "、" } else { ", " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_said_in_words_and_what_is_unknown_as_it_stands() {
        let table = [
            ("state=pending", "状态：待支付"),
            ("period=7d&by=paid&min=12.50", "日期：近 7 天 · 按哪个时间：付款时间 · 金额从（元）：12.50"),
            ("2026-11", "2026-11"),
            ("state=nothing&x=1", "状态：nothing · x = 1"),
        ];
        for (query, words) in table {
            assert_eq!(filter_words(Lang::Zh, query), words, "{query}");
        }
    }
}
