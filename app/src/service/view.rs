//! What the payer's page and its questions show of an order.

use recharge::{Order, OrderState};
use wxpay::UnixMillis;

use super::{Service, internal, ways};
use crate::protocol::error::AppError;
use crate::protocol::{StatusView, ViewState};
use crate::{links, poll};

impl Service {
    /// The order as its payer may see it. The balance is read once the order has ended.
    pub(super) async fn view(&self, order: &Order) -> Result<StatusView, AppError> {
        let now = self.cashier.now();
        let expires_in_s = order.expires_in_s(now);
        let link = || links::order_link(&self.site.public_url, &order.out_trade_no, &order.link_token);
        let balance = match order.is_offered() || !self.site.keeps_balance {
            true => None,
            false => Some(self.cashier.balance(&order.user.id).await.map_err(internal)?.get()),
        };
        Ok(StatusView {
            out_trade_no: order.out_trade_no.to_string(),
            state: view_state(order),
            total_fee: order.total_fee.get(),
            bonus: order.bonus.get(),
            way: ways::of_page(order.trade_type),
            code_url: order.code_url().map(ToString::to_string),
            pay_page: ways::pay_page(&self.site, order, now),
            jsapi: None,
            code_version: order.issued().map_or(0, |issued| issued.version),
            version: order.version,
            cancelled: order.is_open() && !order.is_offered(),
            expires_in_s,
            poll_for_s: poll::poll_for_s(expires_in_s),
            next_ms: poll::pause_ms(now.minus(order.created_at)),
            link: order.is_offered().then(link),
            sandbox_scan: order.code_url().and_then(|code_url| self.site.scan_url(code_url.as_str())),
            balance,
            placed: clock_time(order.created_at),
            now: clock_time(now),
        })
    }
}

/// The state that the payer sees.
fn view_state(order: &Order) -> ViewState {
    match &order.state {
        OrderState::Created if order.is_offered() => ViewState::Created,
        OrderState::Pending(_) if order.is_offered() => ViewState::Pending,
        OrderState::Created | OrderState::Pending(_) | OrderState::Closed { .. } => ViewState::Closed,
        OrderState::Paid(paid) if paid.credited_at.is_none() => ViewState::LateRefunded,
        OrderState::Paid(paid) if paid.late => ViewState::Late,
        OrderState::Paid(_) => ViewState::Paid,
    }
}

/// `HH:MM:SS`, Beijing time.
fn clock_time(at: UnixMillis) -> String {
    at.to_beijing_text().split(' ').nth(1).unwrap_or_default().to_owned()
}
