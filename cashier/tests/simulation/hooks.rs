//! The site's own receiver of webhooks. What a process sends it may be lost, come late or twice, or be refused; or it is taken, and the
//! sender does not hear so. The site keeps one row for each id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Request;
use cashier::pulse::Pulse;
use cashier::webhooks::Site;
use rand::RngExt;
use recharge::webhook::{Choice, DeliveryState, PER_S};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::oracle::Broken;
use crate::process::{self, Done};
use crate::world::World;

/// For so long a process looks for deliveries each time. One that is cut off in the middle of a request is as one that was killed there.
const DELIVERS: Duration = Duration::from_millis(500);

/// So often it is tried in the end until all has come, an hour after each other: the longest wait for another try is 12 hours.
const ROUNDS: usize = 30;

/// A request to the site, until the world decides what becomes of it.
#[derive(Debug)]
pub struct Hook {
    id: String,
    body: String,
    go: oneshot::Sender<u16>,
}

/// The requests of one process.
#[derive(Debug, Clone, Default)]
pub struct Hooks(Arc<Mutex<Vec<Hook>>>);

impl Hooks {
    /// What the process takes for the site.
    pub fn site(&self) -> Site {
        let hooks = self.clone();
        Site::new(move |request| {
            let hooks = hooks.clone();
            async move { hooks.hold(&request).await }
        })
    }

    async fn hold(&self, request: &Request<String>) -> Option<u16> {
        let id = request.headers()["webhook-id"].to_str().unwrap().to_owned();
        let (go, gone) = oneshot::channel();
        self.0.lock().unwrap().push(Hook { id, body: request.body().clone(), go });
        gone.await.ok()
    }

    fn take(&self) -> Vec<Hook> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub seq: i64,
    pub kind: String,
    pub subject: String,
    body: String,
}

/// What the site has.
#[derive(Debug, Default)]
pub struct Inbox {
    /// By id.
    pub came: BTreeMap<String, Came>,
    /// Of each subject the last number.
    last: BTreeMap<String, i64>,
    /// Events that came for the first time after a later one of their subject.
    overtaken: Vec<i64>,
    /// Those that the process gave up, which holds up no later one.
    given_up: BTreeSet<i64>,
    /// Requests that stand still on their way.
    standing: Vec<Hook>,
}

impl Inbox {
    fn take(&mut self, hook: &Hook) -> Result<(), Broken> {
        let event: Value = serde_json::from_str(&hook.body).map_err(|error| error.to_string())?;
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let seq = event["seq"].as_i64().unwrap_or_default();
        let came = Came { seq, kind: text("type"), subject: text("subject"), body: hook.body.clone() };
        hold!(text("id") == hook.id, "{came:?} came under the id {}", hook.id);
        if let Some(before) = self.came.get(&hook.id) {
            hold!(*before == came, "{came:?} came again as another one than {before:?}");
            return Ok(());
        }
        let last = self.last.entry(came.subject.clone()).or_default();
        if *last > seq {
            self.overtaken.push(seq);
        }
        *last = seq.max(*last);
        self.came.insert(hook.id.clone(), came);
        Ok(())
    }

    /// Whether those of each subject came in their order.
    pub fn in_order(&self) -> Result<(), Broken> {
        let overtaken = self.overtaken.iter().find(|seq| !self.given_up.contains(seq));
        hold!(overtaken.is_none(), "event {overtaken:?} came after a later one of its subject");
        Ok(())
    }
}

impl World {
    /// Has the site told of everything from now on. Nothing has happened yet.
    pub fn subscribe(&mut self, machine: usize) {
        let url = "https://shop.example.com/hooks".to_owned();
        let choice = Choice { url, types: BTreeSet::new(), description: String::new(), per_s: PER_S };
        let process = self.process(machine);
        let webhooks = process.webhooks.clone();
        let (endpoint, _) = process.run(webhooks.make(choice, &process::by())).unwrap();
        self.endpoint = Some(endpoint.id);
    }

    /// A process looks for deliveries for a while, and what stood still on its way to the site comes late.
    pub fn deliver_hooks(&mut self) -> Result<(), Broken> {
        if let Some(machine) = self.any_alive() {
            self.begin_delivering(machine);
        }
        if !self.inbox.standing.is_empty() && self.rng.random_bool(0.5) {
            let index = self.one_of(self.inbox.standing.len());
            let hook = self.inbox.standing.remove(index);
            self.comes(hook, "late", 204)?;
        }
        Ok(())
    }

    fn begin_delivering(&mut self, machine: usize) {
        let clock = self.machines[machine].clock.clone();
        let process = self.process(machine);
        let webhooks = process.webhooks.clone();
        process.begin("webhooks".to_owned(), async move {
            let pulse = Pulse::new("webhooks", DELIVERS);
            clock.timeout(DELIVERS, webhooks.run(&pulse)).await;
            Done::said("looked")
        });
    }

    /// What a process sends comes to the site, or does not. Returns whether anything was sent.
    pub fn hear_hooks(&mut self, machine: usize) -> Result<bool, Broken> {
        let hooks = self.process(machine).hooks.take();
        let is_any = !hooks.is_empty();
        for hook in hooks {
            if !self.fault() {
                self.comes(hook, "in time", 204)?;
                continue;
            }
            match self.one_of(6) {
                0 => {
                    self.note("a delivery is lost".to_owned());
                    drop(hook);
                }
                1 => {
                    self.note("a delivery is refused".to_owned());
                    let _ = hook.go.send(503);
                }
                2 => self.comes(hook, "and is answered as if it had not", 500)?,
                3 => {
                    self.note("a delivery stands still".to_owned());
                    self.inbox.standing.push(hook);
                }
                4 => {
                    self.inbox.take(&hook)?;
                    self.comes(hook, "twice", 204)?;
                }
                _ => {
                    self.inbox.take(&hook)?;
                    self.note("a delivery comes, and its answer is lost".to_owned());
                }
            }
        }
        Ok(is_any)
    }

    fn comes(&mut self, hook: Hook, how: &str, status: u16) -> Result<(), Broken> {
        self.inbox.take(&hook)?;
        let Came { seq, kind, subject, .. } = &self.inbox.came[&hook.id];
        self.note(format!("{kind} {seq} of {subject} comes {how}"));
        // Nobody waits any more where the process has died, or waited for too long.
        let _ = hook.go.send(status);
        Ok(())
    }

    /// After all faults everything that happened comes to the site.
    pub fn deliver_all(&mut self) -> Result<(), Broken> {
        let (id, by) = (self.endpoint.clone().expect("it was made"), process::by());
        let webhooks = self.process(0).webhooks.clone();
        for hook in std::mem::take(&mut self.inbox.standing) {
            self.comes(hook, "very late", 204)?;
        }
        let given_up = webhooks.deliveries(&id, Some(DeliveryState::GivenUp), None, 1000);
        let given_up = self.process(0).run(given_up).unwrap();
        // An operator goes on with it.
        self.process(0).run(webhooks.set_enabled(id.as_str(), None, true, &by)).unwrap();
        for delivery in given_up {
            self.inbox.given_up.insert(delivery.seq);
            self.process(0).run(webhooks.redeliver(id.as_str(), &delivery.event_id, &by)).unwrap();
        }
        for _ in 0..ROUNDS {
            let cashier = self.process(0).cashier.clone();
            self.process(0).run(cashier.number_events(false)).unwrap();
            self.begin_delivering(0);
            self.finish()?;
            let came = self.inbox.came.len();
            if self.rows().told.len() == came {
                break;
            }
            self.advance(3_600_000);
        }
        self.check()
    }
}
