//! Bills of API v3: an answer with a hash and an address, and the file behind it. Source: WeChat Pay, API v3 (申请交易账单,
//! 申请资金账单, 下载账单).

use std::collections::HashMap;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Map, Value, json};
use wxpay::Merchant;

use crate::bills::{self, Day, NoBill};
use crate::book::Book;
use crate::clock::Now;
use crate::fund_flow;
use crate::numbers;
use crate::orders::MINUTE_MS;
use crate::random::Random;
use crate::v3::calls::{BILL_FILE, Call};
use crate::v3::refused::{ILLEGAL_PARAMETER, Refused};

/// How long a file can be fetched.
const LIFE_MS: i64 = 5 * MINUTE_MS;
/// How far back bills reach, in days: three months.
const DAYS_BACK: i64 = 92;

/// The files that can be fetched, by token. They are not kept over a restart.
#[derive(Debug, Default)]
pub struct Files(HashMap<String, File>);

/// One of them.
#[derive(Debug, Clone)]
pub struct File {
    pub text: String,
    /// Sent compressed; the hash is over the text.
    pub is_gzip: bool,
    asked: Now,
}

impl Files {
    /// Makes the bill that is asked for, and says where it is. `own_address` is the sandbox's, without a path.
    /// # Errors
    /// [`Refused`]: a parameter, or there is no bill of that day.
    pub fn make(
        &mut self,
        call: &Call,
        query: &Map<String, Value>,
        (book, merchant): (&Book, &Merchant),
        (random, own_address): (&mut Random, &str),
        now: Now,
    ) -> Result<Value, Refused> {
        let get = |name: &str| query.get(name).and_then(Value::as_str);
        let wrong = |name: &str, issue| {
            Refused::parameter("query", name, query.get(name).unwrap_or(&Value::Null), issue)
        };
        let date = get("bill_date").ok_or_else(|| wrong("bill_date", "此字段为必填项"))?;
        let day = day(date).ok_or_else(|| wrong("bill_date", "不是yyyy-MM-dd格式的日期"))?;
        let is_gzip = match get("tar_type") {
            None => false,
            Some("GZIP") => true,
            Some(_) => return Err(wrong("tar_type", "不是允许的取值")),
        };
        let made = if *call == Call::FundFlowBill {
            let account = get("account_type").unwrap_or("BASIC");
            if !["BASIC", "OPERATION", "FEES"].contains(&account) {
                return Err(wrong("account_type", "不是允许的取值"));
            }
            // All money of the sandbox is in the basic account.
            fund_flow::bill(book, &day, account == "BASIC", now)
        } else {
            let kind = get("bill_type").unwrap_or("ALL");
            // What complaints moved has bills of its own, which are the same here.
            let plain = match kind {
                "ALL_SPECIAL" => "ALL",
                "SUC_SPECIAL" => "SUCCESS",
                "REF_SPECIAL" => "REFUND",
                kind => kind,
            };
            bills::bill(book, merchant, &day, plain, now)
        };
        let text = made.map_err(|why| match why {
            NoBill::WrongDate => Refused::invalid("请求的账单日期不正确，应早于今天"),
            NoBill::UnknownKind => wrong("bill_type", "不是允许的取值"),
            NoBill::Creating => Refused::new(400, "STATEMENT_CREATING", "账单生成中", ILLEGAL_PARAMETER),
            NoBill::Empty => Refused::new(400, "NO_STATEMENT_EXIST", "账单不存在", ILLEGAL_PARAMETER),
        })?;
        if Day::made(&day, now).is_ok_and(|day| day.days_ago(now) > DAYS_BACK) {
            return Err(Refused::invalid("请求的账单日期超过三个月"));
        }
        let hash = sha1(&text);
        let token = numbers::mixed(random, 32);
        self.0.retain(|_, file| file.is_there(now));
        self.0.insert(token.clone(), File { text, is_gzip, asked: now });
        let url = format!("{own_address}{BILL_FILE}?token={token}");
        Ok(json!({ "hash_type": "SHA1", "hash_value": hash, "download_url": url }))
    }

    /// # Errors
    /// The token is unknown or too old.
    pub fn file(&self, query: &Map<String, Value>, now: Now) -> Result<File, Refused> {
        let token = query.get("token").and_then(Value::as_str).unwrap_or_default();
        let file = self.0.get(token).filter(|file| file.is_there(now));
        file.cloned().ok_or_else(|| Refused::invalid("下载地址无效或已过期，请重新申请账单"))
    }
}

impl File {
    fn is_there(&self, now: Now) -> bool {
        now.inner.minus(self.asked.inner) < LIFE_MS
    }
}

/// `2026-03-15` as `20260315`.
fn day(date: &str) -> Option<String> {
    let plain = date.len() == 10
        && date.bytes().enumerate().all(|(at, b)| match at {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    plain.then(|| date.replace('-', ""))
}

/// 40 lower-case hex digits.
fn sha1(text: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_dashes() {
        assert_eq!(day("2026-03-15").as_deref(), Some("20260315"));
        assert_eq!(["20260315", "2026-3-15", "2026/03/15", "2026-03-150"].map(day), [const { None }; 4]);
    }

    #[test]
    fn a_hash_is_the_published_one_of_sha1() {
        // FIPS 180, example of one block.
        assert_eq!(sha1("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
