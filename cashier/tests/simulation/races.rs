//! Races of two machines for one order: the slower one has read it and is about to write when the other one writes.

use rand::RngExt;
use sandbox::{NotifyFaults, Pay, V3Faults};

use crate::network::Fate;
use crate::oracle::Broken;
use crate::process::{self, number};
use crate::world::{Seen, World};

/// No activity asks WeChat more often than this before it writes.
const CALLS: usize = 6;

impl World {
    pub fn race(&mut self) -> Result<(), Broken> {
        let (Some(seen), 2) = (self.raced(), self.alive().len()) else { return Ok(()) };
        let slow = self.one_of(2);
        self.note(format!("a race about {}", seen.number));
        self.meddle(slow, &seen);
        let mut writes = self.rng.random_range(0..4);
        for _ in 0..CALLS {
            if self.process(slow).stop_before_writing(&mut writes) {
                break;
            }
            let network = self.process(slow).network.clone();
            let about = network.held().iter().position(|held| held.call.number == seen.number);
            let Some(call) = about else { break };
            self.release(slow, call, Fate::Pass);
        }
        self.apply_finished()?;
        if self.rng.random_ratio(2, 3) {
            self.bring_payment(1 - slow, &seen, false)?;
        } else {
            self.meddle(1 - slow, &seen);
        }
        Ok(())
    }

    /// Mostly an order that can still be paid.
    fn raced(&mut self) -> Option<Seen> {
        let rows = self.rows();
        let is_open =
            |seen: &&Seen| rows.orders.get(&seen.number).is_some_and(|order| order.state == "pending");
        let open: Vec<_> = self.seen.iter().filter(is_open).cloned().collect();
        if open.is_empty() || self.rng.random_ratio(1, 3) {
            return self.any_seen();
        }
        Some(open[self.one_of(open.len())].clone())
    }

    /// Begins something that will write to this order.
    fn meddle(&mut self, machine: usize, seen: &Seen) {
        let cashier = self.process(machine).cashier.clone();
        let out_trade_no = number(&seen.number);
        match self.one_of(5) {
            0 => {
                let renewed = process::new_code(cashier, out_trade_no, seen.version);
                self.process(machine).begin(format!("new code for {}", seen.number), renewed);
            }
            1 => {
                let closed = process::close(cashier, out_trade_no);
                self.process(machine).begin(format!("close {}", seen.number), closed);
            }
            2 => {
                let asked = process::ask(cashier, out_trade_no);
                self.process(machine).begin(format!("ask {}", seen.number), asked);
            }
            3 => self.refund(machine, Some(&seen.number)),
            _ => {
                let _ = self.bring_payment(machine, seen, true);
            }
        }
    }

    /// The order is paid, and the machine gets the notice.
    fn bring_payment(&mut self, machine: usize, seen: &Seen, slowly: bool) -> Result<(), Broken> {
        self.pay(&seen.url, &seen.number, Pay { force: true, ..Pay::default() }, true);
        let mut notes = Vec::new();
        self.send_notices(NotifyFaults::default(), V3Faults::default(), |_, _, note| notes.push(note));
        for note in notes.into_iter().filter(|note| note.number == seen.number && !note.of_refund) {
            if slowly {
                self.deliver_slowly(machine, &note);
            } else {
                self.deliver(machine, &note)?;
            }
        }
        Ok(())
    }
}
