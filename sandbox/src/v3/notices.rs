//! Notices of API v3: the envelope, its sealed resource, and a signature for each attempt.
//! Source: WeChat Pay, API v3 (支付成功回调通知, 退款结果通知).

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use wxpay::{Merchant, UnixMillis};

use crate::deliver::Post;
use crate::faults::Faults;
use crate::notices::About;
use crate::numbers;
use crate::orders::refunds::RefundStatus;
use crate::orders::{Order, TradeState};
use crate::random::Random;
use crate::v3::faults::V3Faults;
use crate::v3::head;
use crate::v3::keys::Keys;
use crate::v3::keys::pairs::Owner;
use crate::v3::replies;
use crate::v3::seal::sealed;
use crate::v3::signed::Signature;

/// One attempt at a notice, ready to be signed.
#[derive(Debug)]
pub struct Notice {
    body: String,
    /// What is sealed in it.
    pub plaintext: String,
    signer: Owner,
    /// The name of the key that its header states.
    serial: String,
    is_probe: bool,
    faults: V3Faults,
}

/// What a notice tells, and whose keys seal and sign it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub merchant: &'a Merchant,
    pub order: &'a Order,
    pub about: About<'a>,
    pub keys: &'a Keys,
}

impl Told<'_> {
    /// Seals it. `seed` is what the notice's own id is made of; it is the same in every attempt. `public_key`: the call that
    /// it is about asked for signatures by WeChat's public key.
    pub fn notice(&self, seed: &str, public_key: bool, faults: &Faults, random: &mut Random) -> Notice {
        let (event_type, summary, original_type, created_at) = match self.about {
            About::Payment(payment) => {
                ("TRANSACTION.SUCCESS".to_owned(), "支付成功", "transaction", payment.paid_at)
            }
            About::Refund(refund) => {
                let event_type = format!("REFUND.{}", replies::word(refund.result));
                (event_type, summary(refund.result), "refund", refund.ends_at)
            }
        };
        let plaintext = self.plaintext(faults).to_string();
        let mut resource = sealed(&self.keys.apiv3_key, random, original_type, &plaintext, faults.v3.tag);
        resource["original_type"] = original_type.into();
        let body = json!({
            "id": uuid(seed),
            "create_time": created_at.to_beijing_rfc3339(),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": summary,
            "resource": resource,
        });
        let by_public_key = match faults.v3.notify_key_percent {
            Some(percent) => random.percent(percent),
            None => public_key,
        };
        let keys = self.keys;
        let (owner, named) = if by_public_key { keys.by_public_key() } else { keys.by_certificate() };
        Notice {
            body: body.to_string(),
            plaintext,
            signer: if faults.notify.forge_sign { Owner::Stranger } else { owner },
            serial: head::stated_serial(faults.v3.notice_serial, named, keys, random),
            is_probe: random.chance(faults.v3.probe_notices),
            faults: faults.v3.clone(),
        }
    }

    fn plaintext(&self, faults: &Faults) -> Value {
        let total = faults.notify.total_fee;
        match self.about {
            About::Payment(payment) => {
                // A notice tells of the payment, whatever was refunded by now.
                let mut told =
                    replies::transaction(self.merchant, self.order, Some(payment), TradeState::Success);
                if let Some(total) = total {
                    told["amount"]["total"] = total.into();
                    told["amount"]["payer_total"] = total.into();
                }
                if let Some(trade_type) = &faults.trade_type {
                    told["trade_type"] = trade_type.as_str().into();
                }
                told
            }
            About::Refund(refund) => {
                let total = total.unwrap_or(self.order.total_fee.get());
                replies::refund_result(self.merchant, self.order, refund, total)
            }
        }
    }
}

fn summary(status: RefundStatus) -> &'static str {
    match status {
        RefundStatus::Success => "退款成功",
        RefundStatus::Closed => "退款关闭",
        RefundStatus::Change | RefundStatus::Processing => "退款异常",
    }
}

impl Notice {
    /// Signs it for a delivery that begins at `at`.
    pub fn post(&self, at: UnixMillis, random: &mut Random) -> Post {
        let at = at.plus_ms(self.faults.timestamp_s.saturating_mul(1000));
        let nonce = numbers::mixed(random, 32);
        let mut signature = Signature::new((self.signer, &self.serial), at, nonce, self.body.as_bytes());
        if self.is_probe {
            signature.spoil();
        }
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(
            signature
                .headers()
                .into_iter()
                .filter(|(name, _)| !self.faults.drops(name))
                .map(|(name, value)| (name, value.to_owned())),
        );
        Post { headers, body: self.body.clone() }
    }
}

/// 36 characters in the form of a UUID, always the same for the same text.
fn uuid(of: &str) -> String {
    let hash = digest(&SHA256, of.as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// Any 2xx whose body is empty or says SUCCESS. Source: WeChat Pay, API v3 (通知应答).
pub fn acknowledges(status: u16, answer: &str) -> bool {
    let says_success = || {
        serde_json::from_str::<Value>(answer).is_ok_and(|answer| answer["code"].as_str() == Some("SUCCESS"))
    };
    (200..300).contains(&status) && (answer.is_empty() || says_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_36_characters_and_is_the_same_again() {
        assert_eq!(uuid("abc"), "ba7816bf-8f01-cfea-4141-40de5dae2223"); // SHA-256 of "abc", its first 16 bytes
    }

    #[test]
    fn only_a_2xx_that_is_empty_or_says_success_acknowledges() {
        for (status, body) in [(200, ""), (204, ""), (201, "{\"code\":\"SUCCESS\",\"message\":\"成功\"}")] {
            assert!(acknowledges(status, body), "{status} {body}");
        }
        for (status, body) in [
            (200, "{\"code\":\"FAIL\"}"),
            (200, "<xml></xml>"),
            (200, "SUCCESS"),
            (302, ""),
            (401, ""),
            (500, ""),
        ] {
            assert!(!acknowledges(status, body), "{status} {body}");
        }
    }
}
