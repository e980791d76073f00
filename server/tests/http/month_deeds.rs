//! What happens in the month of a shop: orders, payments, refunds, spending, and what operators decide.

use std::net::{IpAddr, Ipv4Addr};

use cashier::PlaceRequest;
use recharge::audit::{Acting, Actor};
use recharge::exception::ResolutionKind;
use recharge::refund::RefundRequest;
use recharge::spend::{
    Amount, DebitRequest, GrantRequest, HoldLife, HoldRequest, Metadata, OnShortfall, Reason, Reference,
    ReversalRequest,
};
use recharge::{Decision, Order, Terms, Way, notify_url};
use sandbox::{Pay, Person};
use wxpay::{
    Channel, Fen, H5Kind, H5Scene, Merchant, OpenId, OutRefundNo, Placing, Protocol, Refund, TradeType,
    TransactionId,
};

use super::month::{HOUR_MS, Month, OUTSIDE, by, user};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn site() -> Actor {
    Actor::Key("forum".to_owned())
}

impl Month {
    /// An order of the number `n`, by either protocol.
    pub(super) fn place(&self, n: usize) -> impl Future<Output = Order> + Send + use<> {
        let cashier = if n.is_multiple_of(2) { &self.cashier } else { &self.by_v3 }.clone();
        let openid = || OpenId::parse(Person::First.openid(Merchant::sandbox().appid.as_str())).unwrap();
        let way = match n % 10 {
            4 => Way::Static { product_id: self.static_code.clone(), openid: openid() },
            2 | 7 => Way::Jsapi { openid: openid() },
            5 | 8 => {
                let (wap_url, wap_name) = ("https://pay.example.com".to_owned(), "远山云".to_owned());
                Way::Mweb { scene: H5Scene { kind: H5Kind::Wap, wap_url, wap_name } }
            }
            9 => Way::App,
            _ => Way::Native,
        };
        // No two of a user are for the same amount, or the second would be the first.
        let fee = i64::try_from(1_000 + n * 17).unwrap();
        let bonus = if n.is_multiple_of(3) { fee / 10 } else { 0 };
        let request = PlaceRequest {
            user: user(n % 97),
            total_fee: Fen::new(fee),
            bonus: Fen::new(bonus),
            ip: IP,
            way,
            terms: Terms::default(),
            by_key: None,
        };
        async move { cashier.place(request).await.unwrap() }
    }

    pub(super) async fn pay(&self, order: &Order, pay: Pay) {
        let kept = self.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let ticket = kept.code_url().unwrap_or(kept.prepay_id());
        self.sandbox.pay(ticket, pay).await.unwrap();
    }

    /// Another system of the same merchant sells something, and its notice comes here.
    pub(super) async fn stranger(&mut self) {
        self.told += 1;
        let now = self.clock.now();
        let order = Placing {
            channel: Channel { protocol: Protocol::V2, trade_type: TradeType::Native },
            appid: Merchant::sandbox().appid,
            description: "别家".to_owned(),
            attach: None,
            out_trade_no: wxpay::OutTradeNo::parse(format!("OTHER{:010}", self.told)).unwrap(),
            total_fee: Fen::new(700),
            payer_ip: IP,
            time_start: now,
            time_expire: now.plus_ms(HOUR_MS),
            notify_url: notify_url::of_payment("http://127.0.0.1", Protocol::V2),
            product_id: Some("other".to_owned()),
            openid: None,
            scene: None,
        };
        let prepay = self.client.place(&order).await.unwrap();
        self.sandbox.pay(prepay.ticket.as_str(), Pay::default()).await.unwrap();
    }

    /// Refunds a part of an order's payment, in hundredths of it.
    pub(super) fn refund(&self, order: &Order, hundredths: i64) -> impl Future<Output = ()> + Send + use<> {
        let request = RefundRequest {
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: self.cashier.new_out_refund_no().unwrap(),
            amount: Fen::new(order.total_fee.get() * hundredths / 100),
            reason: "商品已售完".to_owned(),
            even_if_balance_low: true,
            reference: None,
            exception: None,
            seen_version: None,
        };
        let cashier = self.cashier.clone();
        async move { drop(cashier.refund(request, by()).await.unwrap()) }
    }

    /// Somebody gives a third back at the merchant platform.
    pub(super) async fn refund_outside(&self, order: &Order) {
        let paid = self.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let fee = Fen::new(order.total_fee.get() / 3);
        let refund = Refund {
            transaction_id: TransactionId::parse(paid.payments[0].transaction_id.as_str()).unwrap(),
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: OutRefundNo::parse(format!("{OUTSIDE}{}", &order.out_trade_no.as_str()[2..]))
                .unwrap(),
            total_fee: order.total_fee,
            refund_fee: fee,
            refund_desc: None,
            notify_url: None,
        };
        self.client.refund(order.signed.protocol(), &refund).await.unwrap();
    }

    /// The site's own program: debits, some of them given back, holds, and an operator's grants.
    pub(super) async fn spend(&mut self, orders: &[Order]) {
        for order in orders {
            self.told += 1;
            let (n, user_id) = (self.told, order.user.id.clone());
            let reference = |what: &str| Reference::parse(format!("{what}-{n}")).unwrap();
            let reason = || Reason::parse("VIP 30 days").unwrap();
            let amount = |fen| Amount::new(fen).unwrap();
            let metadata = Metadata::default();
            match n % 6 {
                0 | 1 => {
                    let on_shortfall = OnShortfall::TakeRest;
                    let request = DebitRequest {
                        user_id,
                        amount: amount(333),
                        reference: reference("d"),
                        reason: reason(),
                        metadata,
                        on_shortfall,
                    };
                    let Ok(made) = self.cashier.debit(request, site()).await else { continue };
                    if n % 6 == 1 && made.debit.amount.get() > 0 {
                        let half = Amount::new(made.debit.amount.get() / 2 + 1).ok();
                        let request = ReversalRequest {
                            debit_id: made.debit.id,
                            amount: half,
                            reference: reference("r"),
                            reason: reason(),
                        };
                        let acting = Acting { actor: site(), address: String::new() };
                        self.cashier.reverse_debit(request, acting).await.unwrap();
                    }
                }
                2 => {
                    let life = HoldLife::seconds(900).unwrap();
                    let request = HoldRequest {
                        user_id,
                        amount: amount(250),
                        reference: reference("h"),
                        reason: reason(),
                        metadata,
                        life,
                    };
                    let Ok(made) = self.cashier.hold(request, site()).await else { continue };
                    match n % 12 {
                        2 => drop(
                            self.cashier
                                .capture_hold(made.hold.id, amount(199), OnShortfall::TakeRest, site())
                                .await
                                .unwrap(),
                        ),
                        _ => drop(self.cashier.void_hold(made.hold.id).await.unwrap()),
                    }
                }
                3 => {
                    let fen = if n % 12 == 3 { 888 } else { -77 };
                    let mut request =
                        GrantRequest::new(order.user.clone(), fen, reference("g"), reason()).unwrap();
                    request.even_if_balance_low = true;
                    self.cashier.grant(request, by()).await.unwrap();
                }
                _ => {}
            }
        }
    }

    /// An operator sees to what waits, each way by turns; every fifth is left.
    pub(super) async fn decide(&mut self) {
        for exception in self.cashier.open_exceptions(500).await.unwrap() {
            let ways = self.cashier.open_resolutions(&exception).await.unwrap();
            self.told += 1;
            let n = usize::try_from(self.told).unwrap();
            if ways.is_empty() || n.is_multiple_of(5) {
                continue;
            }
            let reason = "checked".to_owned();
            let decision = match ways[n % ways.len()] {
                ResolutionKind::Credit => {
                    let user = exception.kind.has_no_user().then(|| user(n % 97));
                    Decision::Credit { user, new_account: true, reason }
                }
                ResolutionKind::Refund => {
                    Decision::Refund { out_refund_no: self.cashier.new_out_refund_no().unwrap(), reason }
                }
                ResolutionKind::TakeBack => Decision::TakeBack { even_if_balance_low: true, reason },
                ResolutionKind::Dismiss => Decision::Dismiss { reason },
            };
            self.cashier.resolve_exception(&exception.id(), decision, None, by()).await.unwrap();
        }
    }
}
