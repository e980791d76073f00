//! The state machine of the payment dialog. Pure: `now` (milliseconds of a steady clock) and the server's answers come in
//! as values, and what the page has to do goes out as a [`Command`].

use super::phase::Phase;
use crate::bridge::Answer;
use crate::poll::{Poll, Step};
use crate::protocol::error::{AppError, ErrorCode};
use crate::protocol::offer::{Device, Offer};
use crate::protocol::way::Way;
use crate::protocol::{OpenOrder, StatusView, ViewState};

/// Milliseconds after which placing an order is shown as slow.
const SLOW_AFTER_MS: i64 = 3_000;

/// Seconds after which the dialog closes by itself once paid.
pub const CLOSES_AFTER_S: i64 = 3;

/// Seconds for which "check again" polls.
const CHECK_FOR_S: i64 = 15;

/// Seconds for which the dialog polls an order past its expiry, while the server queries WeChat and closes it.
const END_FOR_S: i64 = 200;

/// What the page has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Nothing,
    /// Place the order of the chosen amount.
    Create,
    /// Ask for the order's status; the server may hold the call for these seconds.
    AskStatus(u32),
    CheckAgain,
    NewCode,
    /// Take the dialog's order back.
    Cancel,
    /// Take one of the open orders back, to make room.
    MakeRoom,
    /// Call WeChat's browser with the order's parameters.
    OpenSheet,
    /// Go to the order's page at WeChat.
    Leave,
    CloseDialog,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    device: Device,
    /// The ways to pay that can be chosen, the advised one first.
    ways: Vec<Way>,
    /// How the dialog's order is paid.
    pub way: Way,
    /// The page of the site that the payer goes back to.
    pub back: Option<String>,
    phase: Phase,
    /// The dialog is open.
    pub shown: bool,
    pub order: Option<StatusView>,
    /// Units and fen of the dialog's order; known before the order exists.
    pub quantity: u32,
    pub total_fee: i64,
    pub bonus: i64,
    /// The balance on the page, in fen, where it shows one.
    pub balance: Option<i64>,
    /// Rises with every press and when the dialog closes: the answer to a call of an older run is discarded.
    pub run: u32,
    pub open: Vec<OpenOrder>,
    /// The one of them that is being taken back.
    pub freed: Option<String>,
    /// The number of an order that was written but has no code, as WeChat gave no clear answer.
    pub kept_order: Option<String>,
    pub retry_after_s: u32,
    /// Fen that may still be ordered today, where that was too little.
    pub left_today: i64,
    /// Seconds shown in the ring, and what the full ring stands for.
    pub left_s: i64,
    pub whole_s: i64,
    /// The link was copied.
    pub copied: bool,
    /// The payer is at a dialog that says paid: it does not close by itself.
    pub stays: bool,
    /// Whether the browser says that it has a network; it may say so of one that leads nowhere.
    pub has_network: bool,
    /// "Check again" has ended without a payment, at this time of the server's clock.
    pub checked_at: Option<String>,
    poll: Option<Poll>,
    polling: bool,
    since: i64,
    /// When the order expires; `None` once that has been shown.
    expires_at: Option<i64>,
}

impl Model {
    pub fn new(offer: &Offer) -> Model {
        Model {
            device: offer.device,
            way: offer.ways.first().copied().unwrap_or(Way::Native),
            ways: offer.ways.clone(),
            back: offer.back.clone(),
            phase: Phase::Ordering,
            shown: false,
            order: None,
            quantity: 0,
            total_fee: 0,
            bonus: 0,
            balance: offer.balance,
            run: 0,
            open: Vec::new(),
            freed: None,
            kept_order: None,
            retry_after_s: 0,
            left_today: 0,
            left_s: 0,
            whole_s: 0,
            copied: false,
            stays: false,
            has_network: true,
            checked_at: None,
            poll: None,
            polling: false,
            since: 0,
            expires_at: None,
        }
    }

    /// The phase to show: offline in place of a waiting one while calls fail. The code stays on the screen.
    pub fn phase(&self) -> Phase {
        if self.phase.is_waiting() && self.poll.as_ref().is_some_and(Poll::is_offline) {
            Phase::Offline
        } else {
            self.phase
        }
    }

    /// Whether "check again" is under way.
    pub fn is_checking(&self) -> bool {
        self.phase == Phase::Unconfirmed && self.polling
    }

    fn enter(&mut self, phase: Phase, now: i64) {
        self.phase = phase;
        self.since = now;
        self.copied = false;
        self.stays = false;
    }

    /// The pointer moved over the dialog, or a key was pressed in it.
    pub fn touched(&mut self) {
        self.stays |= self.phase == Phase::Paid;
    }

    /// The pay button.
    pub fn pressed(&mut self, now: i64, quantity: u32, total_fee: i64, bonus: i64) -> Command {
        (self.quantity, self.total_fee, self.bonus) = (quantity, total_fee, bonus);
        self.way = self.ways.first().copied().unwrap_or(Way::Native);
        self.shown = true;
        self.again(now)
    }

    /// Places the same amount again: after a closed order, or after a failed call.
    pub fn again(&mut self, now: i64) -> Command {
        self.run += 1;
        (self.order, self.poll, self.polling, self.checked_at) = (None, None, false, None);
        self.enter(Phase::Ordering, now);
        Command::Create
    }

    /// The ways that the payer can change to.
    pub fn other_ways(&self) -> impl Iterator<Item = Way> + '_ {
        self.ways.iter().copied().filter(|way| *way != self.way)
    }

    /// "Pay another way": another order, because an order is bound to its way. The former one can still be paid.
    pub fn wants_way(&mut self, now: i64, way: Way) -> Command {
        self.way = way;
        self.again(now)
    }

    /// What WeChat's browser answered to the call that opens the payment window. It proves nothing, so the order does not
    /// move; the server is asked.
    pub fn bridged(&mut self, now: i64, answer: Answer) -> Command {
        if self.phase != Phase::Sheet {
            return Command::Nothing;
        }
        match answer {
            Answer::Ok => {
                self.enter(Phase::Confirming, now);
                self.check(now)
            }
            Answer::Cancel => {
                self.enter(Phase::SheetClosed, now);
                Command::Nothing
            }
            Answer::Fail => {
                self.enter(Phase::SheetFailed, now);
                Command::Nothing
            }
        }
    }

    /// "Not paid, new code": the order stays, its code is replaced.
    pub fn wants_new_code(&mut self, now: i64) -> Command {
        if self.phase != Phase::Unconfirmed {
            return self.again(now);
        }
        self.run += 1;
        self.polling = false;
        self.enter(Phase::Ordering, now);
        Command::NewCode
    }

    /// "I have paid, check again".
    pub fn check(&mut self, now: i64) -> Command {
        let Some(poll) = &mut self.poll else { return Command::Nothing };
        poll.extend(now, CHECK_FOR_S);
        poll.began(now);
        self.polling = true;
        self.checked_at = None;
        Command::CheckAgain
    }

    /// "Try now".
    pub fn retry(&mut self, now: i64) -> Command {
        if self.phase == Phase::Offline { self.again(now) } else { self.woke(now) }
    }

    /// The dialog closed.
    pub fn closed(&mut self) {
        self.run += 1;
        self.polling = false;
        self.shown = false;
    }

    /// Advances to `now`.
    pub fn tick(&mut self, now: i64) -> Command {
        match self.phase {
            Phase::Ordering if now - self.since >= SLOW_AFTER_MS => self.phase = Phase::Slow,
            Phase::Paid if self.stays => return Command::Nothing,
            Phase::Paid => {
                self.left_s = (CLOSES_AFTER_S - (now - self.since) / 1000).max(0);
                return if self.left_s == 0 { Command::CloseDialog } else { Command::Nothing };
            }
            _ => {}
        }
        let is_shown = self.phase.is_waiting() || self.phase == Phase::Unconfirmed;
        if is_shown && self.expires_at.is_some_and(|at| now >= at) {
            self.expired(now);
        }
        let Some(poll) = self.poll.as_mut().filter(|_| self.polling) else { return Command::Nothing };
        // The clock may have been set back by a moment: never more than the ring has.
        self.left_s = poll.seconds_left(now).min(self.whole_s);
        match poll.step(now) {
            Step::Ask(wait_s) => Command::AskStatus(wait_s),
            Step::Wait => Command::Nothing,
            Step::Stop => {
                self.polling = false;
                match self.phase {
                    Phase::Unconfirmed => {
                        self.checked_at = self.order.as_ref().map(|order| order.now.clone())
                    }
                    // It was closed, and no late payment has come.
                    Phase::Closed | Phase::Cancelled => {}
                    _ => self.enter(Phase::Unconfirmed, now),
                }
                Command::Nothing
            }
        }
    }

    /// The order has expired: polls on until the server knows whether it was paid.
    fn expired(&mut self, now: i64) {
        self.expires_at = None;
        if let Some(poll) = &mut self.poll {
            poll.extend(now, END_FOR_S);
            self.polling = true;
        }
        self.enter(Phase::Expired, now);
    }

    /// The answer to placing an order or to asking for a new code.
    pub fn placed(&mut self, now: i64, answer: Result<StatusView, AppError>) -> Command {
        let view = match answer {
            Ok(view) => view,
            Err(error) => {
                self.refused(now, error);
                return Command::Nothing;
            }
        };
        self.poll = Some(Poll::start(now, view.poll_for_s));
        self.polling = true;
        (self.whole_s, self.left_s) = (view.poll_for_s, view.poll_for_s);
        self.expires_at = Some(now + view.expires_in_s * 1000);
        let (is_sheet, is_page) = (view.jsapi.is_some(), view.pay_page.is_some());
        self.way = view.way;
        self.take(now, view);
        match self.phase {
            Phase::Ordering | Phase::Slow if is_sheet => {
                self.enter(Phase::Sheet, now);
                Command::OpenSheet
            }
            Phase::Ordering | Phase::Slow if is_page => {
                self.enter(Phase::Leaving, now);
                Command::Leave
            }
            _ => Command::Nothing,
        }
    }

    fn refused(&mut self, now: i64, error: AppError) {
        self.retry_after_s = error.retry_after_s.unwrap_or(5);
        self.left_today = error.left.unwrap_or(0);
        self.open = error.open;
        self.kept_order = error.out_trade_no;
        let phase = match error.code {
            ErrorCode::Session | ErrorCode::NotFound => Phase::Session,
            ErrorCode::TooManyOpen => Phase::TooMany,
            ErrorCode::TooOften => Phase::Limit,
            ErrorCode::Busy => Phase::Busy,
            ErrorCode::OverDay => Phase::OverDay,
            ErrorCode::Quantity => Phase::Changed,
            ErrorCode::Internal => Phase::Failed,
            ErrorCode::Offline => Phase::Offline,
            ErrorCode::Refused | ErrorCode::BadRequest => Phase::Refused,
        };
        self.enter(phase, now);
    }

    /// The answer to a poll.
    pub fn polled(&mut self, now: i64, answer: Result<StatusView, AppError>) {
        let Some(poll) = &mut self.poll else { return };
        match answer {
            Ok(view) => {
                poll.answered(now, view.next_ms);
                self.take(now, view);
            }
            Err(error) if matches!(error.code, ErrorCode::Session | ErrorCode::NotFound) => {
                self.polling = false;
                self.enter(Phase::Session, now);
            }
            Err(error) => poll.lost(now, error.retry_after_s),
        }
    }

    fn take(&mut self, now: i64, view: StatusView) {
        let end = match view.state {
            ViewState::Created => None,
            ViewState::Pending => {
                if view.code_url.is_some() && !matches!(self.phase, Phase::Unconfirmed | Phase::Expired) {
                    self.show_code();
                }
                None
            }
            ViewState::Paid => Some(Phase::Paid),
            ViewState::Late => Some(Phase::Late),
            ViewState::LateRefunded => Some(Phase::LateRefunded),
            ViewState::Closed if view.cancelled => Some(Phase::Cancelled),
            ViewState::Closed => Some(Phase::Closed),
        };
        if let Some(phase) = end.filter(|phase| *phase != self.phase) {
            // A closed order is watched for a payment that comes late.
            let may_change = matches!(phase, Phase::Closed | Phase::Cancelled);
            if let Some(poll) = self.poll.as_mut().filter(|_| may_change) {
                poll.extend(now, END_FOR_S);
            }
            self.polling = may_change;
            self.expires_at = None;
            self.enter(phase, now);
            (self.whole_s, self.left_s) = (CLOSES_AFTER_S, CLOSES_AFTER_S);
        }
        self.balance = view.balance.or(self.balance);
        (self.total_fee, self.bonus) = (view.total_fee, view.bonus);
        self.order = Some(view);
    }

    fn show_code(&mut self) {
        self.phase = match self.device {
            Device::Computer => Phase::Waiting,
            Device::Phone | Device::WebView => Phase::OnPhone,
            Device::Wechat => Phase::InWechat,
        };
    }
}

mod cancel;
mod seen;
#[cfg(test)]
mod tests;
