//! What the site does with what was bought: it debits, holds, captures, voids and reverses by key, and an operator grants.
//!
//! Each call has a reference, which the site never uses for anything else. It does not hear every answer, so it calls again with the
//! same reference, at any process and at any time; now and then it makes the mistake of asking for something else by one.

use cashier::{Cashier, SpendError};
use rand::RngExt;
use recharge::User;
use recharge::audit::{Acting, Actor};
use recharge::spend::{
    Amount, CaptureRefusal, DebitId, DebitRefusal, DebitRequest, GrantRefusal, GrantRequest, HoldId,
    HoldLife, HoldRefusal, HoldRequest, Metadata, OnShortfall, Reason, Reference, ReversalRefusal,
    ReversalRequest, VoidRefusal,
};

use crate::oracle::Broken;
use crate::process::{self, Done, News};
use crate::rows::Rows;
use crate::world::World;

const REASON: &str = "翻译 312 字";

/// What the site asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Debit {
        user: String,
        fen: i64,
        take_rest: bool,
    },
    Hold {
        user: String,
        fen: i64,
        life_s: i64,
    },
    /// `fen`: all that is left, if nothing is said.
    Reversal {
        debit: String,
        fen: Option<i64>,
    },
    Grant {
        user: String,
        fen: i64,
        even_if_low: bool,
    },
    Capture {
        hold: String,
        fen: i64,
        take_rest: bool,
    },
    Void {
        hold: String,
    },
}

/// What the site was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Its number, and how much it moved.
    Done { id: String, fen: i64 },
    /// Nothing was written.
    Refused,
    /// The reference has another content: that of the thing with this number.
    Reused { id: String },
    /// It does not know.
    Nothing,
}

/// A call, by its reference. A hold is ended once, so its number is the reference of that.
#[derive(Debug, Clone)]
pub struct SpendCall {
    pub reference: String,
    pub wanted: Wanted,
}

impl World {
    /// Some calls of the site, or of an operator, one after the other without waiting for the answers.
    pub fn spend(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            let Some(machine) = self.any_alive() else { return };
            let rows = self.rows();
            let again = self.oracle.spend_calls();
            let call = match again.is_empty() || self.rng.random_ratio(2, 3) {
                true => self.new_call(&rows),
                false => {
                    let call = again[self.one_of(again.len())].clone();
                    if self.rng.random_ratio(1, 6) { mistaken(call) } else { call }
                }
            };
            if let Wanted::Grant { user, fen: ..0, even_if_low: true } = &call.wanted {
                self.oracle.may_owe(user);
            }
            // A caller that hears nothing asks another process at once.
            let everywhere = self.rng.random_ratio(1, 3);
            let machines = if everywhere { self.alive() } else { vec![machine] };
            for machine in machines {
                self.oracle.asked_to_spend(&call);
                let name = format!("{}: {:?}", call.reference, call.wanted);
                let process = self.process(machine);
                let made = make(process.cashier.clone(), call.clone());
                process.begin(name, made);
            }
        }
    }

    /// Something new, of one of those who have an account, if anybody has.
    fn new_call(&mut self, rows: &Rows) -> SpendCall {
        let by_id = |id: &String, wanted| SpendCall { reference: id.clone(), wanted };
        let kind = self.one_of(10);
        let (holds, debits) = (&rows.spending.holds, &rows.spending.debits);
        if (5..8).contains(&kind) && !holds.is_empty() {
            // The newest are open most often.
            let index = self.rng.random_range(0..holds.len()).max(self.rng.random_range(0..holds.len()));
            let (id, hold) = holds.iter().nth(index).expect("it is there");
            if self.rng.random_ratio(1, 3) {
                return by_id(id, Wanted::Void { hold: id.clone() });
            }
            let fen = [1, hold.amount / 2 + 1, hold.amount, hold.amount + 7][self.one_of(4)];
            let take_rest = self.rng.random_bool(0.3);
            return by_id(id, Wanted::Capture { hold: id.clone(), fen, take_rest });
        }
        self.references += 1;
        let reference = format!("ref-{}", self.references);
        let call = |wanted| SpendCall { reference, wanted };
        if kind == 8 && !debits.is_empty() {
            let (id, debit) = debits.iter().nth(self.one_of(debits.len())).expect("it is there");
            let fen = [None, Some(1), Some(debit.amount), Some(debit.amount / 2 + 1)][self.one_of(4)];
            return call(Wanted::Reversal { debit: id.clone(), fen });
        }
        if rows.accounts.is_empty() {
            let user = format!("u_{}", self.one_of(3));
            return call(Wanted::Grant { user, fen: 500, even_if_low: false });
        }
        let (user, account) =
            rows.accounts.iter().nth(self.one_of(rows.accounts.len())).expect("it is there");
        let user = user.clone();
        let there = (account.balance - account.held).max(1);
        let fen = [1, there / 3 + 1, there, there + 1][self.one_of(4)];
        call(match kind {
            0..3 => Wanted::Debit { user, fen, take_rest: self.rng.random_bool(0.3) },
            3..8 => Wanted::Hold { user, fen, life_s: [60, 900, 86_400][self.one_of(3)] },
            _ => {
                let fen = [500, 1, -fen][self.one_of(3)];
                Wanted::Grant { user, fen, even_if_low: self.rng.random_bool(0.3) }
            }
        })
    }

    /// Time is up for holds.
    pub fn expire_holds(&mut self) {
        let Some(machine) = self.any_alive() else { return };
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        process.begin("expire holds".to_owned(), async move {
            let ended = cashier.expire_holds().await;
            Done::said(ended.map_or_else(|error| error.to_string(), |ended| format!("{ended} ended")))
        });
    }

    /// A machine gives numbers to what the site is told.
    pub fn number_events(&mut self) {
        let Some(machine) = self.any_alive() else { return };
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        process.begin("number events".to_owned(), async move {
            let numbered = cashier.number_events(true).await;
            Done::said(
                numbered.map_or_else(|error| error.to_string(), |numbered| format!("{numbered} numbered")),
            )
        });
    }

    /// After all faults the site repeats everything, and it is told what there is.
    pub fn repeat_all(&mut self) -> Result<(), Broken> {
        for call in self.oracle.spend_calls() {
            if let Wanted::Hold { .. } = &call.wanted {
                // A new one would be open when all has ended.
                continue;
            }
            let process = self.process(0);
            let cashier = process.cashier.clone();
            let made = process.run(make(cashier, call.clone()));
            self.note(format!("machine 0: again {}: {}", call.reference, made.text));
            if let News::Spent(call, told) = made.news {
                self.oracle.repeated(&call, &told)?;
                self.oracle.told_of_spending(&call, told);
            }
            self.check()?;
        }
        Ok(())
    }

    /// The site hears an answer.
    pub fn hear_spent(&mut self, news: News) {
        if let News::Spent(call, told) = news {
            self.oracle.told_of_spending(&call, told);
        }
    }
}

/// The same reference for something else.
fn mistaken(mut call: SpendCall) -> SpendCall {
    match &mut call.wanted {
        Wanted::Debit { fen, .. } | Wanted::Hold { fen, .. } | Wanted::Capture { fen, .. } => *fen += 3,
        Wanted::Grant { fen, .. } => *fen += if *fen == -3 { 2 } else { 3 },
        Wanted::Reversal { fen, .. } => *fen = Some(fen.unwrap_or(0) + 3),
        Wanted::Void { hold } => {
            call.wanted = Wanted::Capture { hold: std::mem::take(hold), fen: 1, take_rest: false };
        }
    }
    call
}

/// Makes the call at a process.
async fn make(cashier: Cashier, call: SpendCall) -> Done {
    let (told, text) = match answer(&cashier, &call).await {
        Ok((id, fen)) => (Told::Done { id: id.clone(), fen }, format!("{id} of {fen}")),
        Err((told, text)) => (told, text),
    };
    Done { text, news: News::Spent(call, told) }
}

type Answer = Result<(String, i64), (Told, String)>;

async fn answer(cashier: &Cashier, call: &SpendCall) -> Answer {
    let key = Actor::Key("site".to_owned());
    let reference = || Reference::parse(call.reference.clone()).unwrap();
    let reason = Reason::parse(REASON).unwrap();
    let metadata = Metadata::default();
    let rest = |take_rest| if take_rest { OnShortfall::TakeRest } else { OnShortfall::Refuse };
    match call.wanted.clone() {
        Wanted::Debit { user, fen, take_rest } => {
            let (amount, on_shortfall) = (Amount::new(fen).unwrap(), rest(take_rest));
            let request = DebitRequest {
                user_id: user,
                amount,
                reference: reference(),
                reason,
                metadata,
                on_shortfall,
            };
            let made = cashier.debit(request, key).await.map_err(|error| {
                told(error, |refusal| match refusal {
                    DebitRefusal::ReferenceReused { by } => Some(by.to_string()),
                    DebitRefusal::Insufficient { .. } => None,
                })
            })?;
            Ok((made.debit.id.to_string(), made.debit.amount.get()))
        }
        Wanted::Hold { user, fen, life_s } => {
            let (amount, life) = (Amount::new(fen).unwrap(), HoldLife::seconds(life_s).unwrap());
            let request =
                HoldRequest { user_id: user, amount, reference: reference(), reason, metadata, life };
            let made = cashier.hold(request, key).await.map_err(|error| {
                told(error, |refusal| match refusal {
                    HoldRefusal::ReferenceReused { by } => Some(by.to_string()),
                    HoldRefusal::Insufficient { .. } => None,
                })
            })?;
            Ok((made.hold.id.to_string(), made.hold.amount.get()))
        }
        Wanted::Reversal { debit, fen } => {
            let (debit_id, amount) =
                (DebitId::parse(debit).unwrap(), fen.map(|fen| Amount::new(fen).unwrap()));
            let request = ReversalRequest { debit_id, amount, reference: reference(), reason };
            let made = cashier
                .reverse_debit(request, Acting { actor: key, address: String::new() })
                .await
                .map_err(|error| {
                    told(error, |refusal| match refusal {
                        ReversalRefusal::ReferenceReused { by } => Some(by.to_string()),
                        ReversalRefusal::NoDebit | ReversalRefusal::OverRest { .. } => None,
                    })
                })?;
            Ok((made.reversal.id.to_string(), made.reversal.amount.get()))
        }
        Wanted::Grant { user, fen, even_if_low } => {
            let user = User::new(user, "小林").unwrap();
            let mut request = GrantRequest::new(user, fen, reference(), reason).unwrap();
            request.even_if_balance_low = even_if_low;
            let made = cashier.grant(request, process::by()).await.map_err(|error| {
                told(error, |refusal| match refusal {
                    GrantRefusal::ReferenceReused { by } => Some(by.to_string()),
                    GrantRefusal::BalanceLow { .. } | GrantRefusal::Stale => None,
                })
            })?;
            Ok((made.grant.id.to_string(), made.grant.amount.get()))
        }
        Wanted::Capture { hold, fen, take_rest } => {
            let (hold, amount) = (HoldId::parse(hold).unwrap(), Amount::new(fen).unwrap());
            let made = cashier.capture_hold(hold, amount, rest(take_rest), key).await;
            let made = made.map_err(|error| told(error, |_: CaptureRefusal| None))?;
            Ok((made.debit.id.to_string(), made.debit.amount.get()))
        }
        Wanted::Void { hold } => {
            let made = cashier.void_hold(HoldId::parse(hold).unwrap()).await;
            let made = made.map_err(|error| told(error, |_: VoidRefusal| None))?;
            Ok((made.hold.id.to_string(), made.hold.amount.get()))
        }
    }
}

fn told<R: std::error::Error>(
    error: SpendError<R>,
    reused: impl FnOnce(R) -> Option<String>,
) -> (Told, String) {
    let text = error.to_string();
    let told = match error {
        SpendError::Refused(refusal) => reused(refusal).map_or(Told::Refused, |id| Told::Reused { id }),
        SpendError::Write(_) => Told::Nothing,
    };
    (told, text)
}
