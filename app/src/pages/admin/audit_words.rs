//! Words about the audit: what was done, and what was before and after it.

use recharge::role::Role;
use serde_json::Value;
use wxpay::Fen;

use super::people_words::role_word;
use crate::components::money;
use crate::text::{Lang, Text, audit as text};

/// The actions that this version writes, with their words.
pub const ACTIONS: [(&str, Text); 44] = [
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

fn name_word(lang: Lang, name: &str) -> &str {
    match name {
        "amount" => lang.t(text::V_AMOUNT),
        "left" => lang.t(text::V_LEFT),
        "taken" => lang.t(text::V_TAKEN),
        "available" => lang.t(text::V_AVAILABLE),
        "reason" => lang.t(text::V_REASON),
        "role" => lang.t(text::V_ROLE),
        "out_refund_no" => lang.t(text::V_REFUND),
        "state" => lang.t(text::V_STATE),
        "user" => lang.t(text::V_USER),
        "how" => lang.t(text::V_HOW),
        other => other,
    }
}

fn shown(lang: Lang, name: &str, value: &Value) -> Option<String> {
    match (name, value) {
        (_, Value::Null) => None,
        ("amount" | "left" | "taken" | "available" | "max_amount", Value::Number(fen)) => {
            Some(money(Fen::new(fen.as_i64()?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_shown_in_words_with_money_as_money() {
        let table = [
            (r#"{"amount":8000,"reason":"退"}"#, "金额 ¥80.00 · 原因 退"),
            (r#"{"role":"viewer"}"#, "角色 查看"),
            (r#"{"left":null,"overdrawn":false,"x":[1]}"#, "overdrawn 否 · x [1]"),
            ("{}", ""),
            ("not json", ""),
        ];
        for (stored, words) in table {
            assert_eq!(values(Lang::Zh, stored), words, "{stored}");
        }
    }
}
