//! How calls of WeChat end and how long they take, for the metrics.

use wxpay::Error;
use wxpay::observer::Ended;

/// A call ended.
pub(crate) fn measure(ended: &Ended<'_>) {
    let (api, protocol) = (ended.api.name(), ended.protocol.to_string());
    observe::WECHAT_CALLS.of([api, &protocol, outcome(ended.error)]).inc();
    observe::WECHAT_SECONDS.of([api, &protocol]).observe(ended.took.as_secs_f64());
    if let Some(ahead_s) = ended.clock_ahead_s {
        let most = i64::from(i32::MAX);
        observe::CLOCK_AHEAD.of([]).set(i32::try_from(ahead_s.clamp(-most, most)).unwrap_or(0).into());
    }
}

fn outcome(error: Option<&Error>) -> &'static str {
    match error {
        None => "ok",
        Some(Error::Refused { .. }) => "refused",
        Some(Error::NotUnderstood { .. } | Error::NoCertificate) => "not_understood",
        Some(Error::Invalid(_) | Error::NoKeys) => "not_sent",
        Some(_) => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use wxpay::ErrCode;

    use super::*;

    #[test]
    fn what_leaves_open_what_happened_is_unclear_unless_wechat_itself_says_so() {
        let refused = Error::Refused { code: ErrCode::SystemError, err_code_des: String::new() };
        assert_eq!(outcome(Some(&refused)), "refused");
        for error in [Error::Timeout { budget_ms: 7_000 }, Error::Status(502), Error::NotFinished] {
            assert!(error.is_unknown());
            assert_eq!(outcome(Some(&error)), "unclear");
        }
        assert_eq!(
            outcome(Some(&Error::NotUnderstood { return_msg: "签名错误".to_owned() })),
            "not_understood"
        );
    }
}
