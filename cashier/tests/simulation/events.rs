//! The events: each is drawn from the seed, and all invariants are checked after each.

use cashier::PlaceRequest;
use rand::RngExt;
use recharge::Way;
use sandbox::{AnswerFault, NotifyFaults, Pay, Person, V3Faults, WrongSerial, WrongTag};
use wxpay::{Channel, Fen, H5Kind, H5Scene, OpenId, Placing, Protocol, TradeType};

use crate::merchant::Speaks;
use crate::network::{Fate, Missigned};
use crate::notices::told;
use crate::oracle::Broken;
use crate::process::{self, IP, number};
use crate::world::{Seen, World};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

impl World {
    /// One event, and everything that follows from it at once.
    pub fn act(&mut self) -> Result<(), Broken> {
        let ms = self.rng.random_range(1..50);
        self.advance(ms);
        self.apply_finished()?;
        let kinds = if self.speaks_v3() { 136 } else { 128 };
        if self.payers_ask && self.rng.random_ratio(1, 9) {
            self.payer_asks();
        } else {
            self.act_as_usual(kinds)?;
        }
        self.apply_finished()?;
        if self.rng.random_bool(0.5) {
            self.look()?;
        }
        self.check()
    }

    fn act_as_usual(&mut self, kinds: u32) -> Result<(), Broken> {
        match self.rng.random_range(0..kinds) {
            0..22 => self.let_go()?,
            22..32 => self.press(),
            32..35 => self.renew(),
            35..51 => self.scan(),
            51..63 => self.send()?,
            63..67 => self.replay()?,
            67..73 => self.background(),
            73..78 => self.operator(),
            78..90 => self.give_back(),
            90..95 => self.pass_time(),
            95..97 => self.set_clock(),
            97..99 => self.break_down(),
            99..109 => self.race()?,
            109..121 => self.spend(),
            121 => {
                self.expire_holds();
                self.number_events();
            }
            122 => self.strangers(),
            123..128 => self.deliver_hooks()?,
            _ => self.change()?,
        }
        Ok(())
    }

    /// Some payers press while nothing goes wrong on the way, so that there is something to pay from the beginning.
    pub fn begin(&mut self) -> Result<(), Broken> {
        for _ in 0..self.one_of(4) {
            self.press();
        }
        self.finish()
    }

    /// Steps to the database and calls of WeChat that stand still go on, or do not.
    fn let_go(&mut self) -> Result<(), Broken> {
        for _ in 0..self.rng.random_range(1..6) {
            if !self.let_one_go() {
                self.background();
                break;
            }
            self.apply_finished()?;
        }
        Ok(())
    }

    /// `false` if nothing stands still.
    fn let_one_go(&mut self) -> bool {
        let mut held = Vec::new();
        for machine in self.alive() {
            let (steps, calls) =
                (self.process(machine).held_steps(), self.process(machine).network.held().len());
            held.extend((0..steps).map(|step| (machine, true, step)));
            held.extend((0..calls).map(|call| (machine, false, call)));
        }
        if held.is_empty() {
            return false;
        }
        match held[self.one_of(held.len())] {
            (machine, true, step) => {
                self.note(format!("machine {machine}: a step to the database goes on"));
                self.process(machine).let_step_go(step);
            }
            (machine, false, call) => self.let_call_go(machine, call),
        }
        true
    }

    fn let_call_go(&mut self, machine: usize, index: usize) {
        let network = self.process(machine).network.clone();
        let (answered, is_v3) = {
            let held = &network.held()[index];
            (held.answer.is_some(), held.call.is_v3())
        };
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
                Fate::Missigned(Missigned::Probe),
                Fate::Missigned(Missigned::Stale),
                Fate::Missigned(Missigned::OtherKey),
            ][self.one_of(if is_v3 { 8 } else { 5 })],
        };
        self.release(machine, index, fate);
    }

    pub fn any_alive(&mut self) -> Option<usize> {
        let alive = self.alive();
        if alive.is_empty() { None } else { Some(alive[self.one_of(alive.len())]) }
    }

    pub fn any_seen(&mut self) -> Option<Seen> {
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
        let way = self.way();
        self.note(format!("machine {machine}: press {user} {fee} {}", way.trade_type().as_str()));
        let terms = self.terms;
        let process = self.process(machine);
        let wish = PlaceRequest { terms, ..process::wish(&user, fee, way) };
        let pressed = process::press(process.cashier.clone(), wish);
        process.begin(format!("press {user} {fee}"), pressed);
    }

    /// How a payer gets to the payment.
    fn way(&mut self) -> Way {
        let way = if self.has_all_ways { self.one_of(5) } else { 0 };
        match way {
            0 | 1 => Way::Native,
            2 => {
                let openid = Person::First.openid(self.common.identity.v2.appid.as_str());
                Way::Jsapi { openid: OpenId::parse(openid).unwrap() }
            }
            3 => {
                let (wap_url, wap_name) = ("https://pay.example.com".to_owned(), "远山云".to_owned());
                Way::Mweb { scene: H5Scene { kind: H5Kind::Wap, wap_url, wap_name } }
            }
            _ => Way::App,
        }
    }

    fn renew(&mut self) {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return self.press() };
        self.note(format!("machine {machine}: new code for {} after version {}", seen.number, seen.version));
        let process = self.process(machine);
        let renewed = process::new_code(process.cashier.clone(), number(&seen.number), seen.version);
        process.begin(format!("new code for {}", seen.number), renewed);
    }

    /// Somebody scans a code and pays, or refuses.
    fn scan(&mut self) {
        let Some(seen) = self.any_seen() else { return self.press() };
        if self.rng.random_ratio(1, 10) {
            let refused = self.sandbox.refuse(&seen.url);
            return self.note(format!("{} is scanned and not paid: {refused:?}", seen.number));
        }
        let pay = Pay {
            force: self.rng.random_ratio(3, 10),
            again: self.rng.random_ratio(1, 10),
            ..Pay::default()
        };
        self.pay(&seen.url, &seen.number, pay, true);
    }

    /// WeChat sends the notices that are due.
    fn send(&mut self) -> Result<(), Broken> {
        let (mut faults, mut v3) = (NotifyFaults::default(), V3Faults::default());
        if self.fault() {
            match self.one_of(if self.speaks_v3() { 10 } else { 4 }) {
                0 => faults.lose = true,
                1 => faults.repeat = 2,
                2 => faults.forge_sign = true,
                3 => faults.total_fee = Some([1, 499, 501, 1_000_000_000][self.one_of(4)]),
                4 | 5 => v3.probe_notices = 1.0,
                6 => v3.timestamp_s = [-301, -300, 301, 90_000][self.one_of(4)],
                7 => {
                    v3.notice_serial = Some(
                        [WrongSerial::Unknown, WrongSerial::Merchant, WrongSerial::Other][self.one_of(3)],
                    );
                }
                8 => v3.tag = Some([WrongTag::Wrong, WrongTag::NoAad, WrongTag::OtherKey][self.one_of(3)]),
                _ => {
                    let header = ["Nonce", "Serial", "Signature", "Timestamp"][self.one_of(4)];
                    v3.drop_headers = vec![format!("Wechatpay-{header}")];
                }
            }
        }
        self.note(format!("WeChat sends its notices: {faults:?}{}", told(&v3)));
        let mut broken = Ok(());
        self.send_notices(faults, v3, |world, letter, note| {
            let Some(machine) = world.any_alive() else { return };
            let fault = world.fault();
            match (fault, world.one_of(4)) {
                // Its answer comes too late.
                (_, 0) if !note.of_refund => world.deliver_slowly(machine, &note),
                // It comes later, or never.
                (true, 3) => world.note(format!("the notice of {} is late", note.number)),
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

    /// A notice comes that was on the network before, as it was or changed on its way.
    fn replay(&mut self) -> Result<(), Broken> {
        let Some(machine) = self.any_alive() else { return Ok(()) };
        if self.pile.is_empty() {
            return Ok(());
        }
        let index = self.one_of(self.pile.len());
        let mut note = self.pile[index].clone();
        if self.fault() {
            // Somebody without the key changes it.
            self.forge(&mut note);
        }
        self.deliver(machine, &note).map(drop)
    }

    /// What the loops in the server do.
    fn background(&mut self) {
        let Some(machine) = self.any_alive() else { return self.restart() };
        let tidy = self.rng.random_ratio(1, 8);
        let cashier = self.process(machine).cashier.clone();
        if tidy {
            cashier.forget_unwatched();
            self.process(machine).run(cashier.reread_watched());
            return self.note(format!("machine {machine}: tidies"));
        }
        let most = self.rng.random_range(1..4);
        let what = self.one_of(if self.speaks_v3() { 7 } else { 6 });
        let process = self.process(machine);
        match what {
            0 | 1 => process.begin("background".to_owned(), process::advance_refunds(cashier, most)),
            2 => process.begin("the bill".to_owned(), process::reconcile(cashier)),
            6 => process.begin("WeChat's keys".to_owned(), process::refresh_keys(cashier)),
            _ => process.begin("background".to_owned(), process::query_due(cashier, most)),
        }
    }

    /// A request of an operator or a page.
    fn operator(&mut self) {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return self.press() };
        let (what, number) = (self.one_of(4), number(&seen.number));
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        match what {
            0 => process.begin(format!("ask {number}"), process::ask(cashier, number)),
            1 | 2 => process.begin(format!("close {number}"), process::close(cashier, number)),
            _ => {
                let hurried = process.run(cashier.check_again(&number));
                self.note(format!("machine {machine}: check again {number}: {hurried:?}"));
            }
        }
    }

    /// A page looks at its order, and shows nothing that is not stored.
    fn look(&mut self) -> Result<(), Broken> {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return Ok(()) };
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        let Ok(order) = process.run(cashier.status(&number(&seen.number), |_| true)) else { return Ok(()) };
        let order = order.expect("it was shown");
        let (number, state) = (&seen.number, order.state.name());
        self.note(format!("machine {machine}: a page looks at {number}: {state}"));
        if state == "paid" {
            let stored = self.rows().orders.remove(number).expect("it was shown").state;
            if stored != state {
                return Err(format!("a page shows {number} as paid, which is stored as {stored}"));
            }
        }
        self.shown(&order);
        Ok(())
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
        clock.set_by(new - skew);
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

    /// Another installation with the same merchant sells something; its notices come here.
    fn strangers(&mut self) {
        let n = self.one_of(1000);
        let protocol = self.any_protocol();
        let order = Placing {
            channel: Channel { protocol, trade_type: TradeType::Native },
            appid: self.common.identity.v2.appid.clone(),
            description: "别家".to_owned(),
            attach: None,
            out_trade_no: number(&format!("OTHER{n:010}")),
            total_fee: Fen::new(700),
            payer_ip: IP,
            time_start: self.wechat.now(),
            time_expire: self.wechat.now().plus_ms(HOUR),
            notify_url: recharge::notify_url::of_payment(&self.common.settings.notify_base, protocol),
            product_id: Some("other".to_owned()),
            openid: None,
            scene: None,
        };
        let client = self.common.identity.somebody(&self.sandbox, &self.wechat);
        if let Ok(prepay) = self.office.block_on(client.place(&order)) {
            let number = order.out_trade_no.as_str();
            self.pay(prepay.ticket.as_str(), number, Pay::default(), false);
        }
    }

    /// One that the merchant has credentials for.
    pub fn any_protocol(&mut self) -> Protocol {
        match self.common.identity.speaks {
            Speaks::V2 => Protocol::V2,
            Speaks::V3 => Protocol::V3,
            Speaks::Both => [Protocol::V2, Protocol::V3][self.one_of(2)],
        }
    }
}
