//! What a merchant asks for: judged, kept, and made an order of. The order is paid and told; no balance rises.

use std::net::IpAddr;

use recharge::epay::{EpayRefusal, Merchant, Notice, Params, Pid, Wanted, lists};
use recharge::order::{ByKey, Order, OrderState, Way};
use recharge::spend::Metadata;
use recharge::{Terms, User};
use wxpay::Fen;

use super::{Epay, EpayError};
use crate::core::Cashier;
use crate::db::epay_orders::{self, Asked};
use crate::db::{DbError, epay_merchants, order_references, orders};
use crate::place::PlaceRequest;

/// Stands for the order's number, which has the same length, while the whole address of its notice is checked before the order is placed.
const LIKE_A_NUMBER: &str = "SM00000000000000AAAAAAAAAAAAAAAA";

impl Epay {
    /// The merchant that signed this.
    ///
    /// # Errors
    /// [`EpayError`]; [`EpayRefusal`] if it is none in use, or did not sign it.
    pub async fn signer(&self, params: &Params) -> Result<Merchant, EpayError> {
        let pid = Pid::parse(params.get("pid")).map_err(|_| EpayRefusal::NoMerchant)?;
        let merchant = epay_merchants::find(&self.0.db, pid).await?;
        let merchant = merchant.filter(|merchant| merchant.revoked_at.is_none());
        let merchant = merchant.ok_or(EpayRefusal::NoMerchant)?;
        params.verify(&self.key(&merchant)?)?;
        Ok(merchant)
    }

    /// The order that a merchant asks for, with a live code while it can be paid. The same number with the same figures gets the same
    /// order, whatever became of it. `params` are [`Epay::signer`]'s; `from` is the caller's address.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn place(
        &self,
        cashier: &Cashier,
        merchant: &Merchant,
        params: &Params,
        from: IpAddr,
    ) -> Result<Order, EpayError> {
        let wanted = Wanted::read(merchant.pid, params)?;
        self.check_notify_url(merchant, &wanted)?;
        let (db, now) = (self.0.db.clone(), self.0.clock.now());
        let (asked, token) = (wanted.clone(), hex::encode(self.0.random.bytes::<16>()));
        let keep = async move { epay_orders::keep(&db, &asked, &token, now).await };
        // Before its order: one that is paid is never without what its site is told.
        let Asked { wanted: kept, back_token } = self.0.db.run_to_completion(keep).await?;
        if !is_same(&kept, &wanted) {
            return Err(EpayRefusal::Reused.into());
        }
        let back = kept.return_url.as_ref();
        let by_key = ByKey {
            key: merchant.pid.maker(),
            reference: Some(kept.reference.clone()),
            metadata: Metadata::default(),
            return_url: back.map(|_| format!("{}/epay/return?o={back_token}", self.0.sender.public_url())),
        };
        let request = PlaceRequest {
            // Each its own, so that payers do not count to one limit of open orders.
            user: User::new(kept.reference.as_str(), &merchant.name)?,
            total_fee: kept.total_fee,
            bonus: Fen::ZERO,
            ip: params.client_ip().unwrap_or(from),
            way: Way::Native,
            terms: Terms::default(),
            by_key: Some(by_key),
        };
        let (order, _) = cashier.place_by_key(request, format!("money {}", kept.total_fee.get())).await?;
        Ok(order)
    }

    /// Where the payer's browser goes back to: the site's address, with the signed words that the order was paid once it was. `None`:
    /// no order has this token, or its site wants nobody back.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn way_back(&self, token: &str) -> Result<Option<String>, EpayError> {
        let asked = epay_orders::by_back_token(&self.0.db, token).await?;
        let Some(Asked { wanted, .. }) = asked else { return Ok(None) };
        let Some(return_url) = wanted.return_url.clone() else { return Ok(None) };
        match self.paid(&wanted).await? {
            None => Ok(Some(return_url)),
            Some(notice) => {
                let merchant = epay_merchants::find(&self.0.db, wanted.pid).await?;
                let key = self.key(&merchant.ok_or(EpayError::Unknown(wanted.pid))?)?;
                Ok(Some(notice.at(&return_url, &key).unwrap_or(return_url)))
            }
        }
    }

    /// What the site is told of its order; `None` until it was paid.
    pub(super) async fn paid(&self, wanted: &Wanted) -> Result<Option<Notice>, DbError> {
        let Some(named) = order_references::find(&self.0.db, &wanted.reference).await? else {
            return Ok(None);
        };
        let order = orders::find(&self.0.db, &named.out_trade_no).await?;
        let is_theirs = |order: &Order| {
            order.by_key.as_ref().is_some_and(|by_key| by_key.key == wanted.pid.maker())
                && order.total_fee == wanted.total_fee
                && matches!(&order.state, OrderState::Paid(paid) if paid.credited_at.is_some())
        };
        let order = order.filter(is_theirs);
        Ok(order.map(|order| notice(wanted, order.out_trade_no.as_str())))
    }

    /// Notices go to the merchant's hosts only, and there only where webhooks may go.
    fn check_notify_url(&self, merchant: &Merchant, wanted: &Wanted) -> Result<(), EpayError> {
        let unusable = |why: &str| EpayRefusal::NotifyUrl(why.to_owned());
        lists(&merchant.hosts, &wanted.notify_url).map_err(|host| match host.as_str() {
            "" => unusable("须为 http 或 https 地址"),
            _ => EpayRefusal::NotListed(host),
        })?;
        self.0.sender.check(&wanted.notify_url).map_err(|refusal| unusable(&refusal.to_string()))?;
        let whole =
            notice(wanted, LIKE_A_NUMBER).at(&wanted.notify_url, &self.key(merchant)?).unwrap_or_default();
        self.0.sender.check(&whole).map_err(|refusal| unusable(&refusal.to_string()))?;
        Ok(())
    }
}

/// Whether a repeat asks for what was asked for first. What it does not say of the money, such as the payer's device, may differ.
fn is_same(kept: &Wanted, wanted: &Wanted) -> bool {
    kept.total_fee == wanted.total_fee
        && kept.name == wanted.name
        && kept.param == wanted.param
        && kept.notify_url == wanted.notify_url
}

fn notice(wanted: &Wanted, trade_no: &str) -> Notice {
    Notice {
        pid: wanted.pid,
        trade_no: trade_no.to_owned(),
        out_trade_no: wanted.out_trade_no.clone(),
        name: wanted.name.clone(),
        money: wanted.money.clone(),
        param: wanted.param.clone(),
    }
}
