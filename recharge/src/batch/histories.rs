//! Payments, refunds and what WeChat says of them, in every order: whatever comes when, the money adds up.

use proptest::prelude::*;
use wxpay::{Fen, OutRefundNo, RefundId, RefundStatus};

use super::*;
use crate::audit::Acting;
use crate::command::{CreditPayment, RecordEvent, RecordExternalRefunds, RequestRefund, UpdateRefund};
use crate::fixtures::{order, payment, rules};
use crate::order::OrderState;
use crate::refund::{Blocked, ExternalRefund, Problem, RefundRequest, RefundState, RefundUpdate};

const BONUS: i64 = 100;
pub(super) const FEE: i64 = 1990;

/// One thing that happens to an order.
#[derive(Debug, Clone)]
enum Step {
    Pay,
    PayAgain,
    Refund { number: usize, amount: i64, even_if_low: bool },
    Heard { number: usize, word: &'static str },
    Blocked { number: usize, problem: Problem },
    NotTaken { number: usize },
    Outside { number: usize, amount: i64, word: &'static str },
    Spend { fen: i64 },
}

fn steps() -> impl Strategy<Value = Step> {
    let word = || prop::sample::select(vec!["SUCCESS", "PROCESSING", "REFUNDCLOSE", "CHANGE"]);
    let amount = || prop_oneof![Just(FEE), 1..=FEE, -5_i64..=5];
    prop_oneof![
        3 => Just(Step::Pay),
        1 => Just(Step::PayAgain),
        4 => (0..4_usize, amount(), any::<bool>())
            .prop_map(|(number, amount, even_if_low)| Step::Refund { number, amount, even_if_low }),
        4 => (0..4_usize, word()).prop_map(|(number, word)| Step::Heard { number, word }),
        1 => (0..4_usize, prop::sample::select(Problem::ALL.to_vec()))
            .prop_map(|(number, problem)| Step::Blocked { number, problem }),
        1 => (0..4_usize).prop_map(|number| Step::NotTaken { number }),
        2 => (4..6_usize, 1..=FEE, word())
            .prop_map(|(number, amount, word)| Step::Outside { number, amount, word }),
        1 => (0..=FEE).prop_map(|fen| Step::Spend { fen }),
    ]
}

pub(super) fn number(n: usize) -> OutRefundNo {
    OutRefundNo::parse(format!("RF{n}")).unwrap()
}

/// The database between the batches, as far as it matters here.
pub(super) struct Books {
    rules: Rules,
    pub order: Order,
    pub refunds: Vec<crate::Refund>,
    pub exceptions: BTreeMap<ExceptionId, Exception>,
    pub balance: i64,
    ledger: BTreeMap<String, i64>,
    spent: i64,
}

impl Books {
    pub fn new(rules: Rules) -> Books {
        let (refunds, ledger) = (Vec::new(), BTreeMap::new());
        Books { rules, order: order(), refunds, exceptions: BTreeMap::new(), balance: 0, ledger, spent: 0 }
    }

    pub fn commit<C: Apply>(&mut self, command: &C) -> Result<C::Reply, TestCaseError> {
        let user = self.order.user.id.clone();
        let context = Context::new(self.refunds.clone(), Vec::new());
        let mut batch = Batch::new(&self.rules, vec![self.order.clone()])
            .with_context(context)
            .with_spending(Spending::of([(user.as_str(), self.balance)]));
        let reply = command.apply(&mut batch);
        for row in &batch.ledger {
            // The table's primary key.
            prop_assert!(self.ledger.insert(row.key.to_string(), row.amount.get()).is_none(), "{}", row.key);
            self.balance += row.amount.get();
        }
        let moved: i64 = batch.accounts.values().map(|movement| movement.amount.get()).sum();
        prop_assert_eq!(moved, batch.ledger.iter().map(|row| row.amount.get()).sum::<i64>());
        if !batch.ledger.is_empty() && batch.context.refunds.values().any(|slot| slot.read.is_none()) {
            prop_assert!(batch.orders.values().all(|slot| slot.changed), "the order guards its refunds");
        }
        for (id, exception) in batch.exceptions {
            // ON CONFLICT DO NOTHING.
            self.exceptions.entry(id).or_insert(exception);
        }
        self.refunds = batch.context.refunds.into_values().map(|slot| slot.refund).collect();
        if let Some(slot) = batch.orders.into_values().next() {
            self.order = slot.order;
        }
        Ok(reply)
    }

    pub fn hold(&self) -> Result<(), TestCaseError> {
        let live = |refund: &&crate::Refund| refund.state != RefundState::Closed;
        let ours = || self.refunds.iter().filter(|refund| !refund.is_external());
        let refunded: i64 = ours().filter(live).map(|refund| refund.amount.get()).sum();
        prop_assert!(refunded <= FEE, "{refunded} of {FEE} went back");
        let shared: i64 = self.refunds.iter().filter(live).map(|refund| refund.share.get()).sum();
        let amount: i64 = self.refunds.iter().filter(live).map(|refund| refund.amount.get()).sum();
        // More is on its way than was paid: one of ours cannot come true.
        prop_assert!(shared <= FEE + BONUS || amount > FEE);
        for refund in &self.refunds {
            let taken = self.ledger.get(&refund.ledger_key().to_string()).copied().unwrap_or_default();
            let returned = self.ledger.get(&refund.returned_key().to_string()).copied().unwrap_or_default();
            prop_assert_eq!(taken, -refund.taken.get());
            let due = if refund.state == RefundState::Closed { refund.taken.get() } else { 0 };
            prop_assert_eq!(returned, due);
        }
        prop_assert_eq!(self.balance, self.ledger.values().sum::<i64>() - self.spent);
        let credits = self.ledger.keys().filter(|entry| *entry == "credit").count();
        let credited = matches!(&self.order.state, OrderState::Paid(paid) if paid.credited_at.is_some());
        prop_assert_eq!(credits, usize::from(credited));
        Ok(())
    }
}

impl Books {
    /// Commits what `step` says; `true` if it is a refund that was refused.
    fn happen(&mut self, step: &Step) -> Result<bool, TestCaseError> {
        let (out_trade_no, now) = (self.order.out_trade_no.clone(), self.order.created_at.plus_ms(61_000));
        let source = Source::Notice { from: "203.0.113.41".to_owned() };
        let credit = |payment| CreditPayment { payment, source, now };
        let update = |n: usize, update| UpdateRefund { out_refund_no: number(n), update, by: None, now };
        let refund_id = || RefundId::parse("5030").unwrap();
        let blocked = |problem| Blocked { problem, said: String::new() };
        match step {
            Step::Pay => drop(self.commit(&credit(payment()))?),
            Step::PayAgain => {
                let transaction_id = TransactionId::parse("second").unwrap();
                self.commit(&credit(Payment { transaction_id, ..payment() }))?;
            }
            Step::Refund { number: n, amount, even_if_low } => {
                let request = RefundRequest {
                    out_trade_no,
                    out_refund_no: number(*n),
                    amount: Fen::new(*amount),
                    reason: "退款".to_owned(),
                    even_if_balance_low: *even_if_low,
                    reference: None,
                    exception: None,
                    seen_version: None,
                };
                let by = Acting::operator("lin", "console");
                return Ok(self.commit(&RequestRefund { request, by, now })?.is_err());
            }
            Step::Heard { number, word } => {
                let status = RefundStatus::from((*word).to_owned());
                self.commit(&update(*number, RefundUpdate::Status { status, refund_id: refund_id() }))?;
            }
            Step::Blocked { number, problem } => {
                self.commit(&update(*number, RefundUpdate::Blocked(blocked(*problem))))?;
            }
            Step::NotTaken { number } => {
                let tried_at = UnixMillis::default();
                self.commit(&update(
                    *number,
                    RefundUpdate::NotTaken { blocked: blocked(Problem::Final), tried_at },
                ))?;
            }
            Step::Outside { number: n, amount, word } => {
                let seen = ExternalRefund {
                    out_refund_no: number(*n),
                    refund_id: refund_id(),
                    transaction_id: payment().transaction_id,
                    total_fee: Fen::new(FEE),
                    amount: Fen::new(*amount),
                    status: RefundStatus::from((*word).to_owned()),
                };
                let refunds = vec![seen];
                self.commit(&RecordExternalRefunds { out_trade_no, payment: None, refunds, now })?;
            }
            Step::Spend { .. } => {
                let detail = EventDetail::Note { by: Actor::Rule, text: String::new() };
                self.commit(&RecordEvent(Event::new(&out_trade_no, now, detail)))?;
            }
        }
        Ok(false)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000)))]
    #[test]
    fn payments_and_refunds_in_every_order_add_up(steps in prop::collection::vec(steps(), 1..14)) {
        let mut books = Books::new(rules());
        for step in &steps {
            if let Step::Spend { fen } = step {
                let fen = (*fen).min(books.balance).max(0);
                books.balance -= fen;
                books.spent += fen;
            }
            let before = books.balance;
            let is_refused = books.happen(step)?;
            let meant = matches!(step, Step::Refund { even_if_low: true, .. });
            prop_assert!(books.balance >= 0 || before < 0 || meant, "overdrawn without a word");
            if is_refused {
                prop_assert_eq!(books.balance, before);
            }
            books.hold()?;
        }
    }
}
