//! Words about the audit: what was done, and what was before and after it.

use cashier::db::audit::AuditRow;
use recharge::role::Role;
use serde_json::Value;
use wxpay::Fen;

use super::exports::{Cell, csv};
use super::filter_words::filter_words;
use super::people_words::role_word;
use crate::components::money;
use crate::text::{Lang, Text, audit as text, export};

/// The actions that this version writes, with their words.
pub const ACTIONS: [(&str, Text); 48] = [
    ("refund", text::A_REFUND),
    ("refund_withdrawn", text::A_REFUND_WITHDRAWN),
    ("settle_exception", text::A_SETTLE),
    ("grant", text::A_GRANT),
    ("debit_reversed", text::A_DEBIT_REVERSED),
    ("dismiss_difference", text::A_DIFFERENCE),
    ("login", text::A_LOGIN),
    ("logout", text::A_LOGOUT),
    ("password", text::A_PASSWORD),
    ("operator_added", text::A_OPERATOR_ADDED),
    ("operator_role", text::A_OPERATOR_ROLE),
    ("operator_removed", text::A_OPERATOR_REMOVED),
    ("session_ended", text::A_SESSION_ENDED),
    ("sessions_ended", text::A_SESSIONS_ENDED),
    ("second_factor_begun", text::A_FACTOR_BEGUN),
    ("second_factor_on", text::A_FACTOR_ON),
    ("second_factor_off", text::A_FACTOR_OFF),
    ("recovery_codes", text::A_RECOVERY_CODES),
    ("credit_asked", text::A_CREDIT_ASKED),
    ("credit_confirmed", text::A_CREDIT_CONFIRMED),
    ("credit_withdrawn", text::A_CREDIT_WITHDRAWN),
    ("setting_changed", text::A_SETTING),
    ("setting_reset", text::A_SETTING_RESET),
    ("static_code_made", text::A_CODE_MADE),
    ("static_code_stopped", text::A_CODE_STOPPED),
    ("api_key_made", text::A_KEY_MADE),
    ("api_key_rotated", text::A_KEY_ROTATED),
    ("api_key_revoked", text::A_KEY_REVOKED),
    ("webhook_made", text::A_WEBHOOK_MADE),
    ("webhook_changed", text::A_WEBHOOK_CHANGED),
    ("webhook_rotated", text::A_WEBHOOK_ROTATED),
    ("webhook_disabled", text::A_WEBHOOK_DISABLED),
    ("webhook_enabled", text::A_WEBHOOK_ENABLED),
    ("webhook_deleted", text::A_WEBHOOK_DELETED),
    ("webhook_tested", text::A_WEBHOOK_TESTED),
    ("webhook_replayed", text::A_WEBHOOK_REPLAYED),
    ("webhook_redelivered", text::A_WEBHOOK_REDELIVERED),
    ("alert_channel_made", text::A_ALERT_MADE),
    ("alert_channel_deleted", text::A_ALERT_DELETED),
    ("epay_merchant_made", text::A_EPAY_MADE),
    ("epay_key_rotated", text::A_EPAY_ROTATED),
    ("epay_hosts_set", text::A_EPAY_HOSTS),
    ("epay_merchant_revoked", text::A_EPAY_REVOKED),
    ("epay_told_again", text::A_EPAY_TOLD),
    ("refund_wish_declined", text::A_WISH_DECLINED),
    ("export", text::A_EXPORT),
    ("export_ended", text::A_EXPORT_ENDED),
    ("export_broken", text::A_EXPORT_BROKEN),
];

/// The words of an action; an action of another version is named as it is stored.
pub fn action_word(lang: Lang, action: &str) -> String {
    let known = ACTIONS.iter().find(|(name, _)| *name == action);
    known.map_or_else(|| action.to_owned(), |(_, words)| lang.t(*words).to_owned())
}

/// A stored JSON object in words: each value with its name, money as money. What has no value is left out.
pub fn values(lang: Lang, stored: &str) -> String {
    let Ok(Value::Object(all)) = serde_json::from_str(stored) else { return String::new() };
    let shown = all
        .iter()
        .filter_map(|(name, value)| Some(format!("{} {}", name_word(lang, name), shown(lang, name, value)?)));
    shown.collect::<Vec<_>>().join(" · ")
}

/// The names of what audit rows keep, with their words.
const NAMES: [(&str, Text); 39] = [
    ("by", text::V_BY),
    ("export", text::V_ID),
    ("format", text::V_FORMAT),
    ("of", text::V_OF),
    ("amount", text::V_AMOUNT),
    ("total_fee", text::V_AMOUNT),
    ("bonus", text::V_BONUS),
    ("max_amount", text::V_MAX_AMOUNT),
    ("theirs", text::V_THEIRS),
    ("ours", text::V_OURS),
    ("left", text::V_LEFT),
    ("taken", text::V_TAKEN),
    ("overdrawn", text::V_OVERDRAWN),
    ("available", text::V_AVAILABLE),
    ("reason", text::V_REASON),
    ("declined", text::V_DECLINED),
    ("role", text::V_ROLE),
    ("out_refund_no", text::V_REFUND),
    ("state", text::V_STATE),
    ("done", text::V_STATE),
    ("user", text::V_USER),
    ("asked_by", text::V_ASKED_BY),
    ("how", text::V_HOW),
    ("id", text::V_ID),
    ("scopes", text::V_SCOPES),
    ("networks", text::V_NETWORKS),
    ("expires_at", text::V_UNTIL),
    ("old_until", text::V_OLD_UNTIL),
    ("url", text::V_URL),
    ("host", text::V_HOST),
    ("hosts", text::V_HOST),
    ("types", text::V_TYPES),
    ("event", text::V_TYPES),
    ("kinds", text::V_KINDS),
    ("kind", text::V_KIND),
    ("name", text::V_NAME),
    ("description", text::V_DESCRIPTION),
    ("filter", text::V_FILTER),
    ("rows", text::V_ROWS),
];

/// The values that are fen.
const SUMS: [&str; 9] =
    ["amount", "total_fee", "bonus", "left", "taken", "available", "max_amount", "theirs", "ours"];

fn name_word(lang: Lang, name: &str) -> &str {
    NAMES.iter().find(|(known, _)| *known == name).map_or(name, |(_, words)| lang.t(*words))
}

fn shown(lang: Lang, name: &str, value: &Value) -> Option<String> {
    match (name, value) {
        (_, Value::Null) => None,
        (sum, Value::Number(fen)) if SUMS.contains(&sum) => Some(money(Fen::new(fen.as_i64()?))),
        // Who did it, such as `{"operator":"lin"}`.
        ("by", Value::Object(who)) => {
            let who: Vec<_> = who.values().filter_map(Value::as_str).collect();
            Some(who.join(" ")).filter(|who| !who.is_empty())
        }
        ("filter", Value::String(query)) => Some(filter_words(lang, query)),
        (_, Value::Array(all)) if all.is_empty() => None,
        (_, Value::Array(all)) => {
            let words = all.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            Some(words.collect::<Vec<_>>().join(if lang == Lang::Zh { "、" } else { ", " }))
        }
        ("role", Value::String(role)) => Some(match Role::from_name(role) {
            Some(role) => lang.t(role_word(role)).to_owned(),
            None => role.clone(),
        }),
        (_, Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        (_, Value::Bool(yes)) => Some(lang.t(if *yes { text::V_YES } else { text::V_NO }).to_owned()),
        (_, other) => Some(other.to_string()),
    }
}

/// The headings of the audit's file: words for people, and at the end what is stored.
const OF_FILE: [Text; 11] = [
    text::TIME,
    text::WHO,
    text::WHAT,
    text::OBJECT,
    export::AMOUNT,
    text::BEFORE,
    text::AFTER,
    text::SOURCE,
    text::CODE,
    text::CODE_BEFORE,
    text::CODE_AFTER,
];

/// The beginning of the audit's file.
pub fn csv_head(lang: Lang) -> String {
    let heads = OF_FILE.map(|head| Cell::text(lang.t(head)));
    format!("{}{}", csv::MARK, csv::line(&heads))
}

/// An entry in the audit's file.
pub fn csv_line(lang: Lang, entry: &AuditRow) -> String {
    csv::line(&[
        Cell::Time(entry.at),
        Cell::text(&entry.operator),
        Cell::text(action_word(lang, &entry.action)),
        Cell::text(&entry.subject),
        amount(entry).map_or(Cell::Empty, Cell::Fen),
        Cell::text(values(lang, &entry.before)),
        Cell::text(values(lang, &entry.after)),
        Cell::text(source(lang, &entry.address)),
        Cell::text(&entry.action),
        Cell::text(&entry.before),
        Cell::text(&entry.after),
    ])
}

/// The money that an entry is about: what it came to, else what it was before.
fn amount(entry: &AuditRow) -> Option<Fen> {
    [&entry.after, &entry.before].into_iter().find_map(|stored| {
        let all: Value = serde_json::from_str(stored).ok()?;
        all.get("amount")?.as_i64().map(Fen::new)
    })
}

/// Where an action came from.
pub fn source(lang: Lang, address: &str) -> String {
    match address {
        "console" => lang.t(text::CONSOLE).to_owned(),
        address => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_shown_in_words_with_money_as_money() {
        let table = [
            (r#"{"amount":8000,"reason":"退"}"#, "金额 ¥80.00 · 原因 退"),
            (r#"{"role":"viewer"}"#, "角色 查看"),
            (r#"{"left":null,"overdrawn":false,"x":[1]}"#, "透支 否 · x 1"),
            (r#"{"by":{"operator":"lin"},"filter":"state=pending"}"#, "由 lin · 筛选 状态：待支付"),
            (r#"{"bonus":0,"total_fee":990}"#, "赠送 ¥0.00 · 金额 ¥9.90"),
            (r#"{"scopes":["a:read","b:write"],"networks":[]}"#, "权限 a:read、b:write"),
            ("{}", ""),
            ("not json", ""),
        ];
        for (stored, words) in table {
            assert_eq!(values(Lang::Zh, stored), words, "{stored}");
        }
    }

    #[test]
    fn a_line_of_the_file_has_words_and_yuan_and_at_its_end_what_is_stored() {
        let entry = AuditRow {
            id: "1".to_owned(),
            at: wxpay::UnixMillis::from_beijing("20260315100000").unwrap(),
            operator: "lin".to_owned(),
            action: "refund".to_owned(),
            subject: "SM1".to_owned(),
            address: "console".to_owned(),
            before: r#"{"amount":1000}"#.to_owned(),
            after: r#"{"amount":405,"reason":"退"}"#.to_owned(),
        };
        let stored = r#""refund","{""amount"":1000}","{""amount"":405,""reason"":""退""}""#;
        for (lang, words) in [
            (Lang::Zh, r#""退款","SM1",4.05,"金额 ¥10.00","金额 ¥4.05 · 原因 退","命令行""#),
            (Lang::En, r#""Refund","SM1",4.05,"amount ¥10.00","amount ¥4.05 · reason 退","Console""#),
        ] {
            let line = format!("2026-03-15 10:00:00,\"lin\",{words},{stored}\r\n");
            assert_eq!(csv_line(lang, &entry), line);
            let (head, columns) = (csv_head(lang), OF_FILE.len());
            assert_eq!(head.split(',').count(), columns, "{head}");
        }
        let formula =
            AuditRow { subject: "=1+1".to_owned(), before: "{}".to_owned(), after: "-1".to_owned(), ..entry };
        let line = csv_line(Lang::Zh, &formula);
        assert!(line.contains("\"'=1+1\",,") && line.ends_with("\"'-1\"\r\n"), "{line}");
    }
}
