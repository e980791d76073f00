//! What WeChat's browser answers once its payment window has closed. Source: WeChat Pay, "JSAPI调起支付".

/// What the payer or WeChat's browser did. None of them is proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The payer entered the password; the payment may still be on its way.
    Ok,
    /// The payer closed the window.
    Cancel,
    /// The window did not open: wrong parameters, or no bridge.
    Fail,
}

impl Answer {
    /// Reads `err_msg`, such as `get_brand_wcpay_request:ok`; a failure may have a reason behind the word.
    pub fn read(err_msg: &str) -> Answer {
        match err_msg.split_once(':').map(|(_, word)| word) {
            Some("ok") => Answer::Ok,
            Some("cancel") => Answer::Cancel,
            _ => Answer::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridges_answer_is_one_of_three_words_after_the_colon() {
        let table = [
            ("get_brand_wcpay_request:ok", Answer::Ok),
            ("get_brand_wcpay_request:cancel", Answer::Cancel),
            ("get_brand_wcpay_request:fail", Answer::Fail),
            ("get_brand_wcpay_request:fail_missing parameter", Answer::Fail),
            ("ok", Answer::Fail),
            ("", Answer::Fail),
        ];
        for (err_msg, answer) in table {
            assert_eq!(Answer::read(err_msg), answer, "{err_msg}");
        }
    }
}
