//! The end of a seed: without faults, time passes and background work runs until nothing is left over.

use sandbox::{NotifyFaults, V3Faults};
use wxpay::OutRefundNo;

use crate::network::Fate;
use crate::oracle::Broken;
use crate::process::{self, Process};
use crate::rows::RefundRow;
use crate::world::World;

/// So much time may pass until nothing is left to do: WeChat's notices take a day.
const ROUNDS: usize = 200;

/// After so many of them whatever a fault had held up was tried again.
const PATIENT_ROUNDS: usize = 20;

/// The background asks about so many orders at once.
const AT_ONCE: usize = 20;

impl World {
    /// Faults end; then everything that is true in the end is checked.
    pub fn drain(&mut self) -> Result<(), Broken> {
        self.note("the faults are over".to_owned());
        self.end_faults();
        for machine in 0..self.machines.len() {
            let clock = &self.machines[machine].clock;
            clock.set_by(self.wechat.now().minus(clock.now()));
            self.advance(0);
            if self.machines[machine].process.is_none() {
                self.start(machine);
            }
        }
        self.finish()?;
        self.restart_outdated();
        self.check()?;
        self.process(0).network.open();
        self.settle()?;
        self.repeat_all()?;
        self.deliver_all()?;
        // What waited on another machine (a press whose payer left, say) went on meanwhile: it comes to its end too, and is told.
        self.settle()?;
        self.deliver_all()?;
        let cashier = self.process(0).cashier.clone();
        let findings = self.process(0).run(cashier::db::check::whole(cashier.db())).unwrap();
        if findings.violations > 0 {
            return Err(format!("the self-check finds {:?}", findings.named));
        }
        self.second_credit_is_refused()?;
        self.oracle.all_came(&self.inbox)?;
        self.oracle.check_end(&self.sandbox)
    }

    /// Time passes until nothing is due any more.
    fn settle(&mut self) -> Result<(), Broken> {
        for round in 0..ROUNDS {
            let mut broken = Ok(());
            let (notify, v3) = (NotifyFaults::default(), V3Faults::default());
            self.send_notices(notify, v3, |world, letter, note| match world.deliver(0, &note) {
                Ok(answer) => drop(letter.reply.send(answer)),
                Err(why) => broken = Err(why),
            });
            broken?;
            if round >= PATIENT_ROUNDS {
                self.withdraw_refused();
            }
            self.finish()?;
            self.work_off()?;
            self.check()?;
            // On to whatever is next, but at least a while, so that what is asked about often is not asked about here.
            let now = self.wechat.now();
            let next = [self.sandbox.next_due(), self.next_query()].into_iter().flatten().min();
            let Some(next) = next else { return Ok(()) };
            self.advance(next.minus(now).max(10 * 60_000));
        }
        Err(format!("work in the background never ends: {:#?}", self.rows().refunds))
    }

    /// Lets everything go on until nothing is under way.
    pub fn finish(&mut self) -> Result<(), Broken> {
        for _ in 0..ROUNDS {
            self.apply_finished()?;
            // An order that a payer no longer waits for is placed to its end, and its call may be the one that reads WeChat's
            // certificates, which all calls by v3 wait for.
            let is_over = |process: &Process| process.is_idle() && process.network.held().is_empty();
            if self.alive().into_iter().all(|m| is_over(self.process(m))) {
                return Ok(());
            }
            let mut moved = false;
            for machine in self.alive() {
                if self.process(machine).held_steps() > 0 {
                    self.process(machine).let_step_go(0);
                    moved = true;
                } else if !self.process(machine).network.held().is_empty() {
                    self.release(machine, 0, Fate::Pass);
                    moved = true;
                }
            }
            if !moved {
                // One waits by its clock for another one.
                self.advance(1_000);
            }
        }
        Err("something is under way for ever".to_owned())
    }

    /// The background asks until nothing is due.
    fn work_off(&mut self) -> Result<(), Broken> {
        for _ in 0..ROUNDS {
            let process = self.process(0);
            let cashier = process.cashier.clone();
            let asked = process.run(cashier.query_due(AT_ONCE)).unwrap();
            self.hear(0);
            let driven = self.process(0).run(cashier.advance_refunds(AT_ONCE)).unwrap();
            self.hear(0);
            let ended = self.process(0).run(cashier.expire_holds()).unwrap();
            if asked + driven + ended == 0 {
                return Ok(());
            }
            self.note(format!(
                "machine 0: asked about {asked} orders, drove {driven} refunds, ended {ended} holds"
            ));
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
            let cashier = process.cashier.clone();
            let done = process.run(process::withdraw(cashier, number.clone()));
            self.hear(0);
            self.note(format!("machine 0: withdraw {number}: {}", done.text));
        }
    }

    /// When the next order or refund is due to be asked about, or the next hold to end.
    fn next_query(&mut self) -> Option<wxpay::UnixMillis> {
        let rows = self.rows();
        let queries = rows.orders.values().filter_map(|order| order.next_query_at);
        // A refund that a person has to finish is asked about for ever.
        let refunds = rows.refunds.values().filter(|refund| refund.state != "abnormal");
        let holds = rows.spending.holds.values().filter(|hold| hold.state == "open");
        let dues = queries.chain(refunds.filter_map(|refund| refund.due_at));
        dues.chain(holds.map(|hold| hold.expires_at)).min().map(wxpay::UnixMillis::new)
    }

    /// The last guard of all: the table itself.
    fn second_credit_is_refused(&mut self) -> Result<(), Broken> {
        let rows = self.rows();
        let Some((number, entry)) = rows.ledger.keys().next().cloned() else { return Ok(()) };
        let refused = self.office.block_on(self.reader.refuses_again(&number, &entry));
        if refused { Ok(()) } else { Err(format!("the ledger took a second credit for {number}")) }
    }
}
