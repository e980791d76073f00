//! Settings of a test's cashier, unless the test sets others.

use cashier::Settings;
use recharge::spend::BalanceKeeper;
use recharge::{AbnormalPayments, LatePayment};

pub fn settings() -> Settings {
    Settings {
        notify_base: "http://127.0.0.1".to_owned(),
        body: "远山云-充值".to_owned(),
        time_expire_ms: 600_000,
        late_payment: LatePayment::Credit,
        abnormal: AbnormalPayments::default(),
        balance_kept_by: BalanceKeeper::Saoma,
        mobile_app: None,
        max_open_orders: 5,
        low_balance: None,
        events_keep_days: 90,
        query_limit_per_s: 1_000,
        order_limit_per_s: 1_000,
    }
}
