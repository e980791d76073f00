//! One desk and one WeChat on one virtual clock, and everything that happens to them, from one seed.

use std::collections::BTreeSet;
use std::fmt::Write;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recharge::{Clock, LatePayment, Order, Random, Settings};
use sandbox::{Deliver, Faults, NotifyFaults, Options, Pay, RefundFaults, Sandbox};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use wxpay::v2::Fields;
use wxpay::{Merchant, SignType, UnixMillis};

use crate::crash::Waits;
use crate::oracle::{Broken, Oracle};
use crate::place::{Fresh, Place};
use crate::process::{Common, Done, Process, take_notice, take_refund_notice};
use crate::rows::{Reader, Rows};
use crate::wire::Fate;

/// 2026-03-15 10:00:00 in Beijing.
const BEGIN: UnixMillis = UnixMillis::new(1_773_540_000_000);

/// A machine with its own clock; the process on it comes and goes.
#[derive(Debug)]
pub struct Machine {
    pub clock: Clock,
    pub process: Option<Process>,
    starts: usize,
}

/// A notice as it was on the wire.
#[derive(Debug, Clone)]
pub struct Note {
    pub body: String,
    pub number: String,
    pub transaction: String,
    /// Signed by WeChat.
    pub genuine: bool,
    /// States the amount that was paid.
    pub right: bool,
    /// Tells of a refund: `transaction` is then its number.
    pub of_refund: bool,
}

/// A notice that WeChat waits for an answer to.
#[derive(Debug)]
pub struct Letter {
    path: String,
    pub body: String,
    pub reply: oneshot::Sender<(u16, String)>,
}

type Mailbox = Arc<Mutex<Vec<Letter>>>;

/// A code that somebody saw on a page.
#[derive(Debug, Clone)]
pub struct Seen {
    pub number: String,
    pub user: String,
    pub total_fee: i64,
    pub url: String,
    pub version: i64,
}

#[derive(Debug)]
pub struct World {
    pub rng: StdRng,
    pub log: Vec<String>,
    /// WeChat's time, which is the true one.
    pub wechat: sandbox::Clock,
    pub sandbox: Sandbox,
    pub machines: Vec<Machine>,
    pub common: Common,
    pub oracle: Oracle,
    pub seen: Vec<Seen>,
    /// Notices that were on the wire; any of them may come (again) at any time.
    pub pile: Vec<Note>,
    /// How many of a hundred calls and notices meet a fault.
    pub faults: u32,
    /// How WeChat ends the refunds that it takes on.
    pub refund_faults: RefundFaults,
    /// The latest time that any machine ever had.
    latest: UnixMillis,
    pub mailbox: Mailbox,
    reader: Reader,
    /// For WeChat's side and for reading the database.
    pub office: Runtime,
    _database: Fresh,
}

impl World {
    pub fn new(seed: u64, place: &Place) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let sign_type = if rng.random_bool(0.5) { SignType::Md5 } else { SignType::HmacSha256 };
        let merchant = Merchant { sign_type, ..Merchant::sandbox() };
        let late_payment = if rng.random_bool(0.7) { LatePayment::Credit } else { LatePayment::Refund };
        let settings = Settings {
            time_expire_ms: [60_000, 360_000, 600_000, 3 * 3_600_000][rng.random_range(0..4)],
            late_payment,
            max_open_orders: rng.random_range(2..6),
            ..settings()
        };
        let machines = if rng.random_bool(0.5) { 1 } else { 2 };
        let faults = [0, 10, 30, 60][rng.random_range(0..4)];
        let mut world = World::open(rng, place, merchant, settings, None);
        world.faults = faults;
        world.note(format!("{:?}, {sign_type:?}, {faults} % faults", world.common.settings));
        for machine in 0..machines {
            world.machines.push(Machine { clock: Clock::manual(BEGIN), process: None, starts: 0 });
            world.start(machine);
        }
        world
    }

    /// One machine, usual settings and no faults but those that a test makes itself. Its processes count in `waits`.
    pub fn calm(place: &Place, waits: &Arc<Waits>) -> World {
        let rng = StdRng::seed_from_u64(0);
        let mut world = World::open(rng, place, Merchant::sandbox(), settings(), Some(Arc::clone(waits)));
        world.machines.push(Machine { clock: Clock::manual(BEGIN), process: None, starts: 0 });
        world.start(0);
        world
    }

    fn open(
        mut rng: StdRng,
        place: &Place,
        merchant: Merchant,
        settings: Settings,
        waits: Option<Arc<Waits>>,
    ) -> World {
        let office = Builder::new_current_thread().enable_all().build().unwrap();
        let database = place.fresh();
        let wechat = sandbox::Clock::manual(BEGIN);
        let mailbox = Mailbox::default();
        let options = Options {
            merchant: merchant.clone(),
            store: None,
            clock: wechat.clone(),
            deliver: Deliver::InProcess(Router::new().fallback(receive).with_state(mailbox.clone())),
        };
        let sandbox = office.block_on(Sandbox::open(options)).unwrap();
        sandbox.seed(rng.random());
        let random = Random::seeded(rng.random());
        let oracle = Oracle::new(settings.late_payment);
        let (url, reader) = (database.url.clone(), office.block_on(Reader::open(&database.url)));
        let common = Common { url, merchant, settings, random, sandbox: sandbox.clone(), waits };
        World {
            rng,
            log: Vec::new(),
            wechat,
            sandbox,
            machines: Vec::new(),
            common,
            oracle,
            seen: Vec::new(),
            pile: Vec::new(),
            faults: 0,
            refund_faults: RefundFaults::default(),
            latest: BEGIN,
            mailbox,
            reader,
            office,
            _database: database,
        }
    }

    pub fn note(&mut self, what: String) {
        let at = self.wechat.now().minus(BEGIN);
        let mut line = String::new();
        let _ = write!(line, "{:>5} {:>12} ms  {what}", self.log.len(), at);
        self.log.push(line);
    }

    /// Whether something goes wrong, by the seed's measure.
    pub fn fault(&mut self) -> bool {
        self.rng.random_ratio(self.faults, 100)
    }

    pub fn one_of(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }

    /// The machines on which a process runs.
    pub fn alive(&self) -> Vec<usize> {
        (0..self.machines.len()).filter(|m| self.machines[*m].process.is_some()).collect()
    }

    pub fn process(&mut self, machine: usize) -> &mut Process {
        self.machines[machine].process.as_mut().expect("it runs")
    }

    pub fn advance(&mut self, ms: i64) {
        self.wechat.advance(ms);
        for machine in &self.machines {
            machine.clock.advance(ms);
            self.latest = self.latest.max(machine.clock.now());
        }
    }

    pub fn start(&mut self, machine: usize) {
        let Machine { clock, process, starts } = &mut self.machines[machine];
        *starts += 1;
        *process = Some(Process::start(&self.common, clock.clone(), &format!("{machine}.{starts}")));
        self.note(format!("machine {machine} starts"));
    }

    /// The process is gone in the middle of whatever it did.
    pub fn crash(&mut self, machine: usize) {
        self.machines[machine].process = None;
        self.note(format!("machine {machine} crashes"));
        // Its right to ask WeChat for a code ends by the clock, and a press would wait for that.
        self.advance(10_000);
    }

    /// Runs everything until it has ended or stands still at WeChat, and takes note of it.
    pub fn settle(&mut self) {
        let mut again = true;
        while again {
            again = false;
            for machine in self.alive() {
                // Somebody may have waited for what has ended.
                again |= self.settle_one(machine);
            }
        }
        for machine in self.alive() {
            let wire = self.process(machine).wire.clone();
            // Two that went on at once came here as the machine's threads had it.
            wire.held().sort_by(|one, other| (&one.number, &one.path).cmp(&(&other.number, &other.path)));
            for call in wire.held().iter().filter(|call| call.answer.is_none()) {
                if call.path == "/pay/unifiedorder" {
                    self.oracle.sent(&call.number);
                }
            }
        }
    }

    /// The same for one machine; whether anything ended. A process that is left in the middle of a transaction would keep
    /// the others from the database.
    pub fn settle_one(&mut self, machine: usize) -> bool {
        let may_wait = self.may_wait(machine);
        let ended = self.process(machine).settle(may_wait);
        for (name, done) in &ended {
            self.ended(machine, name, done);
        }
        !ended.is_empty()
    }

    /// How many with this key are under way anywhere.
    pub fn under_way(&self, key: &str) -> usize {
        let processes = self.machines.iter().filter_map(|machine| machine.process.as_ref());
        processes.flat_map(Process::keys).filter(|other| *other == key).count()
    }

    /// The keys under which an activity of this machine may wait for another one, on any machine.
    fn may_wait(&self, machine: usize) -> BTreeSet<String> {
        let here = self.machines[machine].process.iter().flat_map(Process::keys);
        here.filter(|key| !key.is_empty() && self.under_way(key) > 1).map(str::to_owned).collect()
    }

    fn ended(&mut self, machine: usize, name: &str, done: &Done) {
        self.note(format!("machine {machine}: {name}: {}", done.text));
        if let Some(order) = &done.order {
            self.shown(order);
        }
    }

    /// A page shows this order; whoever looks can pay its code from now on.
    pub fn shown(&mut self, order: &Order) {
        let Some(code) = order.code() else { return };
        let seen = Seen {
            number: order.out_trade_no.to_string(),
            user: order.user.id.clone(),
            total_fee: order.total_fee.get(),
            url: code.url.as_str().to_owned(),
            version: code.version,
        };
        if !self.seen.iter().any(|other| other.url == seen.url) {
            self.seen.push(seen);
        }
    }

    /// Lets one call go on.
    pub fn release(&mut self, machine: usize, index: usize, fate: Fate) {
        let call = self.process(machine).wire.held().remove(index);
        let stop = if call.answer.is_some() { "answer of" } else { "call of" };
        self.note(format!("machine {machine}: {stop} {} {}: {fate:?}", call.path, call.number));
        if let Some(answer) = &call.answer
            && fate == Fate::Pass
            && String::from_utf8_lossy(answer).contains("<sign>")
        {
            self.oracle.answered(&call.path, &call.number, answer);
        }
        if let Some(wish) = self.oracle.wish(&call.number) {
            self.process(machine).moves(&wish);
        }
        call.release(fate);
    }

    /// Pays a code as whoever saw it.
    pub fn pay(&mut self, url: &str, number: &str, pay: Pay, ours: bool) {
        let paid = self.office.block_on(self.sandbox.pay(url, pay));
        match paid {
            Ok(payment) => {
                self.note(format!("{number} is paid by {} ({pay:?})", payment.transaction_id));
                self.oracle.paid(number, &payment.transaction_id, ours);
            }
            Err(error) => self.note(format!("{number} is not paid: {error}")),
        }
    }

    /// WeChat sends what is due; each letter is given to `take`, which answers it or not.
    pub fn post(&mut self, faults: NotifyFaults, mut take: impl FnMut(&mut World, Letter, Note)) {
        let (genuine, right) = (!faults.forge_sign, faults.total_fee.is_none());
        let refund = self.refund_faults.clone();
        self.sandbox.set_faults(Faults { notify: faults, refund: refund.clone(), ..Faults::default() });
        let (sandbox, now) = (self.sandbox.clone(), self.wechat.now());
        let step = self.office.spawn(async move { sandbox.step(now).await });
        loop {
            // No thread but this one is needed to bring the letters here.
            self.office.block_on(async {
                for _ in 0..64 {
                    tokio::task::yield_now().await;
                }
            });
            let letters = std::mem::take(&mut *self.mailbox.lock().unwrap());
            if letters.is_empty() {
                break;
            }
            for letter in letters {
                let fields = Fields::read(letter.body.as_bytes(), usize::MAX).unwrap();
                let get = |name| fields.get(name).unwrap_or_default().to_owned();
                let of_refund = letter.path.ends_with("refund-notify");
                let (number, transaction) = match of_refund {
                    true => ("a refund".to_owned(), String::new()),
                    false => (get("out_trade_no"), get("transaction_id")),
                };
                let body = letter.body.clone();
                let note = Note { body, number, transaction, genuine, right, of_refund };
                self.pile.push(note.clone());
                take(self, letter, note);
            }
        }
        assert!(step.is_finished(), "every letter was answered");
        self.sandbox.set_faults(Faults { refund, ..Faults::default() });
    }

    /// Brings a notice to a machine.
    pub fn deliver(&mut self, machine: usize, note: &Note) -> Result<(u16, String), Broken> {
        if note.of_refund {
            return Ok(self.deliver_refund(machine, note));
        }
        if note.genuine && note.right {
            self.oracle.proven(&note.number, &note.transaction);
        }
        let merchant = self.common.merchant.clone();
        let process = self.process(machine);
        let (status, answer) = process.run(take_notice(&process.cashier, &merchant, &note.body));
        self.answered(machine, note, status, &answer)?;
        Ok((status, answer))
    }

    /// Brings a notice about a refund; what the machine asks WeChat because of it goes through at once.
    fn deliver_refund(&mut self, machine: usize, note: &Note) -> (u16, String) {
        let merchant = self.common.merchant.clone();
        let process = self.process(machine);
        let was_open = process.wire.is_open();
        if !was_open {
            process.wire.open();
        }
        let answer = process.run(take_refund_notice(&process.cashier, &merchant, &note.body));
        let passed = process.wire.passed();
        if !was_open {
            process.wire.close();
        }
        for (path, number, body) in passed {
            self.oracle.answered(&path, &number, &body);
        }
        let word = if answer.1.contains("SUCCESS") { "SUCCESS" } else { "FAIL" };
        self.note(format!("machine {machine}: notice of a refund: {word}"));
        answer
    }

    /// A machine has answered a notice.
    pub fn answered(&mut self, machine: usize, note: &Note, status: u16, answer: &str) -> Result<(), Broken> {
        let success = status == 200 && answer.contains("SUCCESS");
        let word = if success { "SUCCESS" } else { "FAIL" };
        let kind = if !note.genuine {
            "forged "
        } else if note.right {
            ""
        } else {
            "wrong "
        };
        self.note(format!("machine {machine}: {kind}notice {} of {}: {word}", note.transaction, note.number));
        if success && !note.genuine {
            return Err(format!("a forged notice for {} was answered with SUCCESS", note.number));
        }
        if success {
            self.oracle.acknowledged(&note.number, &note.transaction);
        }
        Ok(())
    }

    /// What is in the database now.
    pub fn rows(&mut self) -> Rows {
        self.office.block_on(self.reader.rows()).unwrap()
    }

    /// All invariants, now.
    pub fn check(&mut self) -> Result<(), Broken> {
        let rows = self.rows();
        self.oracle.check(rows, &self.sandbox, self.latest)
    }
}

fn settings() -> Settings {
    Settings {
        notify_url: "http://127.0.0.1/wxpay/notify".to_owned(),
        body: "远山云-充值".to_owned(),
        time_expire_ms: 600_000,
        late_payment: LatePayment::Credit,
        max_open_orders: 5,
        query_limit_per_s: 1_000,
        order_limit_per_s: 1_000,
    }
}

async fn receive(State(mailbox): State<Mailbox>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let (reply, answer) = oneshot::channel();
    let body = String::from_utf8(body.to_vec()).unwrap();
    mailbox.lock().unwrap().push(Letter { path: uri.path().to_owned(), body, reply });
    match answer.await {
        Ok((status, answer)) => (StatusCode::from_u16(status).unwrap(), answer),
        Err(_) => (StatusCode::BAD_GATEWAY, String::new()),
    }
}
