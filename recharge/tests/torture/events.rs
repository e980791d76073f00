//! What happens: each event is drawn from the seed, and after each everything is checked.

use rand::RngExt;
use sandbox::{AnswerFault, NotifyFaults, Pay};
use sqlx::Executor;
use tokio::time::{Duration, sleep};
use wxpay::Fen;
use wxpay::client::Client;
use wxpay::v2::{TradeType, UnifiedOrder};

use crate::oracle::Broken;
use crate::process::{self, IP, number, take_notice};
use crate::wire::Fate;
use crate::world::{Note, Seen, World};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

impl World {
    /// One event, and everything that follows from it at once.
    pub fn act(&mut self) -> Result<(), Broken> {
        let ms = self.rng.random_range(1..50);
        self.advance(ms);
        match self.rng.random_range(0..100) {
            0..22 => self.let_go(),
            22..36 => self.press(),
            36..40 => self.renew(),
            40..53 => self.scan(),
            53..65 => self.send()?,
            65..69 => self.replay()?,
            69..75 => self.background(),
            75..80 => self.operator(),
            80..86 => self.give_back(),
            86..92 => self.pass_time(),
            92..94 => self.set_clock(),
            94..96 => self.break_down(),
            96..99 => self.race()?,
            _ => self.strangers(),
        }
        self.settle();
        self.check()
    }

    /// A call of some process goes on, or does not.
    fn let_go(&mut self) {
        let alive = self.alive();
        let held: Vec<(usize, usize)> = alive
            .into_iter()
            .flat_map(|m| (0..self.process(m).wire.held().len()).map(move |call| (m, call)))
            .collect();
        if held.is_empty() {
            return self.background();
        }
        let (machine, index) = held[self.one_of(held.len())];
        self.let_one_go(machine, index);
    }

    fn let_one_go(&mut self, machine: usize, index: usize) {
        let answered = self.process(machine).wire.held()[index].answer.is_some();
        let fate = match (self.fault(), answered) {
            (false, _) => Fate::Pass,
            (true, true) => {
                [Fate::Lost, Fate::Cut(self.one_of(1000)), Fate::Twisted(self.one_of(1000))][self.one_of(3)]
            }
            (true, false) => [
                Fate::Lost,
                Fate::Ill(AnswerFault::Http500),
                Fate::Ill(AnswerFault::Garbage),
                Fate::Ill(AnswerFault::Unsigned),
                Fate::Ill(AnswerFault::SystemError),
            ][self.one_of(5)],
        };
        self.release(machine, index, fate);
    }

    /// Where two machines are at the same wish, they come to an end now, `machine` last. One that is turned away by the other
    /// one's right to ask WeChat looks again and again by the real clock, which no seed decides.
    fn let_others_go(&mut self, machine: usize, key: &str) {
        self.settle();
        while self.alive().len() > 1
            && self.alive().into_iter().all(|m| self.process(m).keys().any(|k| k == key))
        {
            let held = [1 - machine, machine].into_iter().find_map(|m| {
                let wire = self.process(m).wire.clone();
                let index = wire
                    .held()
                    .iter()
                    .position(|call| self.oracle.wish(&call.number).as_deref() == Some(key))?;
                Some((m, index))
            });
            let Some((m, index)) = held else { return };
            self.let_one_go(m, index);
            self.settle();
        }
    }

    fn any_alive(&mut self) -> Option<usize> {
        let alive = self.alive();
        if alive.is_empty() { None } else { Some(alive[self.one_of(alive.len())]) }
    }

    fn any_seen(&mut self) -> Option<Seen> {
        // The newest are paid and looked at most.
        let count = self.seen.len();
        if count == 0 {
            return None;
        }
        let index = self.rng.random_range(0..count).max(self.rng.random_range(0..count));
        Some(self.seen[index].clone())
    }

    fn press(&mut self) {
        let Some(machine) = self.any_alive() else { return self.restart() };
        let user = format!("u_{}", self.one_of(3));
        let fee = [1, 500, 1990, 100_000_000][self.one_of(4)];
        let key = format!("{user} {fee}");
        if self.under_way(&key) > 1 {
            return;
        }
        self.note(format!("machine {machine}: press {key}"));
        let process = self.process(machine);
        let pressed = process::press(process.cashier.clone(), process::wish(&user, fee));
        process.begin(format!("press {key}"), &key, pressed);
        self.let_others_go(machine, &key);
    }

    fn renew(&mut self) {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return self.press() };
        let key = format!("{} {}", seen.user, seen.total_fee);
        if self.under_way(&key) > 1 {
            return;
        }
        self.note(format!("machine {machine}: new code for {} after version {}", seen.number, seen.version));
        let process = self.process(machine);
        let renewed = process::new_code(process.cashier.clone(), number(&seen.number), seen.version);
        process.begin(format!("new code for {}", seen.number), &key, renewed);
        self.let_others_go(machine, &key);
    }

    /// Somebody scans a code and pays, or refuses.
    fn scan(&mut self) {
        let Some(seen) = self.any_seen() else { return self.press() };
        if self.rng.random_ratio(1, 10) {
            let refused = self.sandbox.refuse(&seen.url);
            return self.note(format!("{} is scanned and not paid: {refused:?}", seen.number));
        }
        let pay = Pay { force: self.rng.random_ratio(3, 10), again: self.rng.random_ratio(1, 10) };
        self.pay(&seen.url, &seen.number, pay, true);
    }

    /// WeChat sends the notices that are due.
    fn send(&mut self) -> Result<(), Broken> {
        let mut faults = NotifyFaults::default();
        if self.fault() {
            match self.one_of(4) {
                0 => faults.lose = true,
                1 => faults.repeat = 2,
                2 => faults.forge_sign = true,
                _ => faults.total_fee = Some([1, 499, 501, 1_000_000_000][self.one_of(4)]),
            }
        }
        self.note(format!("WeChat sends its notices: {faults:?}"));
        let mut broken = Ok(());
        self.post(faults, |world, letter, note| {
            let Some(machine) = world.any_alive() else { return };
            let fault = world.fault();
            match (fault, world.one_of(4)) {
                // It comes later, or never.
                (true, 0) => world.note(format!("the notice of {} is late", note.number)),
                (true, 1) => {
                    if let Err(why) = world.deliver(machine, &note) {
                        broken = Err(why);
                    }
                    world.note("its answer is lost".to_owned());
                }
                (true, 2) => {
                    if let Err(why) = world.deliver(machine, &note) {
                        broken = Err(why);
                    }
                    world.crash(machine);
                }
                _ => match world.deliver(machine, &note) {
                    Ok(answer) => drop(letter.reply.send(answer)),
                    Err(why) => broken = Err(why),
                },
            }
        });
        broken
    }

    /// A notice comes that was on the wire before, as it was or changed on its way.
    fn replay(&mut self) -> Result<(), Broken> {
        let Some(machine) = self.any_alive() else { return Ok(()) };
        if self.pile.is_empty() {
            return Ok(());
        }
        let index = self.one_of(self.pile.len());
        let mut note = self.pile[index].clone();
        if self.fault() {
            // Somebody without the key changes it.
            let (from, to) = [
                ("<total_fee>", "<total_fee>1"),
                ("<result_code>", "<result_code> "),
                ("<out_trade_no>", "<out_trade_no>X"),
                ("<sign>", "<sign>0"),
                ("<transaction_id>", "<transaction_id>9"),
            ][self.one_of(5)];
            let forged = note.body.replacen(from, to, 1).replacen("<![CDATA[", "<![CDATA[1", 1);
            note.genuine = false;
            note.body = forged;
        }
        self.deliver(machine, &note).map(drop)
    }

    /// What the loops in the server do.
    fn background(&mut self) {
        let Some(machine) = self.any_alive() else { return self.restart() };
        let (tidy, refunds) = (self.rng.random_ratio(1, 8), self.rng.random_ratio(1, 3));
        let process = self.process(machine);
        if tidy {
            process.cashier.forget_unwatched();
            process.run(process.cashier.reread_watched());
            return self.note(format!("machine {machine}: tidies"));
        }
        let cashier = process.cashier.clone();
        if refunds {
            return process.begin("background".to_owned(), "", process::drive_refunds(cashier));
        }
        process.begin("background".to_owned(), "", process::ask_due(cashier));
    }

    /// Somebody at the desk, or a page, asks for something.
    fn operator(&mut self) {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return self.press() };
        let (what, number) = (self.one_of(5), number(&seen.number));
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        match what {
            0 => process.begin(format!("ask {number}"), "", process::ask(cashier, number)),
            1 | 2 => process.begin(format!("close {number}"), "", process::close(cashier, number)),
            3 => {
                let hurried = process.run(cashier.hurry(&number)).unwrap();
                self.note(format!("machine {machine}: hurry {number}: {hurried}"));
            }
            _ => {
                let order = process.run(cashier.status(&number)).unwrap().expect("it was shown");
                self.note(format!("machine {machine}: a page looks at {number}: {}", order.state.name()));
                self.shown(&order);
            }
        }
    }

    fn pass_time(&mut self) {
        let ms = match self.one_of(12) {
            0..5 => self.rng.random_range(1..30) * SECOND,
            5..9 => self.rng.random_range(1..12) * MINUTE,
            9..11 => self.rng.random_range(1..4) * HOUR,
            _ => 26 * HOUR,
        };
        self.advance(ms);
    }

    /// A machine's clock is set wrong, or right again.
    fn set_clock(&mut self) {
        let machine = self.one_of(self.machines.len());
        let clock = &self.machines[machine].clock;
        let skew = clock.now().minus(self.wechat.now());
        let new = [0, 5 * MINUTE, -5 * MINUTE, 24 * HOUR, -24 * HOUR][self.rng.random_range(0..5)];
        clock.advance(new - skew);
        self.advance(0);
        self.note(format!("the clock of machine {machine} is wrong by {new} ms"));
    }

    /// A process dies; mostly it is started again at once.
    fn break_down(&mut self) {
        let Some(machine) = self.any_alive() else { return self.restart() };
        self.crash(machine);
        if self.rng.random_ratio(2, 3) {
            self.start(machine);
        }
    }

    fn restart(&mut self) {
        for machine in 0..self.machines.len() {
            if self.machines[machine].process.is_none() {
                self.start(machine);
            }
        }
    }

    /// Two processes write about the same order: the first has read it when the second changes it.
    fn race(&mut self) -> Result<(), Broken> {
        if self.machines.len() < 2 || self.alive().len() < 2 {
            return Ok(());
        }
        let first = self.one_of(2);
        let second = 1 - first;
        // An answer that is about to be written, else a notice.
        let answers: Vec<(usize, String)> = (self.process(first).wire.held().iter().enumerate())
            .filter(|(_, call)| call.answer.is_some() && call.path != "/pay/orderquery")
            .map(|(index, call)| (index, call.number.clone()))
            .collect();
        let Some(hold) = self.hold_writer(first) else { return Ok(()) };
        let writes = if let Some((index, number)) = answers.first().cloned() {
            self.note(format!("machine {first} reads {number} and machine {second} is faster to write"));
            self.release(first, index, Fate::Pass);
            if let Some(seen) = self.seen.iter().find(|seen| seen.number == number).cloned() {
                self.pay(&seen.url, &number, Pay { force: true, again: false }, true);
            }
            None
        } else {
            self.any_seen().map(|seen| {
                let pay = Pay { force: true, again: false };
                self.note(format!("a notice of {} at both machines", seen.number));
                self.pay(&seen.url, &seen.number, pay, true);
                seen.number
            })
        };
        let mut notes: Vec<Note> = Vec::new();
        self.post(NotifyFaults::default(), |_, _, note| notes.push(note));
        let note =
            notes.iter().find(|note| writes.as_ref().is_none_or(|number| note.number == *number)).cloned();
        let merchant = self.common.merchant.clone();
        let taking = note.clone().filter(|_| writes.is_some()).map(|note| {
            self.oracle.proven(&note.number, &note.transaction);
            let process = self.process(first);
            let cashier = process.cashier.clone();
            process.runtime.spawn(async move { take_notice(&cashier, &merchant, &note.body).await })
        });
        // As far as it comes without its turn; a slow machine changes nothing but what is tried.
        self.process(first).run(async { sleep(Duration::from_millis(4)).await });
        let taken = note.clone().map(|note| self.deliver(second, &note)).transpose();
        let process = self.process(first);
        process.run(async move {
            let mut hold = hold;
            hold.connection().execute("BEGIN").await.unwrap();
            hold.rollback().await;
        });
        self.settle_one(first);
        if let (Some(taking), Some(note)) = (taking, note) {
            let process = self.process(first);
            let (status, answer) = process.run(taking).unwrap();
            self.answered(first, &note, status, &answer)?;
        }
        taken.map(drop)
    }

    /// Takes this process's turn at writing, without keeping others from the database. (SQLite: at PostgreSQL there are
    /// no turns.)
    fn hold_writer(&mut self, machine: usize) -> Option<recharge::db::WriteTransaction<'static>> {
        let process = self.process(machine);
        if process.cashier.db().engine() == recharge::db::Engine::Postgres {
            return None;
        }
        Some(process.run(async {
            let mut hold = process.cashier.db().begin().await.unwrap();
            hold.connection().execute("COMMIT").await.unwrap();
            hold
        }))
    }

    /// Another installation with the same merchant sells something; its notices come here.
    fn strangers(&mut self) {
        let n = self.one_of(1000);
        let order = UnifiedOrder {
            body: "别家".to_owned(),
            attach: None,
            out_trade_no: number(&format!("OTHER{n:010}")),
            total_fee: Fen::new(700),
            spbill_create_ip: IP,
            time_start: self.wechat.now(),
            time_expire: self.wechat.now().plus_ms(HOUR),
            notify_url: self.common.settings.notify_url.clone(),
            product_id: "other".to_owned(),
            trade_type: TradeType::Native,
            openid: None,
        };
        let client = Client::in_process(self.common.merchant.clone(), self.sandbox.router());
        if let Ok(prepay) = self.office.block_on(client.unified_order(&order)) {
            let number = order.out_trade_no.as_str();
            self.pay(prepay.code_url.as_str(), number, Pay::default(), false);
        }
    }
}
