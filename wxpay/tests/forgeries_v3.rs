//! A million forgeries of API v3 (scenario 1): whatever is done to a genuine notice without WeChat's key, it is refused; and
//! so is what that key signed, but the APIv3 key did not seal. 50,000 in every run of the tests; `FORGERIES=1000000` for all
//! of them. A signature takes a hundred times as long as its check, so what must be signed is signed before.

mod pools;

use crate::chance::Chance;
use crate::wechat_v3::keys::*;
use crate::wechat_v3::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use pools::{AT, Message, OTHER_ID, Pools, SERIAL, nonce, ring};
use serde_json::Value;
use wxpay::UnixMillis;
use wxpay::v2::{Fields, notify};
use wxpay::v3::certificate::Certificate;
use wxpay::v3::certificates;
use wxpay::v3::keys::KeyRing;
use wxpay::v3::notice::Notice;
use wxpay::v3::signed::SignedHead;

const KINDS: usize = 20;

/// One forgery of a kind, and when it arrives; `None` if it came out as the genuine notice.
fn forged(kind: usize, pools: &Pools, chance: &mut Chance) -> Option<(Message, i64)> {
    let genuine = chance.of(&pools.genuine);
    let signature = genuine.signature();
    let with_signature = |text: String| genuine.with("wechatpay-signature", text);
    let mut now = AT + chance.below(601) as i64 - 300;
    let forged = match kind {
        // Bits of the body.
        0 => {
            let mut body = genuine.body.clone();
            for _ in 0..=chance.below(3) {
                let at = chance.below(body.len());
                body[at] ^= 1 << chance.below(8);
            }
            genuine.saying(body)
        }
        // Bits of the signature, or all of them.
        1 => {
            let mut bytes = STANDARD.decode(&signature).unwrap();
            match chance.below(12) {
                0 => bytes.fill(0),
                1 => bytes.fill(0xff),
                2 => bytes.rotate_left(1),
                3 => bytes.reverse(),
                4 => drop(bytes.pop()),
                5 => bytes.insert(0, 0),
                _ => {
                    let at = chance.below(bytes.len());
                    bytes[at] ^= 1 << chance.below(8);
                }
            }
            with_signature(STANDARD.encode(bytes))
        }
        // Its form.
        2 => {
            let bytes = STANDARD.decode(&signature).unwrap();
            let at = chance.below(signature.len());
            with_signature(match chance.below(9) {
                0 => STANDARD_NO_PAD.encode(&bytes),
                1 => URL_SAFE.encode(&bytes),
                2 => hex::encode(&bytes),
                3 => format!("{signature}="),
                4 => format!("{signature},{signature}"),
                5 => signature.to_lowercase(),
                6 => signature[..at].to_owned(),
                7 => format!("{} {}", &signature[..at], &signature[at..]),
                _ => format!("\"{signature}\""),
            })
        }
        // The nonce.
        3 => {
            let text = genuine.head.text("wechatpay-nonce");
            let other = nonce(chance);
            let text = chance.of(&[
                other,
                text.to_uppercase(),
                text[1..].to_owned(),
                format!("{text}0"),
                format!("{text}\n"),
            ]);
            genuine.with("wechatpay-nonce", text)
        }
        // The border between the lines of the signed text.
        4 => {
            let (nonce, body) = (genuine.head.text("wechatpay-nonce"), genuine.text());
            match chance.below(3) {
                0 => genuine.with("wechatpay-nonce", format!("{nonce}\n{body}")).saying(""),
                1 => genuine.with("wechatpay-nonce", "").saying(format!("{nonce}\n{body}")),
                _ => genuine
                    .with("wechatpay-timestamp", format!("{AT}\n{nonce}"))
                    .with("wechatpay-nonce", body),
            }
        }
        // The time, still fresh.
        5 => {
            let off = 1 + chance.below(300) as i64;
            let time = if chance.below(2) == 0 { AT + off } else { AT - off };
            now = time;
            let form = [
                format!("{time}"),
                format!("0{AT}"),
                format!("+{AT}"),
                format!("{AT}.0"),
                format!("{AT}000"),
            ];
            genuine.with("wechatpay-timestamp", chance.of(&form))
        }
        // The name of the key.
        6 => genuine.with(
            "wechatpay-serial",
            match chance.below(9) {
                0 => OTHER_ID.to_owned(),
                1 => merchant().serial.to_string(),
                2 => "3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A".to_owned(),
                3 => PUBLIC_KEY_ID.replace("PUB_KEY_ID_", ""),
                4 => format!("PUB_KEY_ID_{SERIAL}"),
                5 => PUBLIC_KEY_ID.to_lowercase(),
                6 => format!("{SERIAL}0"),
                7 => SERIAL[1..].to_owned(),
                _ => nonce(chance),
            },
        ),
        // The same message in other bytes.
        7 => {
            let value: Value = serde_json::from_slice(&genuine.body).unwrap();
            let text = genuine.text();
            genuine.saying(match chance.below(7) {
                0 => serde_json::to_string_pretty(&value).unwrap(),
                1 => value.to_string(),
                2 => text.replace("\":", "\": "),
                3 => format!("{text}\n"),
                4 => format!("\u{feff}{text}"),
                5 => text.replace("支", "\\u652f").replace("款", "\\u6b3e"),
                _ => text.replacen('{', "{\"id\":\"x\",", 1),
            })
        }
        // A header less, one more, or two changed for each other.
        8 => {
            let mut head = genuine.head.clone();
            let (one, two) = (chance.below(4), chance.below(4));
            match chance.below(3) {
                0 => head.0.retain(|(name, _)| *name != NAMES[one]),
                1 => {
                    let text = if chance.below(2) == 0 { head.text(NAMES[one]) } else { nonce(chance) };
                    head.0.insert(chance.below(head.0.len()), (NAMES[one], text.into()));
                }
                _ => {
                    let (first, second) = (head.text(NAMES[one]), head.text(NAMES[two]));
                    head = head.with(NAMES[one], second).with(NAMES[two], first);
                }
            }
            Message { head, body: genuine.body.clone() }
        }
        // WeChat's own test.
        9 => {
            let probe = format!("WECHATPAY/SIGNTEST/{}", &signature["WECHATPAY/SIGNTEST/".len()..]);
            with_signature(chance.of(&[
                probe,
                format!("WECHATPAY/SIGNTEST/{signature}"),
                "WECHATPAY/SIGNTEST/".to_owned(),
            ]))
        }
        // Another algorithm's name.
        10 => {
            let names = ["WECHATPAY2-SM2-WITH-SM3", "none", "", "HMAC-SHA256", "wechatpay2-sha256-rsa2048"];
            genuine.with("wechatpay-signature-type", chance.of(&names))
        }
        // Genuine, and too late or too early.
        11 => {
            let off = 301 + chance.below(1_000_000) as i64;
            now = if chance.below(2) == 0 { AT + off } else { AT - off };
            return Some((genuine, now));
        }
        // The head of one notice, the body of another.
        12 => genuine.saying(chance.of(&pools.genuine).body),
        // Cut off, or more than all.
        13 => {
            let at = chance.below(genuine.body.len());
            genuine.saying(match chance.below(3) {
                0 => genuine.body[..at].to_vec(),
                1 => genuine.body[at + 1..].to_vec(),
                _ => genuine.body.repeat(2 + chance.below(20)),
            })
        }
        // A message of v2 under a head of v3, and under none.
        14 => {
            let fields = Fields::new().with("return_code", "SUCCESS").with("mch_id", "1900007291");
            let xml = fields.with("total_fee", "1").with("sign", nonce(chance).to_uppercase()).to_xml();
            let head = if chance.below(2) == 0 { genuine.head.clone() } else { Head(Vec::new()) };
            Message { head, body: xml.into() }
        }
        15 => chance.of(&pools.strange),
        16 => chance.of(&pools.off),
        17 => chance.of(&pools.sealed),
        18 => chance.of(&pools.odd),
        _ => chance.of(&pools.lists),
    };
    (forged != genuine).then_some((forged, now))
}

/// Whether anything of it would be believed: as a notice, as a list of certificates, or at the address of v2.
fn is_believed(forged: &Message, keys: &KeyRing, now: UnixMillis) -> bool {
    let list = |head: &SignedHead| certificates::read(head, &forged.body, &apiv3(), keys, now).is_ok();
    let notice = forged.head.notice(&forged.body, keys, now);
    notice.is_ok()
        || SignedHead::read(forged.head.get())
            .is_ok_and(|head| forged.body.starts_with(b"{\"data\"") && list(&head))
        || notify::read(&forged.body, &wxpay::Merchant::sandbox()).is_ok()
}

#[test]
fn none_of_a_million_forgeries_is_believed() {
    let count: usize = std::env::var("FORGERIES").map_or(50_000, |count| count.parse().unwrap());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (pools, keys) = (Pools::new(), ring());
    let work = |worker: usize| {
        let mut tried = [0_usize; KINDS];
        for index in (worker..count).step_by(workers) {
            let kind = index % KINDS;
            let mut chance = Chance(index as u64);
            // Whoever comes out as genuine by chance is tried again.
            let (forged, now) = (0..100).find_map(|_| forged(kind, &pools, &mut chance)).unwrap();
            assert!(!is_believed(&forged, &keys, seconds(now)), "forgery {index} was believed: {forged:?}");
            tried[kind] += 1;
        }
        tried
    };
    let tried = std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let tried: Vec<usize> = (0..KINDS).map(|kind| tried.iter().map(|one| one[kind]).sum()).collect();
    println!("refused, by kind: {tried:?}");
    assert_eq!(tried.iter().sum::<usize>(), count);
    assert!(tried.iter().all(|of_kind| *of_kind > 0 || count < KINDS));
}

#[test]
fn what_the_forgeries_are_made_from_is_believed() {
    let (pools, keys) = (Pools::new(), ring());
    for genuine in &pools.genuine {
        for off in [-300, 0, 300] {
            let read = genuine.head.notice(&genuine.body, &keys, seconds(AT + off));
            assert!(matches!(read, Ok(Notice::Paid(_) | Notice::Refund(_))), "{read:?}");
        }
    }
    // The refusals are for what stands there: their signatures are right.
    for message in pools.sealed.iter().chain(&pools.odd) {
        assert_eq!(message.head.verify(message.text(), &keys, seconds(AT)), Ok(()));
    }
    let kinds = |pool: &[Message]| -> Vec<&str> {
        pool.iter().map(|one| one.head.notice(&one.body, &keys, seconds(AT)).unwrap_err().kind()).collect()
    };
    assert!(kinds(&pools.sealed).iter().all(|kind| *kind == "seal"), "{:?}", kinds(&pools.sealed));
    let odd = kinds(&pools.odd);
    assert!(odd.iter().all(|kind| ["bad_field", "malformed", "other_merchant"].contains(kind)), "{odd:?}");
    // Only the signature is wrong: with the stranger's key in the ring, both are believed.
    let stranger = KeyRing::default();
    let certificate = Certificate::from_pem(STRANGERS_CERTIFICATE).unwrap();
    stranger.add_certificates([certificate.clone()], seconds(AT));
    for message in &pools.strange {
        let head = message.head.clone().with("wechatpay-serial", certificate.serial.as_str());
        assert!(head.notice(&message.body, &stranger, seconds(AT)).is_ok());
    }
}
