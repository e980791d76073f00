//! What a site asks for, read once its signature is believed.

use url::Url;
use wxpay::Fen;

use super::{EpayRefusal, Params, Pid, TYPE, fen_of_yuan};
use crate::price;
use crate::spend::Reference;

/// Longest `name` and `param`, in bytes.
const LONGEST_TEXT: usize = 512;
/// Longest `notify_url` and `return_url`, in bytes.
const LONGEST_URL: usize = 1024;

/// An order as a site asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub pid: Pid,
    /// The site's number of it.
    pub out_trade_no: String,
    /// Its name among all orders that have one.
    pub reference: Reference,
    /// What is paid.
    pub total_fee: Fen,
    /// The same as the site wrote it, which is how it is told.
    pub money: String,
    /// What is sold; may be empty.
    pub name: String,
    /// Told as it came; may be empty.
    pub param: String,
    /// Where it is told that the order was paid. Whether notices may go there is for others to say.
    pub notify_url: String,
    /// Where the payer's browser goes back to; may be missing.
    pub return_url: Option<String>,
}

impl Wanted {
    /// Reads a request of this merchant's.
    ///
    /// # Errors
    /// [`EpayRefusal`].
    pub fn read(pid: Pid, params: &Params) -> Result<Wanted, EpayRefusal> {
        let kind = params.get("type");
        // Without one the protocol lets the payer choose; there is one to choose.
        if !kind.is_empty() && kind != TYPE {
            return Err(EpayRefusal::Type);
        }
        let out_trade_no = params.get("out_trade_no");
        let reference = pid.reference(out_trade_no).map_err(|_| EpayRefusal::OutTradeNo)?;
        let money = params.get("money");
        let total_fee = fen_of_yuan(money).ok_or(EpayRefusal::Money)?;
        price::check(total_fee, Fen::ZERO).map_err(|_| EpayRefusal::Amount(price::MOST_FEE))?;
        let text = |name: &'static str, most: usize| {
            let value = params.get(name);
            let is_text = value.len() <= most && !value.contains(char::is_control);
            if is_text { Ok(value.to_owned()) } else { Err(EpayRefusal::Text(name)) }
        };
        let return_url = text("return_url", LONGEST_URL)?;
        if !return_url.is_empty() && !is_web_address(&return_url) {
            return Err(EpayRefusal::ReturnUrl);
        }
        Ok(Wanted {
            pid,
            out_trade_no: out_trade_no.to_owned(),
            reference,
            total_fee,
            money: money.to_owned(),
            name: text("name", LONGEST_TEXT)?,
            param: text("param", LONGEST_TEXT)?,
            notify_url: text("notify_url", LONGEST_URL)?,
            return_url: Some(return_url).filter(|url| !url.is_empty()),
        })
    }
}

/// A web address without a name or a password in it, which would show as another host.
fn is_web_address(text: &str) -> bool {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    };
    Url::parse(text).is_ok_and(|url| is_plain(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_API: &str = "device=pc&money=7.30&name=TUC1&notify_url=https%3A%2F%2Fapi.example.com%2Fapi%2Fuser%2Fepay%2Fnotify\
        &out_trade_no=USR1NOabCDef1773540000&pid=1001&return_url=https%3A%2F%2Fapi.example.com%2Fconsole%2Flog&type=wxpay";

    fn read(change: &[(&str, &str)]) -> Result<Wanted, EpayRefusal> {
        let all = Params::parse(NEW_API.as_bytes()).unwrap();
        let kept = all.iter().filter(|(name, _)| change.iter().all(|(changed, _)| changed != name));
        let params = kept.chain(change.iter().copied());
        let params = params.fold(Params::default(), |params, (name, value)| params.with(name, value));
        Wanted::read(Pid::FIRST, &params)
    }

    #[test]
    fn what_new_api_asks_for_is_read_as_it_is_written() {
        let wanted = read(&[]).unwrap();
        assert_eq!((wanted.total_fee, wanted.money.as_str()), (Fen::new(730), "7.30"));
        assert_eq!(wanted.reference.as_str(), "epay:1001:USR1NOabCDef1773540000");
        assert_eq!((wanted.name.as_str(), wanted.param.as_str()), ("TUC1", ""));
        assert_eq!(wanted.return_url.as_deref(), Some("https://api.example.com/console/log"));
        let more = read(&[("param", "p 1"), ("type", ""), ("return_url", "")]).unwrap();
        assert_eq!((more.param.as_str(), more.return_url), ("p 1", None));
    }

    #[test]
    fn each_value_that_cannot_be_right_is_refused_with_its_reason() {
        let long = "x".repeat(1025);
        for (name, value, refusal) in [
            ("type", "alipay", EpayRefusal::Type),
            ("type", "WXPAY", EpayRefusal::Type),
            ("out_trade_no", "", EpayRefusal::OutTradeNo),
            ("out_trade_no", "订单1", EpayRefusal::OutTradeNo),
            ("money", "", EpayRefusal::Money),
            ("money", "1.005", EpayRefusal::Money),
            ("money", "-1.00", EpayRefusal::Money),
            ("money", "1e3", EpayRefusal::Money),
            ("money", "0.00", EpayRefusal::Amount(price::MOST_FEE)),
            ("money", "10000000.01", EpayRefusal::Amount(price::MOST_FEE)),
            ("name", &long, EpayRefusal::Text("name")),
            ("param", "a\nb", EpayRefusal::Text("param")),
            ("notify_url", &long, EpayRefusal::Text("notify_url")),
            ("return_url", "javascript:alert(1)", EpayRefusal::ReturnUrl),
            ("return_url", "https://a:b@shop.example.com/", EpayRefusal::ReturnUrl),
            ("return_url", "/console", EpayRefusal::ReturnUrl),
        ] {
            assert_eq!(read(&[(name, value)]), Err(refusal), "{name}={value}");
        }
    }
}
