//! The credentials for payments, proven by real calls that change nothing.

use cashier::error_chain::error_chain;
use wxpay::{ErrCode, Error, OutTradeNo, Protocol, UnixMillis};

use super::{Found, Patient};
use crate::config::{CERTIFICATE_WARN_DAYS, Credentials, Mode};

pub(super) const DAY_MS: i64 = 24 * 3600 * 1000;

fn credentials(patient: &Patient) -> Option<&Credentials> {
    match &patient.config.mode {
        Mode::Sandbox { .. } => None,
        Mode::Merchant(credentials) => Some(credentials),
    }
}

pub(super) fn certificate(patient: &Patient) -> Found {
    let Some(merchant) = credentials(patient) else {
        return Found::skipped("the sandbox's own");
    };
    let ends = merchant.certificate.as_ref().map(wxpay::client::Certificate::expires_at);
    let ends = ends.or_else(|| merchant.v3.as_ref().and_then(|v3| v3.expires_at));
    match ends {
        Some(end) => judge_end(end, patient.now),
        None if merchant.v3.is_some() => {
            Found::warning("only its number is set, so nobody here knows when it ends")
                .hint("set SAOMA_WECHAT_CERT too")
        }
        None => Found::warning("SAOMA_WECHAT_CERT is not set: nothing is refunded")
            .hint("download the certificate in the merchant platform under 账户中心 - API安全 (商户API证书)"),
    }
}

fn judge_end(end: UnixMillis, now: UnixMillis) -> Found {
    let (days, day) = (end.minus(now) / DAY_MS, end.to_beijing_text());
    if end <= now {
        Found::bad(format!(
            "the merchant's certificate expired on {day}: no refunds, and no new orders by v3"
        ))
    } else if days < CERTIFICATE_WARN_DAYS {
        Found::warning(format!("the merchant's certificate ends in {days} days, on {day}"))
    } else {
        Found::good(format!("the merchant's certificate ends in {days} days, on {day}"))
    }
}

/// Asks about a number that no order has. Only who signs as the merchant is told that.
pub(super) async fn signature(patient: &Patient, by: Protocol) -> Found {
    if !patient.client.speaks(by) {
        return Found::skipped(format!("there are no credentials for {by}"));
    }
    let number = OutTradeNo::parse("SM00000000000000DOCTOR0000000000");
    let Ok(number) = number else { return Found::bad("the doctor's own number cannot be used") };
    match patient.client.query(by, &number).await {
        Err(Error::Refused { code: ErrCode::OrderNotExist, .. }) => {
            Found::good(format!("WeChat took a request of {by}, and we believed its answer"))
        }
        Ok(_) => Found::bad("WeChat knows an order that was never placed"),
        Err(error) => refused(by, &error),
    }
}

fn refused(by: Protocol, error: &Error) -> Found {
    let found = Found::bad(error_chain(error));
    match error {
        Error::Transport(_) | Error::Timeout { .. } => Found::skipped("see wechat_hosts"),
        Error::Certificates(_) if by == Protocol::V3 => found
            .hint("SAOMA_WECHAT_APIV3_KEY is not the one of the merchant platform (账户中心 - API安全 - APIv3密钥)"),
        error if is_about_the_appid(error) => found.hint(
            "SAOMA_WECHAT_APPID is not bound to this merchant number: compare it with the merchant platform (产品中心 - AppID账号管理)",
        ),
        Error::Refused { code, .. } if by == Protocol::V3 && code.as_str() == "PARAM_ERROR" => {
            found.hint("WeChat's public key is not switched on under 账户中心 - API安全, or SAOMA_WECHAT_PUBLIC_KEY_ID is another's")
        }
        error if error.is_about_clocks() => Found::skipped(format!("{}: see clock", found.text)),
        _ => found,
    }
}

/// WeChat names what it does not take, in an unsigned answer or by a code.
fn is_about_the_appid(error: &Error) -> bool {
    match error {
        Error::NotUnderstood { return_msg } => return_msg.to_ascii_lowercase().contains("appid"),
        Error::Refused { code, .. } => {
            matches!(code, ErrCode::AppidNotExist | ErrCode::AppidMchidNotMatch)
        }
        _ => false,
    }
}

/// Keys that were left beside those that replaced them: what they made is still believed.
pub(super) fn old_keys(patient: &Patient) -> Found {
    let config = &patient.config;
    let merchant = credentials(patient);
    let set: Vec<_> = [
        (
            "SAOMA_WECHAT_API_KEY_OLD",
            merchant.and_then(|it| it.v2.as_ref()).is_some_and(|v2| v2.old_key.is_some()),
        ),
        (
            "SAOMA_WECHAT_APIV3_KEY_OLD",
            merchant.and_then(|it| it.v3.as_ref()).is_some_and(|v3| v3.merchant.apiv3.old.is_some()),
        ),
        ("SAOMA_USER_TOKEN_SECRET_OLD", config.user_token_secret_old.is_some()),
    ]
    .into_iter()
    .filter_map(|(setting, is_set)| is_set.then_some(setting))
    .collect();
    match set.as_slice() {
        [] => Found::good("no key is believed beside the one that replaced it"),
        set => Found::warning(format!("{} is still believed", set.join(", "))),
    }
}

pub(super) fn keys(patient: &Patient) -> Found {
    let Some(v3) = credentials(patient).and_then(|merchant| merchant.v3.as_ref()) else {
        return Found::skipped("there are no credentials for v3");
    };
    let mut lines: Vec<_> = v3.public_keys.iter().map(|(id, _)| format!("public key {id}")).collect();
    if v3.platform_certs {
        lines.push("platform certificates, which are fetched".to_owned());
    }
    let what = format!("WeChat is believed by {}", lines.join(" and "));
    if v3.platform_certs {
        // `signature_v3` has fetched them, or failed: they are decrypted with the APIv3 key.
        Found::good(what)
    } else {
        Found::good(format!(
            "{what}; only a notice of v3 proves the APIv3 key (see last_notice), and WeChat sends none until the key is set there"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_certificate_is_warned_about_for_its_last_30_days() {
        let now = UnixMillis::new(1_773_540_000_000);
        let verdict = |days: i64| judge_end(now.plus_ms(days * DAY_MS), now).verdict;
        assert_eq!(verdict(31), Verdict::Good);
        assert_eq!(verdict(30), Verdict::Good);
        assert_eq!(verdict(29), Verdict::Warning);
        assert_eq!(verdict(0), Verdict::Bad);
        assert_eq!(verdict(-1), Verdict::Bad);
    }
}
