//! Which call a method and a path are. Source: WeChat Pay, API v3 (each call's 请求URL).

use percent_encoding::percent_decode_str;
use wxpay::TradeType;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Place(TradeType),
    QueryByNumber(String),
    QueryById(String),
    Close(String),
    Refund,
    RefundQuery(String),
    TradeBill,
    FundFlowBill,
    BillFile,
    Certificates,
}

/// Answered with this status and an empty body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCall {
    UnknownPath = 404,
    WrongMethod = 405,
}

/// The path of bill files below the sandbox's address.
pub const BILL_FILE: &str = "/v3/billdownload/file";

impl Call {
    /// # Errors
    /// [`NoCall`].
    pub fn of(method: &str, path: &str) -> Result<Call, NoCall> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let text = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let text = |part: &str| text(part).map_err(|_| NoCall::UnknownPath);
        let (expected, call) = match parts[..] {
            ["v3", "pay", "transactions", kind] => {
                let trade_type = match kind {
                    "native" => TradeType::Native,
                    "jsapi" => TradeType::Jsapi,
                    "app" => TradeType::App,
                    "h5" => TradeType::Mweb,
                    _ => return Err(NoCall::UnknownPath),
                };
                ("POST", Call::Place(trade_type))
            }
            ["v3", "pay", "transactions", "out-trade-no", number] => {
                ("GET", Call::QueryByNumber(text(number)?))
            }
            ["v3", "pay", "transactions", "id", id] => ("GET", Call::QueryById(text(id)?)),
            ["v3", "pay", "transactions", "out-trade-no", number, "close"] => {
                ("POST", Call::Close(text(number)?))
            }
            ["v3", "refund", "domestic", "refunds"] => ("POST", Call::Refund),
            ["v3", "refund", "domestic", "refunds", number] => ("GET", Call::RefundQuery(text(number)?)),
            ["v3", "bill", "tradebill"] => ("GET", Call::TradeBill),
            ["v3", "bill", "fundflowbill"] => ("GET", Call::FundFlowBill),
            ["v3", "billdownload", "file"] => ("GET", Call::BillFile),
            ["v3", "certificates"] => ("GET", Call::Certificates),
            _ => return Err(NoCall::UnknownPath),
        };
        if method == expected { Ok(call) } else { Err(NoCall::WrongMethod) }
    }

    /// The name of the same call in v2, which the switch `refuse` goes by.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Place(_) => "unifiedorder",
            Call::QueryByNumber(_) | Call::QueryById(_) => "orderquery",
            Call::Close(_) => "closeorder",
            Call::Refund => "refund",
            Call::RefundQuery(_) => "refundquery",
            Call::TradeBill => "downloadbill",
            Call::FundFlowBill => "downloadfundflow",
            Call::BillFile => "billdownload",
            Call::Certificates => "certificates",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_path_is_percent_decoded() {
        let call = Call::of("GET", "/v3/pay/transactions/out-trade-no/BK%7C20260315");
        assert_eq!(call, Ok(Call::QueryByNumber("BK|20260315".into())));
    }

    #[test]
    fn another_method_is_told_from_another_path() {
        assert_eq!(Call::of("GET", "/v3/pay/transactions/native"), Err(NoCall::WrongMethod));
        assert_eq!(Call::of("POST", "/v3/certificates"), Err(NoCall::WrongMethod));
        for path in ["/v3", "/v3/pay/transactions/micropay", "/v3/certificates/", "/v3/bill/tradebill/x"] {
            assert_eq!(Call::of("GET", path), Err(NoCall::UnknownPath), "{path}");
        }
    }
}
