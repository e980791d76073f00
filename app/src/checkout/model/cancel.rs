//! Taking orders back: the dialog's own, or one of too many, to make room for it.

use super::{Command, Model};
use crate::checkout::phase::Phase;
use crate::protocol::error::AppError;
use crate::protocol::{StatusView, ViewState};

impl Model {
    /// "Cancel the order".
    pub fn cancel(&mut self, now: i64) -> Command {
        let Some(poll) = self.poll.as_mut().filter(|_| self.order.is_some()) else { return Command::Nothing };
        poll.began(now);
        Command::Cancel
    }

    /// "Cancel" beside one of too many open orders.
    pub fn make_room(&mut self, number: &str) -> Command {
        if self.phase != Phase::TooMany || self.freed.is_some() {
            return Command::Nothing;
        }
        self.freed = Some(number.to_owned());
        Command::MakeRoom
    }

    /// The answer to it. The order that was pressed for is placed, unless the other turned out to be paid.
    pub fn made_room(&mut self, now: i64, answer: Result<StatusView, AppError>) -> Command {
        let freed = self.freed.take();
        match answer {
            Ok(view) => {
                self.open.retain(|order| Some(&order.out_trade_no) != freed.as_ref());
                self.balance = view.balance.filter(|_| view.state != ViewState::Closed).or(self.balance);
                if view.state == ViewState::Closed { self.again(now) } else { Command::Nothing }
            }
            Err(error) => {
                self.refused(now, error);
                Command::Nothing
            }
        }
    }
}
