//! What a site is told once its order was paid, by its own address and by the payer's browser.

use url::Url;

use super::{EpayKey, Params, Pid, TYPE};

/// A paid order in the site's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whose.
    pub pid: Pid,
    /// Our number of the order.
    pub trade_no: String,
    /// The site's number of it.
    pub out_trade_no: String,
    /// As it came.
    pub name: String,
    /// As it came.
    pub money: String,
    /// As it came; left out where it is empty.
    pub param: String,
}

impl Notice {
    /// The signed parameters. Source: go-epay, `VerifyRes`.
    pub fn params(&self, key: &EpayKey) -> Params {
        let params = Params::default()
            .with("pid", self.pid.to_string())
            .with("trade_no", self.trade_no.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("type", TYPE)
            .with("name", self.name.as_str())
            .with("money", self.money.as_str())
            .with("trade_status", "TRADE_SUCCESS");
        let params = if self.param.is_empty() { params } else { params.with("param", self.param.as_str()) };
        params.signed(key)
    }

    /// An address of the site's with them; `None` if it cannot be read.
    pub fn at(&self, address: &str, key: &EpayKey) -> Option<String> {
        let mut url = Url::parse(address).ok()?;
        url.query_pairs_mut().extend_pairs(self.params(key).iter());
        Some(url.into())
    }

    /// Whether an answer says that it was taken: the word `success` and nothing else. Anything else is tried again.
    pub fn is_taken(answer: &str) -> bool {
        answer.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case("success")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            pid: Pid::FIRST,
            trade_no: "SM20260315100000AAAAAAAAAAAAAAAA".to_owned(),
            out_trade_no: "USR1NOabc".to_owned(),
            name: "会员 & more".to_owned(),
            money: "1.00".to_owned(),
            param: String::new(),
        }
    }

    #[test]
    fn a_receiver_that_reads_the_address_finds_what_was_signed() {
        let key = EpayKey::of("k1".to_owned());
        for (notice, address) in [
            (notice(), "https://shop.example.com/n"),
            (Notice { param: "p=1&x".to_owned(), ..notice() }, "https://shop.example.com/n#top"),
        ] {
            let told = notice.at(address, &key).unwrap();
            let query = told.split(['?', '#']).nth(1).unwrap();
            let read = Params::parse(query.as_bytes()).unwrap();
            assert_eq!(read.verify(&key), Ok(()), "{told}");
            for (name, value) in [
                ("trade_status", "TRADE_SUCCESS"),
                ("type", "wxpay"),
                ("money", "1.00"),
                ("pid", "1001"),
                ("sign_type", "MD5"),
            ] {
                assert_eq!(read.get(name), value);
            }
            assert_eq!((read.get("name"), read.get("param")), (notice.name.as_str(), notice.param.as_str()));
        }
        assert!(
            notice()
                .at("https://shop.example.com/n?a=1", &key)
                .unwrap()
                .starts_with("https://shop.example.com/n?a=1&pid=1001&")
        );
        assert_eq!(notice().at("nowhere", &key), None);
    }

    #[test]
    fn only_the_word_success_says_that_it_was_taken() {
        for answer in ["success", "SUCCESS", " success\r\n", "\u{feff}success"] {
            assert!(Notice::is_taken(answer), "{answer:?}");
        }
        for answer in
            ["", "fail", "ok", "success!", "not success", "{\"code\":\"success\"}", "<html>success</html>"]
        {
            assert!(!Notice::is_taken(answer), "{answer:?}");
        }
    }
}
