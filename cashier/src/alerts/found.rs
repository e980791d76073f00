//! What needs a person now, as it is found by this instance.

use recharge::alert::{AlertKind, Digest, Raised, is_bill_late, is_digest_due};
use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use crate::core::Cashier;
use crate::db::{DbError, alerts, self_checks, sign_in_news};
use crate::work::{CertificateOf, Of};

pub(super) async fn found(cashier: &Cashier, now: UnixMillis) -> Result<Vec<Raised>, DbError> {
    let work = cashier.work().await?;
    let open = i64::try_from(work.len()).unwrap_or(i64::MAX);
    let mut found: Vec<_> =
        work.into_iter().map(|work| of_work(work.key, work.since, work.amount, work.of)).collect();
    found.extend(stopped(cashier));
    // As all instances together counted.
    let violations = self_checks::violations(cashier.db()).await?.filter(|count| *count > 0);
    found.extend(violations.map(|count| state(AlertKind::Ledger, String::new(), count.to_string(), now)));
    let (reconciled, _) = cashier.reconciled().await?;
    let yesterday = BillDate::of(now).previous();
    // A site that never read a bill has none that is late.
    if is_bill_late(now) && reconciled.is_some_and(|last| last < yesterday) {
        found.push(state(AlertKind::BillLate, yesterday.to_string(), yesterday.to_string(), now));
    }
    if is_digest_due(now) {
        found.push(digest(cashier, yesterday, open, now).await?);
    }
    found.extend(alerts::credited_late(cashier.db(), now).await?);
    found.extend(sign_in_news::read(cashier.db(), now).await?);
    Ok(found)
}

fn state(kind: AlertKind, subject: String, shown: String, at: UnixMillis) -> Raised {
    Raised { kind, subject, shown, amount: None, at }
}

fn of_work(subject: String, at: UnixMillis, amount: Fen, of: Of) -> Raised {
    let amount = (amount > Fen::ZERO).then_some(amount);
    let (kind, shown) = match of {
        Of::Exception(exception) => (AlertKind::Exception, exception.out_trade_no.to_string()),
        Of::Refund(refund) => (AlertKind::Refund, refund.out_refund_no.to_string()),
        Of::Difference(day, _) => (AlertKind::Difference, day.to_string()),
        Of::Wish(wish) => (AlertKind::RefundWish, wish.out_trade_no.to_string()),
        Of::Certificate { of, ends } => {
            let kind = match of {
                CertificateOf::WeChat => AlertKind::Certificate,
                CertificateOf::Merchant => AlertKind::MerchantCertificate,
            };
            (kind, ends.to_beijing_rfc3339().chars().take(10).collect())
        }
    };
    Raised { kind, subject, shown, amount, at }
}

/// What this process knows of WeChat.
fn stopped(cashier: &Cashier) -> impl Iterator<Item = Raised> {
    cashier.health().stopped.into_iter().map(|stopped| {
        let by = stopped.by.to_string();
        state(AlertKind::OrdersStopped, by.clone(), by, stopped.since)
    })
}

async fn digest(cashier: &Cashier, day: BillDate, open: i64, now: UnixMillis) -> Result<Raised, DbError> {
    let name = day.to_string();
    let sums = cashier.days(&name, &name).await?.into_iter().next().map(|(_, sums)| sums).unwrap_or_default();
    let digest = Digest {
        day: name.clone(),
        orders: sums.orders,
        paid: sums.paid,
        paid_fen: sums.paid_fen,
        refunds: sums.refunds,
        refunded_fen: sums.refunded_fen,
        open,
    };
    let shown = serde_json::to_string(&digest).map_err(DbError::Encode)?;
    Ok(state(AlertKind::Digest, name, shown, now))
}
