//! The requests of the group robots: body, signature, and what their answers mean.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use recharge::alert::Alert;
use ring::hmac;
use serde_json::{Value, json};
use wxpay::UnixMillis;

/// WeCom takes this many bytes of text. Source: WeCom's documentation, "Group robots".
const WECOM_BYTES: usize = 2048;
/// The others take 20 kB and more; a message is never long.
const BYTES: usize = 8192;

/// A message to a robot.
pub(super) struct Call {
    pub url: String,
    pub body: String,
    /// The field of the answer that is 0 where the message was taken.
    pub code: &'static str,
}

pub(super) fn feishu(url: &str, secret: Option<&str>, text: &str, now: UnixMillis) -> Call {
    let mut body = json!({ "msg_type": "text", "content": { "text": cut(text, BYTES) } });
    if let Some(secret) = secret {
        let timestamp = (now.get() / 1000).to_string();
        body["sign"] = Value::String(feishu_sign(&timestamp, secret));
        body["timestamp"] = Value::String(timestamp);
    }
    Call { url: url.to_owned(), body: body.to_string(), code: "code" }
}

pub(super) fn dingtalk(url: &str, secret: Option<&str>, text: &str, now: UnixMillis) -> Call {
    let signed = secret.map(|secret| {
        let timestamp = now.get().to_string();
        let sign = dingtalk_sign(&timestamp, secret);
        let sign = utf8_percent_encode(&sign, NON_ALPHANUMERIC);
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}timestamp={timestamp}&sign={sign}")
    });
    Call { url: signed.unwrap_or_else(|| url.to_owned()), body: content(text, BYTES), code: "errcode" }
}

pub(super) fn wecom(url: &str, text: &str) -> Call {
    Call { url: url.to_owned(), body: content(text, WECOM_BYTES), code: "errcode" }
}

/// The body that DingTalk and WeCom share.
fn content(text: &str, bytes: usize) -> String {
    json!({ "msgtype": "text", "text": { "content": cut(text, bytes) } }).to_string()
}

/// HMAC-SHA256 of nothing, with the time in seconds, a line end and the secret as the key. Source: Feishu's documentation,
/// "Custom bot usage guide", signature verification.
fn feishu_sign(timestamp: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{timestamp}\n{secret}").as_bytes());
    STANDARD.encode(hmac::sign(&key, b""))
}

/// HMAC-SHA256 of the time in milliseconds, a line end and the secret, with the secret as the key. Source: DingTalk's
/// documentation, "Security settings of custom robots".
fn dingtalk_sign(timestamp: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{timestamp}\n{secret}").as_bytes()))
}

/// The body for an address of the site's, in the form of Standard Webhooks.
pub(super) fn webhook(id: &str, text: &str, alerts: &[&Alert], now: UnixMillis) -> String {
    let one = |alert: &&Alert| {
        let raised = &alert.raised;
        json!({
            "kind": raised.kind.name(),
            "subject": raised.subject,
            "shown": raised.shown,
            "amount": raised.amount.map(wxpay::Fen::get),
            "at": raised.at.to_beijing_rfc3339(),
        })
    };
    let kind = if alerts.is_empty() { "alert.test" } else { "alert.raised" };
    json!({
        "id": id,
        "type": kind,
        "timestamp": now.to_beijing_rfc3339(),
        "data": { "text": text, "alerts": alerts.iter().map(one).collect::<Vec<_>>() },
    })
    .to_string()
}

/// What an answer of 200 means, by the field `code` of [`Call`].
pub(super) fn judge(code: &str, answer: &str) -> Result<(), String> {
    let Ok(answer) = serde_json::from_str::<Value>(answer) else {
        return Err("the answer is not a robot's".to_owned());
    };
    // Feishu's older robots say `StatusCode`.
    let code = answer.get(code).or_else(|| answer.get("StatusCode")).and_then(Value::as_i64);
    match code {
        Some(0) => Ok(()),
        Some(code) => {
            let words = answer.get("msg").or_else(|| answer.get("errmsg")).and_then(Value::as_str);
            Err(format!("{code} {}", cut(words.unwrap_or_default(), 200)).trim().to_owned())
        }
        None => Err("the answer is not a robot's".to_owned()),
    }
}

/// The beginning of a text, in whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    match text.len() <= bytes {
        true => text,
        false => &text[..text.floor_char_boundary(bytes)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Python's `hmac` with the lines of code that the two documentations show.
    #[test]
    fn the_robots_signatures_are_those_of_their_documentations() {
        assert_eq!(feishu_sign("1599360473", "demo"), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        assert_eq!(dingtalk_sign("1577262236757", "SECtest"), "Za/ne6w2koB8B4ROVlgTNd/X+/FbyDpZrXLz57xNZSA=");
    }

    #[test]
    fn a_message_has_the_form_that_each_robot_takes() {
        let now = UnixMillis::new(1_599_360_473_123);
        let Call { url, body, .. } = feishu("https://f/h", Some("demo"), "你好", now);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((url.as_str(), &body["timestamp"]), ("https://f/h", &json!("1599360473")));
        assert_eq!((&body["msg_type"], &body["content"]["text"]), (&json!("text"), &json!("你好")));
        let Call { url, body, .. } = dingtalk("https://d/r?access_token=t", Some("s"), "你好", now);
        assert!(url.starts_with("https://d/r?access_token=t&timestamp=1599360473123&sign="), "{url}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["text"]["content"], "你好");
        let Call { body, .. } = wecom("https://w", &"好".repeat(1000));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["text"]["content"].as_str().unwrap().len(), 2046);
    }

    #[test]
    fn only_the_number_zero_says_that_a_message_was_taken() {
        let now = UnixMillis::default();
        let (of_feishu, of_wecom) = (feishu("https://r", None, "", now).code, wecom("https://r", "").code);
        assert_eq!(dingtalk("https://r", None, "", now).code, of_wecom);
        assert_eq!(judge(of_feishu, r#"{"code":0,"msg":"success"}"#), Ok(()));
        assert_eq!(judge(of_feishu, r#"{"StatusCode":0,"StatusMessage":"success"}"#), Ok(()));
        assert_eq!(judge(of_wecom, r#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
        let refused = judge(of_wecom, r#"{"errcode":310000,"errmsg":"sign not match"}"#);
        assert_eq!(refused, Err("310000 sign not match".to_owned()));
        for text in ["", "ok", "{}", "[]", r#"{"code":"0"}"#] {
            assert!(judge(of_feishu, text).is_err(), "{text}");
        }
    }
}
