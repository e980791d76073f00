//! Reads one line of a bill by the header's column names.

use super::error::LineError;
use super::row::{BillEntry, BillRow, BillSummary};
use crate::printable::printable;
use crate::types::{AppId, MchId, RefundId, TransactionId};
use crate::{Fen, UnixMillis};

/// The column by which a summary's header is known, in old bills and new ones.
pub const SUMMARY: &str = "总交易单数";

/// The names of a header line, in their order. Bills differ in number and order of columns, so nothing is found by
/// position.
#[derive(Debug)]
pub struct Header(Vec<String>);

impl Header {
    pub fn read(line: &str) -> Result<Self, LineError> {
        let names: Vec<String> = line.split(',').map(|name| name.trim().to_owned()).collect();
        for (n, name) in names.iter().enumerate() {
            if names[..n].contains(name) {
                return Err(LineError::TwoColumns(short(name)));
            }
        }
        Ok(Header(names))
    }

    /// A bill's own header has all of these; a line that does not is something else.
    pub fn of_rows(line: &str) -> Result<Self, LineError> {
        let header = Self::read(line)?;
        let needed = [
            "交易时间",
            "公众账号ID",
            "商户号",
            "微信订单号",
            "商户订单号",
            "交易类型",
            "交易状态",
            "货币种类",
        ];
        match needed.into_iter().find(|name| header.place(name).is_none()) {
            Some(missing) => Err(LineError::NoColumn(missing)),
            None => Ok(header),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }

    /// The fields of a line, in the header's order. Only the first backtick of a field is WeChat's; a merchant's own
    /// text may have more of them, and commas.
    fn split<'a>(&'a self, line: &'a str) -> Result<Line<'a>, LineError> {
        let fields = line.strip_prefix('`').ok_or(LineError::NoBacktick)?;
        let fields: Vec<&str> = fields.split(",`").collect();
        if fields.len() == self.0.len() {
            Ok(Line { header: self, fields })
        } else {
            Err(LineError::Fields { wanted: self.0.len(), found: fields.len() })
        }
    }
}

struct Line<'a> {
    header: &'a Header,
    fields: Vec<&'a str>,
}

impl Line<'_> {
    fn get(&self, column: &'static str) -> Result<&str, LineError> {
        let place = self.header.place(column).and_then(|place| self.fields.get(place));
        place.copied().ok_or(LineError::NoColumn(column))
    }

    /// The amount in the column `new`; bills of older merchants have only `old`.
    fn amount(&self, new: &'static str, old: &'static str) -> Result<Fen, LineError> {
        let column = if self.header.place(new).is_some() { new } else { old };
        Fen::parse_yuan(self.get(column)?).ok_or(LineError::Amount { column })
    }
}

pub fn row(header: &Header, number: u64, line: &str) -> Result<BillRow, LineError> {
    let line = header.split(line)?;
    let column = "交易时间";
    let time = UnixMillis::from_beijing_text(line.get(column)?).ok_or(LineError::Time { column })?;
    let entry = match line.get("交易状态")? {
        "SUCCESS" => BillEntry::Payment { total_fee: line.amount("订单金额", "总金额")? },
        "REFUND" => BillEntry::Refund {
            refund_id: RefundId::parse(line.get("微信退款单号")?)?,
            out_refund_no: line.get("商户退款单号")?.to_owned(),
            refund_fee: line.amount("申请退款金额", "退款金额")?,
            status: line.get("退款状态")?.to_owned(),
        },
        "REVOKED" => BillEntry::Revoked,
        other => BillEntry::Other { state: short(other) },
    };
    Ok(BillRow {
        line: number,
        time,
        appid: AppId::parse(line.get("公众账号ID")?)?,
        mch_id: MchId::parse(line.get("商户号")?)?,
        transaction_id: TransactionId::parse(line.get("微信订单号")?)?,
        out_trade_no: line.get("商户订单号")?.to_owned(),
        trade_type: line.get("交易类型")?.to_owned(),
        fee_type: line.get("货币种类")?.to_owned(),
        entry,
    })
}

pub fn summary(header: &Header, rows: u64, line: &str) -> Result<BillSummary, LineError> {
    let line = header.split(line)?;
    let stated = line.get(SUMMARY)?;
    let digits = stated.bytes().all(|b| b.is_ascii_digit());
    Ok(BillSummary {
        stated: stated.parse().ok().filter(|_| digits).ok_or(LineError::Count)?,
        rows,
        total_fee: line.amount("订单总金额", "总交易额")?,
        refund_fee: line.amount("申请退款总金额", "总退款金额")?,
    })
}

fn short(text: &str) -> String {
    printable(text, 32)
}
