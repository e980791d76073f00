//! The site's part in what it sold: it debits, sets aside, takes, frees and gives back by key, each under a reference of its own.
//! Where it hears no answer it asks again in the same words, and must be told of the one that there is.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cashier::Db;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(5);

/// One thing that the site does, in one or two calls.
#[derive(Debug, Clone)]
struct Story {
    user: String,
    n: usize,
    /// What its calls were answered with, as far as anything was heard.
    ids: Vec<String>,
}

impl Story {
    /// What its calls make, in their order.
    fn calls(&self) -> &'static [&'static str] {
        match self.n % 5 {
            0 => &["debit"],
            1 => &["debit", "reversal"],
            2 => &["hold", "capture"],
            3 => &["hold", "void"],
            // Nobody comes back for it.
            _ => &["forgotten"],
        }
    }

    /// Where this call goes, and its body.
    fn call(&self, what: &str, group: u32) -> (String, Value) {
        let first = self.ids.first().map(String::as_str).unwrap_or_default();
        let of = |amount: i64| json!({"user": self.user, "amount": amount, "reference": self.reference(group), "reason": "job"});
        match what {
            "debit" => ("/api/v1/debits".to_owned(), of(3)),
            "hold" => ("/api/v1/holds".to_owned(), of(4)),
            "forgotten" => {
                let mut body = of(4);
                body["expires_in_s"] = json!(3600);
                ("/api/v1/holds".to_owned(), body)
            }
            "reversal" => {
                let body = json!({"amount": 1, "reference": self.reference(group), "reason": "job"});
                (format!("/api/v1/debits/{first}/reversals"), body)
            }
            "capture" => (format!("/api/v1/holds/{first}/capture"), json!({"amount": 2})),
            _ => (format!("/api/v1/holds/{first}/void"), json!({})),
        }
    }

    fn reference(&self, group: u32) -> String {
        format!("job-{group}-{}", self.n)
    }

    fn is_over(&self) -> bool {
        self.ids.len() == self.calls().len()
    }
}

pub struct Spender {
    head: String,
    /// Whose balances are spent.
    users: Vec<String>,
    group: u32,
    stories: Mutex<Vec<Story>>,
    /// From where on it has not asked again.
    fresh: AtomicUsize,
    /// Calls whose connection broke or hung.
    pub broken: AtomicUsize,
    /// Those of them that were done all the same.
    pub found: AtomicUsize,
    stopped: AtomicBool,
}

impl Spender {
    pub fn new(key: &str, users: Vec<String>) -> Arc<Spender> {
        Arc::new(Spender {
            head: format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"),
            users,
            group: rand::random(),
            stories: Mutex::default(),
            fresh: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        })
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Begins stories on `connections` at once until somebody says stop.
    pub fn run(self: &Arc<Spender>, addr: &str, connections: usize) -> JoinSet<()> {
        self.stopped.store(false, Ordering::SeqCst);
        let mut spending = JoinSet::new();
        for _ in 0..connections {
            let (spender, addr) = (Arc::clone(self), addr.to_owned());
            spending.spawn(async move {
                let mut wire = None;
                while !spender.stopped.load(Ordering::SeqCst) {
                    let next = spender.begin();
                    spender.go_on(&addr, &mut wire, next).await;
                    sleep(BREATH).await;
                }
            });
        }
        spending
    }

    fn begin(&self) -> usize {
        let mut stories = self.stories.lock().unwrap();
        let n = stories.len();
        let user = self.users[n % self.users.len()].clone();
        stories.push(Story { user, n, ids: Vec::new() });
        n
    }

    /// Repeats every call that was made since it asked the last time, or of all, and makes those that are missing. Returns how many
    /// stories are not over: the balance has not come in yet.
    pub async fn ask_again(self: &Arc<Spender>, addr: &str, everything: bool) -> usize {
        let count = self.stories.lock().unwrap().len();
        let from = self.fresh.swap(count, Ordering::SeqCst);
        let next = Arc::new(AtomicUsize::new(if everything { 0 } else { from }));
        let mut asking = JoinSet::new();
        for _ in 0..16 {
            let (spender, addr, next) = (Arc::clone(self), addr.to_owned(), Arc::clone(&next));
            asking.spawn(async move {
                let mut wire = None;
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= count {
                        return;
                    }
                    let is_heard = spender.go_on(&addr, &mut wire, n).await;
                    assert!(is_heard, "no answer about {n}, and nobody was killed");
                }
            });
        }
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
        self.stories.lock().unwrap().iter().filter(|story| !story.is_over()).count()
    }

    /// Tells a story from its beginning; `false` if its connection broke.
    async fn go_on(&self, addr: &str, wire: &mut Option<Wire>, n: usize) -> bool {
        let told = async {
            let mut open = match wire.take() {
                Some(open) => open,
                None => Wire::open(addr).await?,
            };
            self.tell(&mut open, n).await?;
            *wire = Some(open);
            Ok::<_, io::Error>(())
        };
        let is_heard = told.await.is_ok();
        if !is_heard {
            self.broken.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
        }
        is_heard
    }

    async fn tell(&self, wire: &mut Wire, n: usize) -> io::Result<()> {
        let mut story = self.stories.lock().unwrap()[n].clone();
        for (place, what) in story.calls().iter().enumerate() {
            let (path, body) = story.call(what, self.group);
            let body = body.to_string();
            let (status, answer) = loop {
                let answer = timeout(PATIENCE, wire.post_to(&path, &self.head, &body)).await;
                match answer.map_err(|_| io::ErrorKind::TimedOut)?? {
                    (503, _) => sleep(Duration::from_millis(50)).await,
                    answer => break answer,
                }
            };
            let id = match status {
                200 | 201 => {
                    serde_json::from_str::<Value>(&answer).unwrap()["id"].as_str().unwrap().to_owned()
                }
                402 if story.ids.len() == place => return Ok(()),
                _ => panic!("{path}: {status}: {answer}"),
            };
            match story.ids.get(place) {
                Some(first) => {
                    assert_eq!((status, &id), (200, first), "{path}, which was answered before: {answer}");
                }
                None => {
                    // Freeing what is free is no news.
                    self.found.fetch_add(usize::from(status == 200 && *what != "void"), Ordering::SeqCst);
                    story.ids.push(id.clone());
                    self.stories.lock().unwrap()[n].ids.push(id);
                }
            }
        }
        Ok(())
    }

    /// What must hold at every moment: whatever was answered is there, under its reference, once; and sums are whole. `is_over`: nothing
    /// else is there either.
    pub async fn hold(&self, database: &str, is_over: bool) {
        let db = Db::open(database).await.unwrap();
        for (what, sql) in WHOLE {
            let found = sqlx::query(sql).fetch_all(db.pool()).await.unwrap();
            let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
            assert_eq!(found, [""; 0], "{what}");
        }
        let mut there: HashMap<&str, HashMap<String, String>> = HashMap::new();
        for (what, sql) in THERE {
            let found = sqlx::query(sql).fetch_all(db.pool()).await.unwrap();
            let found: HashMap<String, String> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
            there.insert(what, found);
        }
        db.pool().close().await;
        let mut asked: HashMap<&str, HashSet<String>> = HashMap::new();
        for story in self.stories.lock().unwrap().iter() {
            for (id, what) in story.ids.iter().zip(story.calls()) {
                let name = match *what {
                    "capture" | "void" => story.ids[0].clone(),
                    _ => story.reference(self.group),
                };
                let what = if *what == "forgotten" { "hold" } else { what };
                assert_eq!(there[what].get(&name), Some(id), "{what} {name} was answered with {id}");
                asked.entry(what).or_default().insert(name);
            }
        }
        for (what, there) in there.iter().filter(|_| is_over) {
            let asked = asked.get(what).map_or(0, HashSet::len);
            assert_eq!(there.len(), asked, "{what}: more than anybody asked for");
        }
    }

    /// The time of holds that nobody came back for is up: each is ended, and its money free.
    pub async fn holds_end(&self, database: &str) {
        let db = Db::open(database).await.unwrap();
        let open = "SELECT COUNT(*) FROM holds WHERE state = 'open'";
        let count = async || sqlx::query(open).fetch_one(db.pool()).await.unwrap().get::<i64, _>(0);
        let forgotten = self.stories.lock().unwrap().iter().filter(|story| story.n % 5 == 4).count();
        assert_eq!(usize::try_from(count().await), Ok(forgotten));
        let past = "UPDATE holds SET expires_at = created_at WHERE state = 'open'";
        sqlx::query(past).execute(db.pool()).await.unwrap();
        let began = Instant::now();
        while count().await > 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "holds stay open");
            sleep(Duration::from_millis(50)).await;
        }
        let held = "SELECT COUNT(*) FROM accounts WHERE held <> 0";
        assert_eq!(
            sqlx::query(held).fetch_one(db.pool()).await.unwrap().get::<i64, _>(0),
            0,
            "something is held for ever"
        );
        db.pool().close().await;
    }
}

/// What nothing must be found by.
const WHOLE: [(&str, &str); 5] = [
    (
        "accounts that are not the sums of their ledgers and open holds, or below zero",
        "SELECT user_id FROM accounts AS a WHERE balance < held OR balance <> opening + COALESCE((SELECT CAST(SUM(amount) AS BIGINT) \
         FROM ledger AS l WHERE l.user_id = a.user_id AND l.seq IS NOT NULL), 0) \
         OR held <> COALESCE((SELECT CAST(SUM(amount) AS BIGINT) FROM holds AS h WHERE h.user_id = a.user_id \
         AND h.state = 'open'), 0)",
    ),
    (
        "debits that are not in the ledger as they are",
        "SELECT d.id FROM debits AS d LEFT JOIN ledger AS l ON l.out_trade_no = d.id AND l.entry = 'debit' \
         WHERE l.amount IS NULL OR l.amount <> -d.amount OR l.user_id <> d.user_id OR l.balance_after <> d.balance_after \
         OR d.reversed <> COALESCE((SELECT CAST(SUM(r.amount) AS BIGINT) FROM reversals AS r WHERE r.debit_id = d.id), 0)",
    ),
    (
        "rows of the ledger that are no debit",
        "SELECT out_trade_no FROM ledger WHERE entry = 'debit' AND out_trade_no NOT IN (SELECT id FROM debits)",
    ),
    (
        "reversals that are not in the ledger as they are",
        "SELECT r.id FROM reversals AS r LEFT JOIN ledger AS l ON l.out_trade_no = r.debit_id AND l.entry = 'reversal ' || r.id \
         WHERE l.amount IS NULL OR l.amount <> r.amount",
    ),
    (
        "holds whose state and debit do not fit",
        "SELECT h.id FROM holds AS h LEFT JOIN debits AS d ON d.hold_id = h.id WHERE (h.state = 'captured') <> (d.id IS NOT NULL)",
    ),
];

/// By which name everything is found.
const THERE: [(&str, &str); 5] = [
    ("debit", "SELECT reference, id FROM debits WHERE reference IS NOT NULL"),
    ("reversal", "SELECT reference, id FROM reversals"),
    ("hold", "SELECT reference, id FROM holds"),
    ("capture", "SELECT hold_id, id FROM debits WHERE hold_id IS NOT NULL"),
    ("void", "SELECT id, id FROM holds WHERE state = 'voided'"),
];
