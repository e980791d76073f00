//! The operator's actions: refunds and the resolution of exceptions.

use rand::RngExt;
use recharge::ExceptionId;
use recharge::User;
use recharge::exception::resolution::Decision;
use recharge::refund::RefundRequest;
use sandbox::{RefundFaults, RefundRefusal, RefundStatus};
use wxpay::{AppId, By, Fen, OutRefundNo, Refund, TransactionId};

use crate::process::{self, number};
use crate::world::World;

const REASON: &str = "商品已售完";

impl World {
    /// One thing that has to do with giving money back.
    pub fn give_back(&mut self) {
        let alive = self.alive();
        if alive.is_empty() {
            return;
        }
        let machine = alive[self.one_of(alive.len())];
        match self.one_of(10) {
            0..4 => self.refund(machine, None),
            4..7 => self.resolve_exception(machine),
            7 => self.withdraw(machine),
            8 => self.refund_elsewhere(),
            _ => self.change_refunds(),
        }
    }

    /// An operator gives a payment back, of the order of this number if one is named.
    pub fn refund(&mut self, machine: usize, of: Option<&str>) {
        let rows = self.rows();
        let wanted = |number: &str| of.is_none_or(|of| of == number);
        let paid = rows.orders.iter().filter(|(number, order)| order.state == "paid" && wanted(number));
        let paid: Vec<_> = paid.collect();
        if paid.is_empty() {
            return;
        }
        let (out_trade_no, order) = paid[self.one_of(paid.len())];
        let amount = [1, order.total_fee / 3, order.total_fee / 2, order.total_fee, order.total_fee + 1]
            [self.one_of(5)];
        let cashier = self.process(machine).cashier.clone();
        // A form that is sent again.
        let known: Vec<_> = rows.refunds.keys().filter(|number| !number.starts_with("OUT")).collect();
        let out_refund_no = match self.rng.random_ratio(1, 5) && !known.is_empty() {
            true => OutRefundNo::parse(known[self.one_of(known.len())].as_str()).unwrap(),
            false => cashier.new_out_refund_no().unwrap(),
        };
        let wish = RefundRequest {
            out_trade_no: number(out_trade_no),
            out_refund_no: out_refund_no.clone(),
            amount: Fen::new(amount),
            reason: REASON.to_owned(),
            even_if_balance_low: self.rng.random_bool(0.3),
            reference: None,
            exception: None,
            seen_version: None,
        };
        if wish.even_if_balance_low {
            self.oracle.may_owe(&order.user_id);
        }
        let what = format!("refund {out_refund_no} of {amount} for {out_trade_no}");
        self.process(machine).begin(what, process::refund(cashier, wish));
    }

    fn resolve_exception(&mut self, machine: usize) {
        let rows = self.rows();
        let ids: Vec<_> =
            rows.exceptions.iter().filter(|(_, e)| e.settled_how.is_none()).map(|(id, _)| id).collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.one_of(ids.len())];
        let cashier = self.process(machine).cashier.clone();
        let reason = REASON.to_owned();
        let decision = match self.one_of(5) {
            0 | 1 => {
                let user = Some(User::new("u_0", "小林").unwrap()).filter(|_| self.rng.random_bool(0.7));
                Decision::Credit { user, new_account: true, reason }
            }
            2 => Decision::Refund { out_refund_no: cashier.new_out_refund_no().unwrap(), reason },
            3 => Decision::TakeBack { even_if_balance_low: self.rng.random_bool(0.5), reason },
            _ => Decision::Dismiss { reason },
        };
        let way = decision.kind();
        if let Decision::TakeBack { even_if_balance_low: true, .. } = &decision {
            let order = rows.exceptions.get(id).and_then(|kept| rows.orders.get(&kept.out_trade_no));
            order.into_iter().for_each(|order| self.oracle.may_owe(&order.user_id));
            // To whom a payment was credited by hand.
            self.oracle.may_owe("u_0");
        }
        self.oracle.decided(id);
        let what = format!("exception {id} is to be {}", way.name());
        self.process(machine)
            .begin(what, process::resolve_exception(cashier, ExceptionId::parse(id).unwrap(), decision));
    }

    fn withdraw(&mut self, machine: usize) {
        let rows = self.rows();
        let open: Vec<_> =
            rows.refunds.iter().filter(|(_, refund)| refund.due_at.is_some()).map(|(no, _)| no).collect();
        if open.is_empty() {
            return;
        }
        let out_refund_no = OutRefundNo::parse(open[self.one_of(open.len())].as_str()).unwrap();
        let process = self.process(machine);
        let withdrawn = process::withdraw(process.cashier.clone(), out_refund_no.clone());
        process.begin(format!("withdraw {out_refund_no}"), withdrawn);
    }

    /// Somebody gives money back at the merchant platform.
    fn refund_elsewhere(&mut self) {
        let rows = self.rows();
        let paid: Vec<_> = rows.orders.keys().filter_map(|number| self.sandbox.order(number)).collect();
        let paid: Vec<_> = paid.into_iter().filter(|order| !order.payments.is_empty()).collect();
        if paid.is_empty() {
            return;
        }
        let order = &paid[self.one_of(paid.len())];
        let payment = &order.payments[self.one_of(order.payments.len())];
        let n = self.one_of(1_000_000);
        let protocol = self.any_protocol();
        let site = recharge::notify_url::of_refund(&self.common.settings.notify_base, protocol);
        let refund = Refund {
            transaction_id: TransactionId::parse(payment.transaction_id.as_str()).unwrap(),
            out_trade_no: number(&order.out_trade_no),
            out_refund_no: OutRefundNo::parse(format!("OUT{n}")).unwrap(),
            total_fee: order.total_fee,
            refund_fee: Fen::new((order.total_fee.get() / 2).max(1)),
            refund_desc: None,
            notify_url: site.filter(|_| self.rng.random_bool(0.5)),
        };
        let client = self.common.identity.somebody(&self.sandbox, &self.wechat);
        let appid = AppId::parse(order.appid()).unwrap();
        let by = By { protocol, appid: Some(&appid) };
        let done = self.office.block_on(client.refund(by, &refund)).map(|done| done.refund_fee);
        self.note(format!("{} is refunded at the merchant platform: {done:?}", order.out_trade_no));
    }

    /// WeChat ends refunds in another way from now on.
    fn change_refunds(&mut self) {
        let result =
            [RefundStatus::Success, RefundStatus::Success, RefundStatus::Closed, RefundStatus::Change]
                [self.one_of(4)];
        let refuse = [
            None,
            None,
            Some(RefundRefusal::NotEnough),
            Some(RefundRefusal::TradeOverdue),
            Some(RefundRefusal::Error),
        ][self.one_of(5)];
        self.refund_faults = RefundFaults { result, refuse, ..RefundFaults::default() };
        let faults = sandbox::Faults { refund: self.refund_faults.clone(), ..sandbox::Faults::default() };
        self.sandbox.set_faults(faults);
        self.note(format!("refunds end as {result:?}, refused {refuse:?}"));
    }
}
