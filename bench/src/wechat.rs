//! WeChat's side of API v3: notices, sealed and signed as the sandbox of a server would do it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::Deserialize;
use serde_json::json;
use wxpay::v3::sign::SigningKey;
use wxpay::{Merchant, Signed, UnixMillis};

use crate::Failure;
use crate::http::{Wire, request};
use crate::seed::{Order, mixed};

/// The private half of the sandbox's WeChat public key. It is published with the sandbox, for tests only.
const KEY: &[u8] = include_bytes!("../../sandbox/src/v3/keys/test_keys/wechat.pem");
/// How old a notice may be. Source: WeChat Pay, 签名与验签规则 (APIv3).
const FRESH: Duration = Duration::from_secs(300);
/// What is sealed with a payment's notice.
const AAD: &str = "transaction";
/// Signatures between two looks at whether this program is to stop.
const AT_ONCE: usize = 100;

/// The keys that one sandbox seals and signs with.
pub struct WeChat {
    key: SigningKey,
    key_id: String,
    seal: LessSafeKey,
}

/// What a sandbox says of itself, as far as it is needed here.
#[derive(Deserialize)]
struct Identity {
    public_key_id: String,
    apiv3_key: String,
}

impl WeChat {
    /// # Errors
    /// If the sandbox does not answer, or has no keys of API v3.
    pub async fn of(sandbox: SocketAddr) -> Result<WeChat, Failure> {
        let mut wire = Wire::open(sandbox, 1).await?;
        let answer = wire.ask(&request("GET", "/control/identity", sandbox, &[], "")).await?;
        let identity: Identity = serde_json::from_slice(answer.body)?;
        let seal = UnboundKey::new(&AES_256_GCM, identity.apiv3_key.as_bytes());
        let seal = LessSafeKey::new(seal.map_err(|_| "the sandbox's APIv3 key has not 32 bytes")?);
        Ok(WeChat { key: SigningKey::from_pem(KEY)?, key_id: identity.public_key_id, seal })
    }

    /// What WeChat posts for each order, as whole requests, each signed now. Signing one takes about a millisecond.
    ///
    /// # Errors
    /// If the first of them would be too old to be believed once they have been sent, which takes as long as `busy`.
    pub async fn notices(
        &self,
        orders: &[Order],
        addr: SocketAddr,
        busy: Duration,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        eprintln!("  signing {} notices", orders.len());
        let began = Instant::now();
        let mut notices = Vec::with_capacity(orders.len());
        for some in orders.chunks(AT_ONCE) {
            tokio::task::yield_now().await;
            if began.elapsed() + busy >= FRESH {
                return Err(format!(
                    "--notices must be smaller: only {} were signed in {} s, and a notice is refused {} s after it was signed",
                    notices.len(), began.elapsed().as_secs(), FRESH.as_secs()
                )
                .into());
            }
            for order in some {
                notices.push(self.notice(order, addr)?);
            }
        }
        Ok(notices)
    }

    fn notice(&self, order: &Order, addr: SocketAddr) -> Result<Vec<u8>, Failure> {
        let now = UnixMillis::now();
        let body = self.envelope(order, now)?;
        let (timestamp, nonce) = ((now.get() / 1000).to_string(), random(order, 0));
        let signature = self.key.sign(format!("{timestamp}\n{nonce}\n{body}\n").as_bytes());
        let headers = [
            "Content-Type: application/json".to_owned(),
            "User-Agent: Mozilla/4.0".to_owned(),
            format!("Wechatpay-Nonce: {nonce}"),
            format!("Wechatpay-Serial: {}", self.key_id),
            format!("Wechatpay-Signature: {signature}"),
            format!("Wechatpay-Signature-Type: {}", Signed::Rsa),
            format!("Wechatpay-Timestamp: {timestamp}"),
        ];
        Ok(request("POST", "/wxpay/v3/notify", addr, &headers, &body))
    }

    /// The payment of an order, sealed.
    fn envelope(&self, order: &Order, now: UnixMillis) -> Result<String, Failure> {
        let (merchant, paid_at) = (Merchant::sandbox(), now.to_beijing_rfc3339());
        let message = json!({
            "mchid": merchant.mch_id.as_str(),
            "appid": merchant.appid.as_str(),
            "out_trade_no": order.out_trade_no,
            "transaction_id": order.transaction_id,
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "success_time": paid_at,
            "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
            "amount": {
                "total": order.total_fee,
                "payer_total": order.total_fee,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        });
        let (mut sealed, nonce) = (message.to_string().into_bytes(), random(order, 1)[..12].to_owned());
        let once =
            Nonce::try_assume_unique_for_key(nonce.as_bytes()).map_err(|_| "the nonce has not 12 bytes")?;
        self.seal
            .seal_in_place_append_tag(once, Aad::from(AAD), &mut sealed)
            .map_err(|_| "the notice could not be sealed")?;
        Ok(json!({
            "id": uuid(&random(order, 2)),
            "create_time": paid_at,
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": AAD,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": STANDARD.encode(sealed),
                "associated_data": AAD,
                "nonce": nonce,
            },
        })
        .to_string())
    }
}

/// 32 hexadecimal digits, others for each order and each `part` of its notice.
fn random(order: &Order, part: u64) -> String {
    let seed = order.at.cast_unsigned() * 8 + part * 2;
    format!("{:016x}{:016x}", mixed(seed), mixed(seed + 1))
}

/// 32 hexadecimal digits in the form of a UUID.
fn uuid(hex: &str) -> String {
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
