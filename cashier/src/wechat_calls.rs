//! How calls of WeChat end and how long they take, for the metrics, and the spans of their requests.

use observe::{
    request::{Request, Trace},
    spans::{self, Called},
};
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
    trace(ended, &protocol);
}

fn trace(ended: &Ended<'_>, protocol: &str) {
    let parent = Request::current().map(|request| request.trace.span);
    let last = ended.exchanges.len();
    for (exchange, n) in ended.exchanges.iter().zip(1..) {
        let sent = exchange.traceparent.as_ref().and_then(|sent| Trace::read(sent.as_bytes()));
        let Some(trace) = sent else { continue };
        spans::called(&Called {
            trace: Trace { parent, ..trace },
            method: exchange.method,
            template: &exchange.template,
            host: &exchange.host,
            port: exchange.port,
            began: exchange.began,
            took: exchange.took,
            status: exchange.status,
            api: ended.api.name(),
            protocol,
            outcome: (n == last).then(|| outcome(ended.error)),
        });
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
