//! The oracle: all invariants, checked against the sandbox's book and a small model. It shares no code with the product's
//! rules.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use recharge::{LatePayment, Terms};
use sandbox::Sandbox;
use wxpay::UnixMillis;

use crate::rows::{OrderRow, Rows};
use crate::wire::{Answer, Call, Said, said};

#[derive(Debug)]
pub struct Oracle {
    late_payment: LatePayment,
    /// What the site grants and allows.
    pub terms: Terms,
    before: Rows,
    /// Payments that a process could know of: by a genuine notice with the right amount, or by an answer of WeChat.
    proofs: HashSet<(String, String)>,
    /// Orders that WeChat said cannot be paid any more, to a process that read it whole.
    ended: HashSet<String>,
    /// The same, where it said that it never heard of them.
    unheard: HashSet<String>,
    /// Genuine notices that were answered with SUCCESS.
    acknowledged: BTreeSet<(String, String)>,
    /// Numbers that were on their way to WeChat.
    sent: HashSet<String>,
    /// How often an operator decided about an order.
    decided: HashMap<String, usize>,
    /// Users whom an operator may have taken more from than they had.
    may_owe: HashSet<String>,
    spending: spending::Spending,
    /// Wishes for a refund that a payer was told are kept, and those that an operator said no to.
    wished: BTreeSet<String>,
    declined: BTreeSet<String>,
    /// Every payment that WeChat took: number, transaction, and whether the number is one of ours.
    payments: BTreeMap<String, (String, bool)>,
}

/// A sentence that names what does not hold.
pub type Broken = String;

mod payers;
mod refunds;
mod spending;
mod told;

impl Oracle {
    pub fn new(late_payment: LatePayment) -> Oracle {
        Oracle {
            late_payment,
            terms: Terms::default(),
            before: Rows::default(),
            proofs: HashSet::new(),
            ended: HashSet::new(),
            unheard: HashSet::new(),
            acknowledged: BTreeSet::new(),
            sent: HashSet::new(),
            decided: HashMap::new(),
            may_owe: HashSet::new(),
            spending: spending::Spending::default(),
            wished: BTreeSet::new(),
            declined: BTreeSet::new(),
            payments: BTreeMap::new(),
        }
    }

    /// WeChat took a payment.
    pub fn paid(&mut self, number: &str, transaction: &str, ours: bool) {
        self.payments.insert(transaction.to_owned(), (number.to_owned(), ours));
    }

    /// A genuine notice with the right amount reaches a process.
    pub fn proven(&mut self, number: &str, transaction: &str) {
        self.proofs.insert((number.to_owned(), transaction.to_owned()));
    }

    /// A genuine notice was answered with SUCCESS.
    pub fn acknowledged(&mut self, number: &str, transaction: &str) {
        self.acknowledged.insert((number.to_owned(), transaction.to_owned()));
    }

    /// An operator settles this exception.
    pub fn decided(&mut self, exception: &str) {
        if let Some(exception) = self.before.exceptions.get(exception) {
            *self.decided.entry(exception.out_trade_no.clone()).or_default() += 1;
        }
    }

    /// It was refused.
    pub fn undecided(&mut self, exception: &str) {
        let order = self.before.exceptions.get(exception).map(|exception| exception.out_trade_no.as_str());
        if let Some(times) = order.and_then(|order| self.decided.get_mut(order)) {
            *times -= 1;
        }
    }

    /// An operator takes something from this user, even if he has not so much.
    pub fn may_owe(&mut self, user: &str) {
        self.may_owe.insert(user.to_owned());
    }

    /// Whether one of these orders is paid.
    pub fn knows_a_payment(&self, of: impl Fn(&OrderRow) -> bool) -> bool {
        self.before.orders.values().any(|order| order.state == "paid" && of(order))
    }

    fn is_decided(&self, number: &str) -> bool {
        self.decided.get(number).is_some_and(|times| *times > 0)
    }

    /// A request is on its way to WeChat.
    pub fn sent(&mut self, number: &str) {
        self.sent.insert(number.to_owned());
    }

    /// A process gets WeChat's answer, whole.
    pub fn answered(&mut self, call: &Call, answer: &Answer) {
        for said in said(call, answer) {
            match said {
                _ if !answer.is_believable => {}
                Said::Paid(number, transaction) => self.proven(&number, &transaction),
                Said::Ended(number) => _ = self.ended.insert(number),
                Said::Unheard(number) => _ = self.unheard.insert(number),
            }
        }
    }

    /// Everything that must hold at every instant. `latest` is the time on the foremost of the clocks.
    pub fn check(&mut self, rows: Rows, sandbox: &Sandbox, latest: UnixMillis) -> Result<(), Broken> {
        for number in &self.sent {
            hold!(rows.orders.contains_key(number), "{number} was sent to WeChat and is not in the database");
        }
        for (number, order) in &rows.orders {
            if let Some(before) = self.before.orders.get(number) {
                self.moved_forward(number, before, order, latest)?;
            }
            self.fits(number, order, sandbox)?;
        }
        hold!(self.before.orders.keys().all(|number| rows.orders.contains_key(number)), "an order is gone");
        self.ledger_fits(&rows)?;
        self.refunds_fit(&rows, sandbox)?;
        self.spending_fits(&rows, latest)?;
        self.payers_fit(&rows, &self.terms)?;
        self.told_fits(&rows)?;
        for (id, before) in &self.before.exceptions {
            let Some(now) = rows.exceptions.get(id) else { return Err(format!("exception {id} is gone")) };
            hold!(before.total_fee == now.total_fee, "the amount of exception {id} has changed");
            // A refund that ended without money leaves the payment to a person again, and so does one more that was made at
            // the merchant platform.
            let was = |number: &str| self.before.refunds.get(number).map(|was| was.state.as_str());
            let mut refunds =
                rows.refunds.iter().filter(|(_, refund)| refund.exception_id.as_ref() == Some(id));
            let for_a_person = refunds.any(|(number, refund)| match was(number) {
                None if refund.made_by_kind == "wechat" => true,
                was => refund.state == "closed" && was != Some("closed"),
            });
            let is_open_again = before.settled_how.is_some() && now.settled_how.is_none();
            hold!(!is_open_again || for_a_person, "exception {id} is open again");
        }
        for (id, exception) in rows.exceptions.iter().filter(|(_, exception)| exception.kind == "duplicate") {
            let order = rows.orders.get(&exception.out_trade_no);
            let first = order.and_then(|order| order.transaction_id.as_deref());
            hold!(first != Some(&*exception.transaction_id), "exception {id} is for the order's own payment");
        }
        for (id, exception) in &rows.exceptions {
            let is_real = self.payments.contains_key(&exception.transaction_id);
            hold!(is_real, "exception {id} is for a payment that WeChat has not");
        }
        for (number, transaction) in &self.acknowledged {
            let known = rows.knows(number, transaction);
            hold!(known, "payment {transaction} of {number} was acknowledged and is not in the database");
        }
        self.before = rows;
        Ok(())
    }

    fn moved_forward(
        &self,
        number: &str,
        before: &OrderRow,
        now: &OrderRow,
        latest: UnixMillis,
    ) -> Result<(), Broken> {
        let place =
            |state: &str| ["created", "pending", "closed", "paid"].iter().position(|name| *name == state);
        hold!(
            place(&now.state) >= place(&before.state),
            "{number} went from {} to {}",
            before.state,
            now.state
        );
        hold!(now.version >= before.version, "the version of {number} fell");
        let of = |order: &OrderRow| {
            let channel = (order.sign_type.clone(), order.trade_type.clone());
            // An order that ends unpaid leaves the bonus for the first to another.
            let bonus = order.bonus - order.first_bonus;
            (order.user_id.clone(), order.total_fee, bonus, order.time_expire, channel)
        };
        hold!(of(before) == of(now), "{number} has another user, amount, expiry or channel than before");
        if before.state == "paid" {
            let of =
                |order: &OrderRow| (order.transaction_id.clone(), order.paid_at, order.closed_at, order.late);
            hold!(of(before) == of(now), "what is known of the payment of {number} has changed");
            let by_hand = before.credited_at.is_none() && self.is_decided(number);
            hold!(before.credited_at == now.credited_at || by_hand, "{number} was credited another time");
        }
        if before.closed_at.is_some() {
            hold!(before.closed_at == now.closed_at, "{number} forgot that it was closed");
        }
        if before.state != "closed" && now.state == "closed" {
            let unheard = self.unheard.contains(number) && latest.get() >= now.time_expire;
            let ended = self.ended.contains(number) || unheard || now.by_hand.is_some();
            hold!(ended, "{number} was closed though WeChat never said that it cannot be paid");
        }
        Ok(())
    }

    /// Whether a paid order is the one that WeChat has.
    fn fits(&self, number: &str, order: &OrderRow, sandbox: &Sandbox) -> Result<(), Broken> {
        let paid = order.state == "paid";
        let columns = order.transaction_id.is_some() && order.paid_at.is_some();
        hold!(paid == columns, "{number} is {} and its columns say otherwise", order.state);
        hold!(paid || order.credited_at.is_none(), "{number} is credited and not paid");
        let (Some(transaction), Some(paid_at)) = (&order.transaction_id, order.paid_at) else {
            return Ok(());
        };
        let proof = (number.to_owned(), transaction.clone());
        hold!(self.proofs.contains(&proof), "{number} is paid without a proof of {transaction}");
        let book =
            sandbox.order(number).ok_or_else(|| format!("{number} is paid and WeChat has no such order"))?;
        hold!(
            book.total_fee.get() == order.total_fee,
            "{number} is paid with {}, WeChat has {}",
            order.total_fee,
            book.total_fee
        );
        let payment = book.payments.iter().find(|payment| payment.transaction_id == *transaction);
        let payment =
            payment.ok_or_else(|| format!("{number} is paid by {transaction}, which WeChat has not"))?;
        hold!(
            payment.paid_at.get() / 1000 == paid_at / 1000,
            "{number} was paid at another time than WeChat says"
        );
        let late = order.closed_at.is_some() || paid_at > order.time_expire;
        hold!(order.late == late, "{number} is {}marked as late", if order.late { "" } else { "not " });
        let credited = !late || self.late_payment == LatePayment::Credit;
        let word = if credited { "not credited" } else { "credited though it is late" };
        let decided = self.is_decided(number);
        hold!(order.credited_at.is_some() == credited || decided, "{number} is paid and {word}");
        Ok(())
    }

    fn ledger_fits(&self, rows: &Rows) -> Result<(), Broken> {
        for (key, before) in &self.before.ledger {
            hold!(rows.ledger.get(key) == Some(before), "the ledger's row {key:?} is gone or has changed");
        }
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        let mut credits: HashMap<&str, usize> = HashMap::new();
        for ((number, entry), row) in &rows.ledger {
            *sums.entry(&row.user_id).or_default() += i128::from(row.amount);
            match entry.split_once(' ') {
                None if entry == "credit" => {
                    *credits.entry(number).or_default() += 1;
                    let order = rows.orders.get(number);
                    let order = order.ok_or_else(|| format!("a credit for {number}, which is no order"))?;
                    hold!(order.credited_at.is_some(), "{number} has a credit and is {}", order.state);
                    hold!(
                        row.amount == order.total_fee + order.bonus,
                        "the credit of {number} is {}",
                        row.amount
                    );
                    hold!(row.user_id == order.user_id, "the credit of {number} is another user's");
                    let transaction = order.transaction_id.clone().unwrap_or_default();
                    let again = rows.ledger.contains_key(&(number.clone(), format!("credit {transaction}")));
                    hold!(!again, "payment {transaction} of {number} is credited twice");
                }
                Some(("credit", transaction)) => {
                    hold!(
                        self.is_decided(number),
                        "{transaction} of {number} is credited and nobody decided so"
                    );
                    let paid = self.payments.get(transaction).is_some_and(|(of, _)| of == number);
                    hold!(paid, "{transaction} of {number} is credited and WeChat has it not");
                }
                Some((kind @ ("refund" | "refund-returned"), refund)) => {
                    let refund = rows
                        .refunds
                        .get(refund)
                        .ok_or_else(|| format!("{entry} of {number} is no refund"))?;
                    let amount = if kind == "refund" { -refund.share } else { refund.share };
                    hold!(row.amount == amount, "{entry} of {number} is {}, not {amount}", row.amount);
                    hold!(row.user_id == refund.user_id, "{entry} of {number} is another user's");
                }
                None if entry == "debit" => {
                    hold!(
                        rows.spending.debits.contains_key(number),
                        "{entry} of {number}, which is no debit"
                    );
                }
                None if entry == "grant" => {
                    hold!(
                        rows.spending.grants.contains_key(number),
                        "{entry} of {number}, which is no grant"
                    );
                }
                Some(("reversal", id)) => {
                    let of = rows.spending.reversals.get(id).map(|reversal| reversal.debit_id.as_str());
                    hold!(of == Some(number.as_str()), "{entry} of {number} is no reversal of it");
                }
                _ => return Err(format!("the ledger has {entry} for {number}")),
            }
        }
        for (number, order) in &rows.orders {
            let count = credits.get(number.as_str()).copied().unwrap_or_default();
            let expected = usize::from(order.credited_at.is_some());
            hold!(count == expected, "{number} is {} and has {count} credits", order.state);
        }
        for user in sums.keys().chain(rows.accounts.keys().map(String::as_str).collect::<Vec<_>>().iter()) {
            let sum = sums.get(user).copied().unwrap_or_default();
            let balance = rows.accounts.get(*user).map_or(0, |account| account.balance);
            hold!(i128::from(balance) == sum, "the balance of {user} is {balance}, its ledger sums to {sum}");
        }
        Ok(())
    }

    /// What must hold when nothing is under way any more and no fault has been for long.
    pub fn check_end(&self, sandbox: &Sandbox) -> Result<(), Broken> {
        let rows = &self.before;
        for (number, order) in &rows.orders {
            let open = ["created", "pending"].contains(&order.state.as_str());
            hold!(!open, "{number} is still {} long after its expiry", order.state);
            hold!(
                order.next_query_at.is_none(),
                "{number} is {} and WeChat is to be asked about it",
                order.state
            );
        }
        for (transaction, (number, ours)) in &self.payments {
            hold!(
                rows.knows(number, transaction),
                "WeChat has payment {transaction} of {number}, and we do not"
            );
            let as_exception =
                rows.exceptions.values().any(|exception| exception.transaction_id == *transaction);
            hold!(*ours || as_exception, "{number} is not ours, and its payment is no exception");
        }
        self.spending_ends()?;
        hold!(sandbox.next_due().is_none(), "a notice was never acknowledged, though no fault was left");
        Ok(())
    }
}
