//! The world: the processes of one installation and WeChat on one virtual clock, with all their events, from one seed.

use std::fmt::Write;

use axum::Router;
use cashier::{Clock, Random, Settings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recharge::webhook::EndpointId;
use recharge::{LatePayment, Order, Terms};
use sandbox::{APP_APPID, Deliver, Options, Pay, RefundFaults, Sandbox};
use tokio::runtime::{Builder, Runtime};
use wxpay::{AppId, Merchant, SignType, Ticket, UnixMillis};

use crate::databases::{Databases, Fresh};
use crate::hooks::Inbox;
use crate::merchant::{Identity, Speaks};
use crate::network::Fate;
use crate::notices::{Mailbox, Note, receive};
use crate::oracle::{Broken, Oracle};
use crate::payers::{do_ask, terms_of};
use crate::process::{Common, Done, News, Process};
use crate::rows::{Reader, Rows};
use crate::settings::settings;

/// 2026-03-15 10:00:00 in Beijing.
const BEGIN: UnixMillis = UnixMillis::new(1_773_540_000_000);

/// A machine with its own clock; the process on it comes and goes.
#[derive(Debug)]
pub struct Machine {
    pub clock: Clock,
    pub process: Option<Process>,
    /// Which settings it was started with last.
    pub settings_version: usize,
    starts: usize,
}

impl Machine {
    fn new() -> Machine {
        Machine { clock: Clock::simulated(BEGIN), process: None, settings_version: 0, starts: 0 }
    }
}

/// A code that somebody saw on a page.
#[derive(Debug, Clone)]
pub struct Seen {
    pub number: String,
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
    /// How often the settings of `common` were changed.
    pub settings_version: usize,
    pub oracle: Oracle,
    pub seen: Vec<Seen>,
    /// How many references the site has used.
    pub references: usize,
    /// Notices that were on the network; any of them may come (again) at any time.
    pub pile: Vec<Note>,
    /// Whether payers pay in every way, or by scanning a code only.
    pub has_all_ways: bool,
    /// What the site grants and allows beside the price.
    pub terms: Terms,
    /// Whether payers take orders back and ask for refunds.
    pub payers_ask: bool,
    /// How many of a hundred calls and notices meet a fault.
    pub faults: u32,
    /// How many of a hundred steps to the database stand still on their way.
    holds: u32,
    /// How many of them fail.
    failures: u32,
    /// How WeChat ends the refunds that it takes on.
    pub refund_faults: RefundFaults,
    /// The latest time that any machine ever had.
    latest: UnixMillis,
    pub mailbox: Mailbox,
    /// Where the site is told of events, and what came there.
    pub endpoint: Option<EndpointId>,
    pub inbox: Inbox,
    pub reader: Reader,
    /// For WeChat's side and for reading the database.
    pub office: Runtime,
    _database: Fresh,
}

impl World {
    pub fn new(seed: u64, databases: &Databases) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let speaks = Speaks::of(seed);
        let sign_type = if rng.random_bool(0.5) { SignType::Md5 } else { SignType::HmacSha256 };
        let merchant = Merchant { sign_type, ..Merchant::sandbox() };
        let late_payment = if rng.random_bool(0.7) { LatePayment::Credit } else { LatePayment::Refund };
        let settings = Settings {
            time_expire_ms: [60_000, 360_000, 600_000, 3 * 3_600_000][rng.random_range(0..4)],
            late_payment,
            max_open_orders: rng.random_range(2..6),
            mobile_app: AppId::parse(APP_APPID).ok(),
            ..settings()
        };
        let machines = if rng.random_ratio(1, 3) { 1 } else { 2 };
        let faults = [0, 10, 30, 60][rng.random_range(0..4)];
        let holds = [0, 10, 30, 60][rng.random_range(0..4)];
        let failures = [0, 0, 3, 10][rng.random_range(0..4)];
        let mut world = World::open(rng, databases, (speaks, merchant), settings);
        world.has_all_ways = seed % 8 > 3;
        (world.terms, world.payers_ask) = (terms_of(seed), do_ask(seed));
        world.oracle.terms = world.terms;
        (world.faults, world.holds, world.failures) = (faults, holds, failures);
        let settings = &world.common.settings;
        world.note(format!(
            "{settings:?}, {speaks:?}, {sign_type:?}, {faults} % faults, {holds} % of all steps stand still, {failures} % fail"
        ));
        for machine in 0..machines {
            world.machines.push(Machine::new());
            world.start(machine);
        }
        world
    }

    /// One machine, usual settings and no faults but those that a test makes itself.
    pub fn calm(databases: &Databases, speaks: Speaks) -> World {
        let rng = StdRng::seed_from_u64(0);
        let mut world = World::open(rng, databases, (speaks, Merchant::sandbox()), settings());
        world.machines.push(Machine::new());
        world.start(0);
        world
    }

    fn open(
        mut rng: StdRng,
        databases: &Databases,
        (speaks, merchant): (Speaks, Merchant),
        settings: Settings,
    ) -> World {
        let office = Builder::new_current_thread().enable_all().build().unwrap();
        let database = databases.fresh();
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
        let ids = Random::seeded(0);
        let identity = Identity::new(speaks, merchant, &sandbox, &mut rng);
        let common = Common { url, identity, settings, random, ids, sandbox: sandbox.clone() };
        World {
            rng,
            log: Vec::new(),
            wechat,
            sandbox,
            machines: Vec::new(),
            common,
            settings_version: 0,
            oracle,
            seen: Vec::new(),
            references: 0,
            pile: Vec::new(),
            has_all_ways: false,
            terms: Terms::default(),
            payers_ask: false,
            faults: 0,
            holds: 0,
            failures: 0,
            refund_faults: RefundFaults::default(),
            latest: BEGIN,
            mailbox,
            endpoint: None,
            inbox: Inbox::default(),
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
        self.start_with(machine, self.common.clone());
    }

    pub fn start_with(&mut self, machine: usize, common: Common) {
        let rng = StdRng::from_rng(&mut self.rng);
        let Machine { clock, process, settings_version, starts } = &mut self.machines[machine];
        *starts += 1;
        *settings_version = self.settings_version;
        *process = Some(Process::start(&common, clock.clone(), &format!("{machine}.{starts}"), rng));
        if self.endpoint.is_none() {
            self.subscribe(machine);
        }
        let (holds, failures) = (self.holds, self.failures);
        let process = self.process(machine);
        (process.holds, process.failures) = (holds, failures);
        self.note(format!("machine {machine} starts"));
    }

    /// The process is gone in the middle of whatever it did.
    pub fn crash(&mut self, machine: usize) {
        self.machines[machine].process = None;
        self.note(format!("machine {machine} crashes"));
    }

    /// From now on nothing goes wrong, and nothing stands still or fails on its way to the database.
    pub fn end_faults(&mut self) {
        (self.faults, self.holds, self.failures) = (0, 0, 0);
        self.refund_faults = RefundFaults::default();
        for machine in self.alive() {
            let process = self.process(machine);
            (process.holds, process.failures) = (0, 0);
        }
    }

    /// Runs every machine until nothing goes on by itself, and takes note of what has ended.
    pub fn apply_finished(&mut self) -> Result<(), Broken> {
        for machine in self.alive() {
            loop {
                for (name, done) in self.process(machine).take_finished() {
                    self.ended(machine, &name, done)?;
                }
                if !self.hear_hooks(machine)? {
                    break;
                }
            }
            let network = self.process(machine).network.clone();
            for call in network.held().iter().filter(|call| call.answer.is_none()) {
                if call.call.places() {
                    self.oracle.sent(&call.call.number);
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, machine: usize, name: &str, done: Done) -> Result<(), Broken> {
        match done.news {
            News::Answered(note, answer) => return self.answered(machine, &note, &answer),
            News::Shown(order) => {
                self.shows_no_code(name, &order)?;
                self.shown(&order);
            }
            News::TakenBack(order) => self.shows_no_code(name, &order)?,
            News::Wished { id, is_own } => self.oracle.wished(&id, is_own)?,
            news @ News::Spent(..) => self.hear_spent(news),
            News::NotSettled(exception) => self.oracle.undecided(&exception),
            News::Nothing => {}
        }
        self.note(format!("machine {machine}: {name}: {}", done.text));
        Ok(())
    }

    /// A page shows this order; whoever looks can pay its code from now on.
    pub fn shown(&mut self, order: &Order) {
        let Some(issued) = order.issued() else { return };
        // A page of WeChat's is opened by the prepay session that it names.
        let url = match &issued.ticket {
            Ticket::Page(page) => session_of(page.as_str()),
            ticket => ticket.as_str(),
        };
        let seen =
            Seen { number: order.out_trade_no.to_string(), url: url.to_owned(), version: issued.version };
        if !self.seen.iter().any(|other| other.url == seen.url) {
            self.seen.push(seen);
        }
    }

    /// The model hears what a machine asked WeChat, and was told, while nothing was held up on the way.
    pub fn hear(&mut self, machine: usize) {
        let network = self.process(machine).network.clone();
        network.sent().iter().for_each(|number| self.oracle.sent(number));
        for (call, answer) in network.passed() {
            self.oracle.answered(&call, &answer);
        }
    }

    /// Lets one call go on.
    pub fn release(&mut self, machine: usize, index: usize, fate: Fate) {
        let held = self.process(machine).network.held().remove(index);
        let stop = if held.answer.is_some() { "answer of" } else { "call of" };
        self.note(format!("machine {machine}: {stop} {} {}: {fate:?}", held.call.path, held.call.number));
        if let Some(answer) = held.answer.as_ref().filter(|_| fate == Fate::Pass) {
            self.oracle.answered(&held.call, answer);
        }
        held.release(fate);
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

    /// What is in the database now.
    pub fn rows(&mut self) -> Rows {
        self.office.block_on(self.reader.rows()).unwrap()
    }

    /// All invariants, now.
    pub fn check(&mut self) -> Result<(), Broken> {
        let rows = self.rows();
        self.oracle.check(rows, &self.sandbox, self.latest)?;
        self.oracle.came_fits(&self.inbox)
    }
}

fn session_of(page: &str) -> &str {
    let rest = page.split_once("prepay_id=").expect("it names a prepay session").1;
    rest.split('&').next().unwrap_or_default()
}
