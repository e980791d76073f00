//! How a seed ends: no more faults, time runs on, the background works, and nothing may be left over.

use sandbox::{NotifyFaults, RefundFaults};
use wxpay::OutRefundNo;

use crate::oracle::Broken;
use crate::process;
use crate::rows::RefundRow;
use crate::wire::Fate;
use crate::world::World;

/// So much time may pass until nothing is left to do: WeChat's notices take a day.
const ROUNDS: usize = 200;

/// After so many of them whatever a fault had held up was tried again.
const PATIENT_ROUNDS: usize = 20;

/// The background asks about so many orders at once.
const AT_ONCE: usize = 20;

impl World {
    /// Faults end; then everything that is true in the end is checked.
    pub fn quiet(&mut self) -> Result<(), Broken> {
        self.note("the faults are over".to_owned());
        self.faults = 0;
        self.refund_faults = RefundFaults::default();
        for machine in 0..self.machines.len() {
            let clock = &self.machines[machine].clock;
            clock.advance(self.wechat.now().minus(clock.now()));
            self.advance(0);
            if self.machines[machine].process.is_none() {
                self.start(machine);
            }
        }
        self.finish();
        self.check()?;
        self.process(0).wire.open();
        for round in 0.. {
            if round == ROUNDS {
                return Err("work in the background never ends".to_owned());
            }
            let mut broken = Ok(());
            self.post(NotifyFaults::default(), |world, letter, note| match world.deliver(0, &note) {
                Ok(answer) => drop(letter.reply.send(answer)),
                Err(why) => broken = Err(why),
            });
            broken?;
            if round >= PATIENT_ROUNDS {
                self.withdraw_refused();
            }
            self.work_off()?;
            self.check()?;
            // On to whatever is next, but at least a while, so that what is asked about often is not asked about here.
            let now = self.wechat.now();
            let next = [self.sandbox.next_due(), self.next_query()].into_iter().flatten().min();
            let Some(next) = next else { break };
            self.advance(next.minus(now).max(10 * 60_000));
        }
        let cashier = self.process(0).cashier.clone();
        let findings = self.process(0).run(cashier.check()).unwrap();
        if findings.violations > 0 {
            return Err(format!("the self-check finds {:?}", findings.named));
        }
        self.second_credit_is_refused()?;
        self.oracle.check_end(&self.sandbox)
    }

    /// Lets every call go on until nothing is under way.
    pub fn finish(&mut self) {
        self.settle();
        while let Some(machine) = self.alive().into_iter().find(|m| !self.process(*m).wire.held().is_empty())
        {
            self.release(machine, 0, Fate::Pass);
            self.settle();
        }
        assert!(self.alive().into_iter().all(|m| self.process(m).is_idle()), "nothing is under way");
    }

    /// The background asks until nothing is due.
    fn work_off(&mut self) -> Result<(), Broken> {
        for _ in 0..ROUNDS {
            let process = self.process(0);
            let asked = process.run(process.cashier.ask_due(AT_ONCE)).unwrap();
            for (path, number, answer) in process.wire.passed() {
                self.oracle.answered(&path, &number, &answer);
            }
            let process = self.process(0);
            let driven = process.run(process.cashier.drive_refunds(AT_ONCE)).unwrap();
            for (path, number, answer) in process.wire.passed() {
                self.oracle.answered(&path, &number, &answer);
            }
            if asked + driven == 0 {
                return Ok(());
            }
            self.note(format!("machine 0: asked about {asked} orders, drove {driven} refunds"));
        }
        Err("the background asks without end".to_owned())
    }

    /// What WeChat refuses though no fault is left (it gave the money back at its own desk before), a person ends.
    fn withdraw_refused(&mut self) {
        let refunds = self.rows().refunds;
        let refused =
            |refund: &RefundRow| refund.state == "requested" && refund.problem.as_deref() == Some("refused");
        for (number, _) in refunds.iter().filter(|(_, refund)| refused(refund)) {
            let process = self.process(0);
            let number = OutRefundNo::parse(number.as_str()).unwrap();
            let done = process.run(process::withdraw(process.cashier.clone(), number.clone()));
            for (path, number, answer) in process.wire.passed() {
                self.oracle.answered(&path, &number, &answer);
            }
            self.note(format!("machine 0: withdraw {number}: {}", done.text));
        }
    }

    /// When the next order or refund is due to be asked about.
    fn next_query(&mut self) -> Option<wxpay::UnixMillis> {
        let rows = self.rows();
        let queries = rows.orders.values().filter_map(|order| order.next_query_at);
        // A refund that a person has to finish is asked about for ever.
        let refunds = rows.refunds.values().filter(|refund| refund.state != "abnormal");
        queries.chain(refunds.filter_map(|refund| refund.due_at)).min().map(wxpay::UnixMillis::new)
    }

    /// The last guard of all: the table itself.
    fn second_credit_is_refused(&mut self) -> Result<(), Broken> {
        let rows = self.rows();
        let Some((number, entry)) = rows.ledger.keys().next().cloned() else { return Ok(()) };
        let pool = self.process(0).cashier.db().pool().clone();
        let again = sqlx::query(
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
             VALUES ($1, $2, 'u_0', 1, 0, 'torture', 'torture')",
        )
        .bind(number.clone())
        .bind(entry);
        let refused = self.process(0).run(again.execute(&pool)).is_err();
        if refused { Ok(()) } else { Err(format!("the ledger took a second credit for {number}")) }
    }
}
