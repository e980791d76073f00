//! Notices: WeChat sends them, the world delivers them to a machine at once, later, more than once, or never.

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use recharge::notify_url;
use sandbox::{Faults, NotifyFaults, V3Faults};
use serde_json::Value;
use tokio::sync::oneshot;
use wxpay::UnixMillis;
use wxpay::v2::Fields;
use wxpay::v3::seal;

use crate::oracle::Broken;
use crate::process;
use crate::receiving::{Answer, Posted};
use crate::wire::CERTIFICATES;
use crate::world::World;

/// A notice as it was on the network.
#[derive(Debug, Clone)]
pub struct Note {
    pub posted: Posted,
    pub number: String,
    pub transaction: String,
    /// Why it must not be believed, if there is a reason.
    pub flaw: Option<Flaw>,
    /// States the amount that was paid.
    pub right: bool,
    /// Tells of a refund: `transaction` is then its number.
    pub of_refund: bool,
}

/// Why a notice must not be believed, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Not signed by WeChat, or changed since.
    Forged,
    /// WeChat tests whether signatures are checked.
    Probe,
    /// Signed too long ago, or too far ahead, by the clock of the machine that it comes to.
    Stale,
    /// Sealed with another key, or not as it says.
    Unsealed,
    /// By the other protocol than its order, whose own decides.
    OtherProtocol,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::Forged => "forged",
            Flaw::Probe => "probing",
            Flaw::Stale => "stale",
            Flaw::Unsealed => "unreadable",
            Flaw::OtherProtocol => "by the other protocol",
        })
    }
}

/// A notice that WeChat waits for an answer to.
#[derive(Debug)]
pub struct Letter {
    posted: Posted,
    pub reply: oneshot::Sender<Answer>,
}

pub type Mailbox = Arc<Mutex<Vec<Letter>>>;

/// How far a notice's time may be from the machine's, in seconds.
const FRESH_S: i64 = 300;

impl Note {
    fn is_v3(&self) -> bool {
        [notify_url::PAYMENT_V3, notify_url::REFUND_V3].contains(&self.posted.path.as_str())
    }

    /// The flaw that it has when it comes to a machine whose clock shows `now`.
    fn flaw_at(&self, now: UnixMillis) -> Option<Flaw> {
        let signed_at = self.posted.headers.get("wechatpay-timestamp");
        let signed_at: Option<i64> = signed_at.and_then(|text| text.to_str().ok()?.parse().ok());
        let off_s = signed_at.map(|signed_at| signed_at - now.get().div_euclid(1000));
        let is_stale = self.is_v3() && off_s.is_some_and(|off_s| off_s.abs() > FRESH_S);
        self.flaw.or(is_stale.then_some(Flaw::Stale))
    }
}

/// What is wrong about every notice of API v3 that is sent with these switches.
fn flaw_by(v3: &V3Faults) -> Option<Flaw> {
    if v3.probe_notices > 0.0 {
        Some(Flaw::Probe)
    } else if v3.notice_serial.is_some() || !v3.drop_headers.is_empty() {
        Some(Flaw::Forged)
    } else {
        v3.tag.map(|_| Flaw::Unsealed)
    }
}

/// The switches as the log tells them.
pub fn told(v3: &V3Faults) -> String {
    if *v3 == V3Faults::default() { String::new() } else { format!(" {v3:?}") }
}

impl World {
    /// WeChat sends what is due; each letter is given to `take`, which answers it or not.
    pub fn send_notices(
        &mut self,
        notify: NotifyFaults,
        v3: V3Faults,
        mut take: impl FnMut(&mut World, Letter, Note),
    ) {
        let refund = self.refund_faults.clone();
        let faults = Faults { notify, v3, refund: refund.clone(), ..Faults::default() };
        self.sandbox.set_faults(faults.clone());
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
                let note = self.read(&letter.posted, &faults);
                self.pile.push(note.clone());
                take(self, letter, note);
            }
        }
        assert!(step.is_finished(), "every letter was answered");
        self.sandbox.set_faults(Faults { refund, ..Faults::default() });
    }

    fn read(&self, posted: &Posted, faults: &Faults) -> Note {
        let of_refund = [notify_url::REFUND_V2, notify_url::REFUND_V3].contains(&posted.path.as_str());
        let mut note = Note {
            posted: posted.clone(),
            number: if of_refund { "a refund" } else { "an order" }.to_owned(),
            transaction: String::new(),
            flaw: faults.notify.forge_sign.then_some(Flaw::Forged),
            right: faults.notify.total_fee.is_none(),
            of_refund,
        };
        if note.is_v3() {
            note.flaw = note.flaw.or(flaw_by(&faults.v3));
        }
        if of_refund {
            return note;
        }
        let paid = if note.is_v3() { self.payment_of_v3(&posted.body) } else { payment_of_v2(&posted.body) };
        let Some((number, transaction, total)) = paid else { return note };
        // The amount that a fault puts in may be the order's own.
        let order = self.sandbox.order(&number);
        note.right = note.right || order.is_some_and(|order| order.total_fee.get() == total);
        (note.number, note.transaction) = (number, transaction);
        note
    }

    /// What is sealed in it, if it can be opened: number, transaction and amount.
    fn payment_of_v3(&self, body: &str) -> Option<(String, String, i64)> {
        let envelope: Value = serde_json::from_str(body).unwrap();
        let resource = |name: &str| envelope["resource"][name].as_str().unwrap_or_default();
        let keys = self.common.identity.v3.as_ref()?.seals();
        let (nonce, aad) = (resource("nonce"), resource("associated_data"));
        let told = seal::open(keys, nonce, aad, resource("ciphertext")).ok()?;
        let told: Value = serde_json::from_slice(&told).unwrap();
        let [number, transaction] =
            ["out_trade_no", "transaction_id"].map(|name| told[name].as_str().unwrap_or_default().to_owned());
        Some((number, transaction, told["amount"]["total"].as_i64()?))
    }

    /// Brings a notice to a machine, which answers it at once.
    pub fn deliver(&mut self, machine: usize, note: &Note) -> Result<Answer, Broken> {
        let note = self.reaches(machine, note);
        let process = self.process(machine);
        // What it has to ask WeChat because of it goes through at once.
        let was_open = process.network.is_open();
        let asks = note.of_refund || note.is_v3();
        if asks && !was_open {
            // The list of certificates is read by one at a time, and this one stands still.
            if process.network.held().iter().any(|held| held.call.path == CERTIFICATES) {
                self.note(format!("machine {machine} is too slow for the notice of {}", note.number));
                return Ok((StatusCode::GATEWAY_TIMEOUT, String::new()));
            }
            process.network.open();
        }
        let receiver = process.receiver();
        let answer = process.run(receiver.take(&note.posted));
        if asks {
            self.hear(machine);
            if !was_open {
                self.process(machine).network.close();
            }
        }
        self.answered(machine, &note, &answer)?;
        Ok(answer)
    }

    /// Brings a notice to a machine that may be slow to take it in. WeChat does not wait for that.
    pub fn deliver_slowly(&mut self, machine: usize, note: &Note) {
        let note = self.reaches(machine, note);
        self.note(format!("machine {machine} gets the notice {} of {}", note.transaction, note.number));
        let process = self.process(machine);
        let taken = process::slow_notice(process.receiver(), note);
        process.begin("notice".to_owned(), taken);
    }

    /// The notice as it is for this machine.
    fn reaches(&mut self, machine: usize, note: &Note) -> Note {
        let flaw = note.flaw_at(self.machines[machine].clock.now());
        if flaw.is_none() && note.right && !note.of_refund {
            self.oracle.proven(&note.number, &note.transaction);
        }
        Note { flaw, ..note.clone() }
    }

    /// A machine has answered a notice.
    pub fn answered(&mut self, machine: usize, note: &Note, answer: &Answer) -> Result<(), Broken> {
        let (status, text) = answer;
        let success = if note.is_v3() { status.is_success() } else { text.contains("SUCCESS") };
        let success = success && [StatusCode::OK, StatusCode::NO_CONTENT].contains(status);
        let word = if success { "SUCCESS" } else { "FAIL" };
        let kind = match note.flaw {
            Some(flaw) => format!("{flaw}: "),
            None if note.right => String::new(),
            None => "wrong: ".to_owned(),
        };
        self.note(format!("machine {machine}: {kind}notice {} of {}: {word}", note.transaction, note.number));
        // Notices of refunds are not signed in v2: they only make WeChat be asked.
        let flaw = note.flaw.filter(|_| note.is_v3() || !note.of_refund);
        if let (true, Some(flaw)) = (success, flaw) {
            return Err(format!("a notice for {} was answered with SUCCESS, and it is {flaw}", note.number));
        }
        if success && !note.of_refund {
            self.oracle.acknowledged(&note.number, &note.transaction);
        }
        Ok(())
    }
}

impl World {
    /// Somebody without the key changes the notice.
    pub fn forge(&mut self, note: &mut Note) {
        let before = note.posted.clone();
        let is_v3 = note.is_v3();
        let change = self.one_of(if is_v3 { 4 } else { 5 });
        let Posted { headers, body, .. } = &mut note.posted;
        if is_v3 {
            let now = (self.wechat.now().get() / 1000).to_string();
            match change {
                // It is played again, and stamped anew. One whose stamp was lost on the way would get its own back in the same second,
                // and be genuine.
                0 => {
                    if let Some(stamp) = headers.get_mut("wechatpay-timestamp") {
                        *stamp = now.parse().unwrap();
                    }
                }
                1 => _ = headers.insert("wechatpay-nonce", HeaderValue::from_static("0123456789abcdef")),
                2 => _ = headers.insert("wechatpay-signature", HeaderValue::from_static("c2lnbmVk")),
                _ => *body = body.replacen("\"ciphertext\":\"", "\"ciphertext\":\"A", 1),
            }
        } else {
            let (from, to) = [
                ("<total_fee>", "<total_fee>1"),
                ("<result_code>", "<result_code> "),
                ("<out_trade_no>", "<out_trade_no>X"),
                ("<sign>", "<sign>0"),
                ("<transaction_id>", "<transaction_id>9"),
            ][change];
            *body = body.replacen(from, to, 1).replacen("<![CDATA[", "<![CDATA[1", 1);
        }
        // The stamp of this second may be its own.
        if note.posted != before {
            note.flaw = Some(Flaw::Forged);
        }
    }
}

/// Number, transaction and amount.
fn payment_of_v2(body: &str) -> Option<(String, String, i64)> {
    let fields = Fields::read(body.as_bytes(), usize::MAX).unwrap();
    let get = |name| fields.get(name).unwrap_or_default().to_owned();
    Some((get("out_trade_no"), get("transaction_id"), get("total_fee").parse().ok()?))
}

pub async fn receive(
    State(mailbox): State<Mailbox>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let (reply, answer) = oneshot::channel();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let posted = Posted { path: uri.path().to_owned(), headers, body };
    mailbox.lock().unwrap().push(Letter { posted, reply });
    answer.await.unwrap_or((StatusCode::BAD_GATEWAY, String::new()))
}
