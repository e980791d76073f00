//! A million forgeries (scenario 1): whatever is done to a genuine notice without the key, it is refused. 100,000 in every
//! run of the tests; `FORGERIES=1000000` for all of them.

use crate::chance::Chance;
use md5::Md5;
use sha2::{Digest, Sha256};
use wxpay::v2::notify::{self, Notice};
use wxpay::v2::{Fields, sign};
use wxpay::{ApiKey, Merchant, SignType, UnixMillis};

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

/// A notice as WeChat sends them, signed with the merchant's key.
fn genuine(chance: &mut Chance) -> (Fields, SignType) {
    let merchant = Merchant::sandbox();
    let fee = (1 + chance.below(1_000_000)).to_string();
    let mut fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", format!("{:016x}", chance.next()))
        .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
        .with("trade_type", chance.of(&["NATIVE", "JSAPI", "APP"]))
        .with("bank_type", "OTHERS")
        .with("total_fee", fee.as_str())
        .with("cash_fee", fee)
        .with("transaction_id", format!("42000012{:020}", chance.next()))
        .with("out_trade_no", format!("SM{:030}", chance.next()))
        .with(
            "time_end",
            UnixMillis::new(1_773_540_000_000).plus_ms(chance.below(86_400_000) as i64).to_beijing(),
        );
    if chance.below(2) == 0 {
        fields.set("attach", "<b>&amp; 远山</b>");
    }
    let sign_type = if chance.below(2) == 0 { SignType::Md5 } else { SignType::HmacSha256 };
    let sign = sign::sign(&fields, &merchant.key, sign_type);
    (fields.with("sign", sign), sign_type)
}

/// What is signed, up to the key.
fn text(fields: &Fields) -> String {
    let pairs = fields.iter().filter(|(name, value)| *name != "sign" && !value.is_empty());
    pairs.map(|(name, value)| format!("{name}={value}&")).collect()
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

const KINDS: usize = 14;

/// One forgery of a kind; `None` if it came out as the genuine notice.
fn forged(kind: usize, chance: &mut Chance) -> Option<Vec<u8>> {
    let (fields, sign_type) = genuine(chance);
    let genuine_sign = fields.get("sign").unwrap().to_owned();
    let names: Vec<String> = fields.iter().map(|(name, _)| name.to_owned()).collect();
    let signed_names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "sign").collect();
    let xml = fields.to_xml();
    let with_sign = |sign: String| (sign != genuine_sign).then(|| fields.clone().with("sign", sign).to_xml());
    let forged = match kind {
        // A value after it was signed: one character other, one more, one less.
        0 => {
            let name = chance.of(&signed_names);
            let mut value: Vec<char> = fields.get(name).unwrap().chars().collect();
            let at = chance.below(value.len());
            match chance.below(3) {
                0 => value[at] = if value[at] == '9' { '1' } else { '9' },
                1 => value.insert(at, '0'),
                _ => drop(value.remove(at)),
            }
            Some(fields.clone().with(name, value.into_iter().collect::<String>()).to_xml())
        }
        // A digit of the signature.
        1 => {
            let mut sign = genuine_sign.clone().into_bytes();
            let at = chance.below(sign.len());
            sign[at] = b"0123456789ABCDEF"[chance.below(16)];
            with_sign(String::from_utf8(sign).unwrap())
        }
        // Its form.
        2 => {
            let half = genuine_sign.len() / 2;
            with_sign(match chance.below(7) {
                0 => genuine_sign.to_lowercase(),
                1 => format!(" {genuine_sign}"),
                2 => format!("{genuine_sign}\n"),
                3 => genuine_sign[..half].to_owned(),
                4 => genuine_sign.repeat(2),
                5 => genuine_sign.chars().rev().collect(),
                _ => format!("{genuine_sign}{}", "0".repeat(chance.below(65))),
            })
        }
        // None.
        3 => match chance.below(3) {
            0 => with_sign(String::new()),
            1 => Some(xml.replace("<sign>", "<Sign>").replace("</sign>", "</Sign>")),
            _ => {
                let mut without = fields.clone();
                without.remove("sign");
                Some(without.to_xml())
            }
        },
        // An empty key, no key, or what a program without settings might have for one.
        4 => {
            let text = text(&fields);
            let end =
                chance.of(&["key=", "", "key=null", "key=undefined", "key=00000000000000000000000000000000"]);
            let text = format!("{text}{end}");
            with_sign(if chance.below(2) == 0 { hex(Md5::digest(text)) } else { hex(Sha256::digest(text)) })
        }
        // Another merchant's key.
        5 => {
            let key = format!("{:016x}{:016X}", chance.next(), chance.next());
            let key = ApiKey::parse(&key).unwrap();
            with_sign(sign::sign(&fields, &key, sign_type))
        }
        // The right key and an algorithm that is none of the two, or the fields in another order.
        6 => {
            let mut pairs: Vec<_> = fields.iter().filter(|(n, v)| *n != "sign" && !v.is_empty()).collect();
            pairs.reverse();
            let reversed: String =
                pairs.into_iter().map(|(name, value)| format!("{name}={value}&")).collect();
            let text = text(&fields);
            with_sign(match chance.below(4) {
                0 => hex(Sha256::digest(format!("{text}key={KEY}"))),
                1 => hex(Md5::digest(format!("{KEY}{text}"))),
                2 => hex(Md5::digest(format!("{reversed}key={KEY}"))),
                _ => hex(Md5::digest(format!("{text}key={}", KEY.to_uppercase()))),
            })
        }
        // The gateway's own probe.
        7 => with_sign(format!("WECHATPAY/SIGNTEST/{:032X}", u128::from(chance.next()))),
        // Cut off.
        8 => Some(String::from_utf8_lossy(&xml.as_bytes()[..chance.below(xml.len())]).into_owned()),
        // A field twice.
        9 => {
            let name = chance.of(&signed_names);
            let value = if chance.below(2) == 0 { fields.get(name).unwrap() } else { "1" };
            let again = format!("<{name}><![CDATA[{value}]]></{name}>");
            Some(match chance.below(2) {
                0 => xml.replace("</xml>", &format!("{again}</xml>")),
                _ => xml.replace("<xml>", &format!("<xml>{again}")),
            })
        }
        // One more field, one less, or one under another name.
        10 => {
            let name = chance.of(&signed_names);
            Some(match chance.below(3) {
                0 => fields.clone().with(format!("more_{}", chance.below(9)), "1").to_xml(),
                1 => {
                    let mut without = fields.clone();
                    without.remove(name);
                    without.to_xml()
                }
                _ => xml.replace(name, &name.to_uppercase()),
            })
        }
        // Two values that changed places.
        11 => {
            let (one, two) = (chance.of(&signed_names), chance.of(&signed_names));
            let (first, second) = (fields.get(one).unwrap(), fields.get(two).unwrap());
            (first != second).then(|| fields.clone().with(one, second).with(two, first).to_xml())
        }
        // The signature of another genuine notice.
        12 => {
            let (other, _) = genuine(chance);
            with_sign(other.get("sign").unwrap().to_owned())
        }
        // Bits.
        _ => {
            let mut bytes = xml.clone().into_bytes();
            for _ in 0..=chance.below(3) {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
            return (bytes != xml.into_bytes()).then_some(bytes);
        }
    };
    forged.filter(|forged| *forged != xml).map(String::into_bytes)
}

#[test]
fn none_of_a_million_forgeries_is_believed() {
    let count: usize = std::env::var("FORGERIES").map_or(100_000, |count| count.parse().unwrap());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let merchant = Merchant::sandbox();
    let work = |worker: usize| {
        let mut tried = [0_usize; KINDS];
        for index in (worker..count).step_by(workers) {
            let kind = index % KINDS;
            let mut chance = Chance(index as u64);
            // Whoever comes out as genuine by chance is tried again.
            let forged = (0..100).find_map(|_| forged(kind, &mut chance)).unwrap();
            let read = notify::read(&forged, &merchant);
            assert!(read.is_err(), "forgery {index} was believed: {}", String::from_utf8_lossy(&forged));
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
    let mut chance = Chance(0);
    for _ in 0..1_000 {
        let (fields, _) = genuine(&mut chance);
        let read = notify::read(fields.to_xml().as_bytes(), &Merchant::sandbox());
        assert!(matches!(read, Ok(Notice::Paid(_))), "{read:?}");
    }
}
