//! Notices: WeChat sends them, the world delivers them to a machine at once, later, more than once, or never.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use sandbox::{Faults, NotifyFaults};
use tokio::sync::oneshot;
use wxpay::v2::Fields;

use crate::oracle::Broken;
use crate::process::{self, take_notice, take_refund_notice};
use crate::world::World;

/// A notice as it was on the network.
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

pub type Mailbox = Arc<Mutex<Vec<Letter>>>;

impl World {
    /// WeChat sends what is due; each letter is given to `take`, which answers it or not.
    pub fn send_notices(&mut self, faults: NotifyFaults, mut take: impl FnMut(&mut World, Letter, Note)) {
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
                // The amount that a fault puts in may be the order's own.
                let paid = self.sandbox.order(&number).map(|order| order.total_fee.get().to_string());
                let right = right || paid.is_some_and(|paid| paid == get("total_fee"));
                let body = letter.body.clone();
                let note = Note { body, number, transaction, genuine, right, of_refund };
                self.pile.push(note.clone());
                take(self, letter, note);
            }
        }
        assert!(step.is_finished(), "every letter was answered");
        self.sandbox.set_faults(Faults { refund, ..Faults::default() });
    }

    /// Brings a notice to a machine, which answers it at once.
    pub fn deliver(&mut self, machine: usize, note: &Note) -> Result<(u16, String), Broken> {
        if note.of_refund {
            return Ok(self.deliver_refund(machine, note));
        }
        self.reaches(note);
        let merchant = self.common.merchant.clone();
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        let (status, answer) = process.run(take_notice(&cashier, &merchant, &note.body));
        self.answered(machine, note, status, &answer)?;
        Ok((status, answer))
    }

    /// Brings a notice to a machine that may be slow to take it in. WeChat does not wait for that.
    pub fn deliver_slowly(&mut self, machine: usize, note: Note) {
        self.reaches(&note);
        self.note(format!("machine {machine} gets the notice {} of {}", note.transaction, note.number));
        let merchant = self.common.merchant.clone();
        let process = self.process(machine);
        let taken = process::slow_notice(process.cashier.clone(), merchant, note);
        process.begin("notice".to_owned(), taken);
    }

    fn reaches(&mut self, note: &Note) {
        if note.genuine && note.right {
            self.oracle.proven(&note.number, &note.transaction);
        }
    }

    /// Brings a notice about a refund; what the machine asks WeChat because of it goes through at once.
    fn deliver_refund(&mut self, machine: usize, note: &Note) -> (u16, String) {
        let merchant = self.common.merchant.clone();
        let process = self.process(machine);
        let was_open = process.network.is_open();
        if !was_open {
            process.network.open();
        }
        let cashier = process.cashier.clone();
        let answer = process.run(take_refund_notice(&cashier, &merchant, &note.body));
        self.hear(machine);
        if !was_open {
            self.process(machine).network.close();
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
}

pub async fn receive(State(mailbox): State<Mailbox>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let (reply, answer) = oneshot::channel();
    let body = String::from_utf8(body.to_vec()).unwrap();
    mailbox.lock().unwrap().push(Letter { path: uri.path().to_owned(), body, reply });
    match answer.await {
        Ok((status, answer)) => (StatusCode::from_u16(status).unwrap(), answer),
        Err(_) => (StatusCode::BAD_GATEWAY, String::new()),
    }
}
