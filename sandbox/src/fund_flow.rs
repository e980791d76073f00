//! The money-flow bill of a day: what came into and left the merchant's account. Source: WeChat Pay, API v3 (申请资金账单).

use std::fmt::Write;

use wxpay::Fen;

use crate::bills::{Day, NoBill};
use crate::book::Book;
use crate::clock::Now;
use crate::orders::refunds::RefundStatus;

const HEADER: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
    资金变更提交申请人,备注,业务凭证号";
const SUMMARY: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// The bill of `day` (`yyyyMMdd`). The account is empty at the day's beginning. With `is_used` false it is the bill of an
/// account that nothing moves.
/// # Errors
/// [`NoBill`]: nothing happened on that day, or it has not passed yet.
pub fn bill(book: &Book, day: &str, is_used: bool, now: Now) -> Result<String, NoBill> {
    let day = Day::made(day, now)?;
    let mut flows = Vec::new();
    for order in book.all().filter(|_| is_used) {
        for payment in order.payments.iter().filter(|payment| day.contains(payment.paid_at)) {
            let id = payment.transaction_id.as_str();
            flows.push((payment.paid_at, id, "交易", order.total_fee.get(), order.out_trade_no.as_str()));
        }
        let done = order.refunds.iter().filter(|refund| refund.status(now) == RefundStatus::Success);
        for refund in done.filter(|refund| day.contains(refund.ends_at)) {
            let part = -refund.refund_fee.get();
            flows.push((refund.ends_at, &refund.refund_id, "退款", part, &refund.out_refund_no));
        }
    }
    if flows.is_empty() {
        return Err(NoBill::Empty);
    }
    flows.sort();
    let mut text = format!("{HEADER}\n");
    let (mut rest, mut came, mut went) = (0, (0, 0), (0, 0));
    for (at, id, kind, fen, voucher) in &flows {
        rest += fen;
        let total = if *fen < 0 { &mut went } else { &mut came };
        *total = (total.0 + 1, total.1 + fen.abs());
        let way = if *fen < 0 { "支出" } else { "收入" };
        let (money, rest) = (Fen::new(fen.abs()), Fen::new(rest));
        let at = at.to_beijing_text();
        let _ =
            writeln!(text, "`{at},`{id},`{id},`{kind},`{kind},`{way},`{money},`{rest},`system,`,`{voucher}");
    }
    let (all, in_fen, out_fen) = (flows.len(), Fen::new(came.1), Fen::new(went.1));
    let _ = write!(text, "{SUMMARY}\n`{all},`{},`{in_fen},`{},`{out_fen}\n", came.0, went.0);
    Ok(text)
}
