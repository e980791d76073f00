//! The bill of a day: its payments and refunds as text. Source: WeChat Pay v2, native.php?chapter=9_6.

use std::fmt::Write;
use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use wxpay::{Fen, Merchant, UnixMillis};

use crate::book::Book;
use crate::clock::Now;
use crate::orders::refunds::{Refund, RefundStatus};
use crate::orders::{DAY_MS, HOUR_MS, Order, Payment};

const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
    付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,\
    商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// When a day's bill is made, counted from the day's beginning: 9:00 of the next day.
const MADE_AT_MS: i64 = DAY_MS + 9 * HOUR_MS;

/// Why there is no bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBill {
    /// Not a day, or one that has not come.
    WrongDate,
    /// No such `bill_type`.
    UnknownKind,
    /// Not made yet.
    Creating,
    /// Nothing happened.
    Empty,
}

/// A day whose bill is made.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    start: UnixMillis,
}

impl Day {
    /// The day `yyyyMMdd` in Beijing.
    /// # Errors
    /// [`NoBill`]: it is no day, or its bill is not made yet.
    pub fn made(day: &str, now: Now) -> Result<Day, NoBill> {
        let start = UnixMillis::from_beijing(&format!("{day}000000")).ok_or(NoBill::WrongDate)?;
        if now.wall < start {
            return Err(NoBill::WrongDate);
        }
        if now.wall < start.plus_ms(MADE_AT_MS) {
            return Err(NoBill::Creating);
        }
        Ok(Day { start })
    }

    /// Whether this moment is on the day.
    pub fn contains(self, at: UnixMillis) -> bool {
        (0..DAY_MS).contains(&at.minus(self.start))
    }

    /// How many days have begun since.
    pub fn days_ago(self, now: Now) -> i64 {
        now.wall.minus(self.start).div_euclid(DAY_MS)
    }
}

/// The bill of `day` with what `kind` (`bill_type`) asks for.
/// # Errors
/// [`NoBill`]: nothing happened on that day, or it has not passed yet.
pub fn bill(book: &Book, merchant: &Merchant, day: &str, kind: &str, now: Now) -> Result<String, NoBill> {
    if !["ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"].contains(&kind) {
        return Err(NoBill::UnknownKind);
    }
    let day = Day::made(day, now)?;
    // Refunds of a merchant's own top-ups (`RECHARGE_REFUND`) do not exist here, so such a bill is always empty.
    let (payments, refunds) = (["ALL", "SUCCESS"].contains(&kind), ["ALL", "REFUND"].contains(&kind));
    let mut rows = Vec::new();
    let (mut paid, mut refunded) = (0, 0);
    for order in book.all() {
        for payment in order.payments.iter().filter(|p| payments && day.contains(p.paid_at)) {
            paid += order.total_fee.get();
            rows.push((payment.paid_at, 0, payment_row(merchant, order, payment)));
        }
        for refund in order.refunds.iter().filter(|r| refunds && day.contains(r.accepted_at)) {
            refunded += refund.refund_fee.get();
            rows.push((refund.accepted_at, 1, refund_row(merchant, order, refund, now)));
        }
    }
    if rows.is_empty() {
        return Err(NoBill::Empty);
    }
    // At the same moment the payment comes first.
    rows.sort();
    let mut text = format!("{HEADER}\n");
    for (.., row) in &rows {
        text.push_str(row);
    }
    let (paid, refunded) = (Fen::new(paid), Fen::new(refunded));
    let last =
        [rows.len().to_string(), paid.to_string(), refunded.to_string(), "0.00".into(), "0.00000".into()];
    let _ =
        write!(text, "{SUMMARY}\n{}", line(&[&last[..], &[paid.to_string(), refunded.to_string()]].concat()));
    Ok(text)
}

/// A bill, packed.
pub fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).and_then(|()| packed.finish()).ok()
}

fn payment_row(merchant: &Merchant, order: &Order, payment: &Payment) -> String {
    let money = order.total_fee.to_string();
    let begin = begin(merchant, order, payment.paid_at, &payment.transaction_id, &payment.openid, "SUCCESS");
    let middle = [money.as_str(), "0.00", "0", "0", "0.00", "0.00", "", ""];
    line(&[&begin[..], &middle.map(str::to_owned), &end(order, [&money, "0.00"])].concat())
}

fn refund_row(merchant: &Merchant, order: &Order, refund: &Refund, now: Now) -> String {
    let money = refund.refund_fee.to_string();
    let payer = order.payments.first().map_or("", |payment| payment.openid.as_str());
    let status = match refund.status(now) {
        RefundStatus::Closed => "FAIL",
        status => status.as_str(),
    };
    let begin = begin(merchant, order, refund.accepted_at, &refund.transaction_id, payer, "REFUND");
    let middle =
        ["0.00", "0.00", &refund.refund_id, &refund.out_refund_no, &money, "0.00", "ORIGINAL", status];
    line(&[&begin[..], &middle.map(str::to_owned), &end(order, ["0.00", &money])].concat())
}

/// The first 12 columns.
fn begin(
    merchant: &Merchant,
    order: &Order,
    at: UnixMillis,
    transaction_id: &str,
    openid: &str,
    state: &str,
) -> [String; 12] {
    let (appid, mch_id) = (order.appid(), merchant.mch_id.as_str());
    let device = order.asked("device_info").unwrap_or_default();
    let time = at.to_beijing_text();
    [
        &time,
        appid,
        mch_id,
        "0",
        device,
        transaction_id,
        &order.out_trade_no,
        openid,
        order.trade_type(),
        state,
        "OTHERS",
        "CNY",
    ]
    .map(str::to_owned)
}

/// The last 7 columns.
fn end(order: &Order, amounts: [&str; 2]) -> [String; 7] {
    let text = |name| order.asked(name).unwrap_or_default();
    [text("body"), text("attach"), "0.00000", "0.00%", amounts[0], amounts[1], ""].map(str::to_owned)
}

fn line(fields: &[String]) -> String {
    format!("`{}\n", fields.join(",`"))
}
