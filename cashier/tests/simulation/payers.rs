//! What payers do beside paying: they take an order back, and ask for a refund, which an operator may decline.

use rand::RngExt;
use recharge::Terms;
use recharge::audit::Actor;
use recharge::order::{Order, OrderState};
use wxpay::Fen;

use crate::oracle::Broken;
use crate::process::{self, Done, News, number};
use crate::world::World;

/// What the first order of an account gets on top, in the seeds that have such a bonus.
const FIRST_BONUS: Fen = Fen::new(300);

/// What a user may order in a day, in the seeds that have a limit: 500 and 1,990 fen fit once.
const MOST_PER_DAY: Fen = Fen::new(3_000);

/// What the site grants and allows: half of the seeds have a limit for each day and a bonus for the first order.
pub fn terms_of(seed: u64) -> Terms {
    match seed / 8 % 4 {
        2 | 3 => Terms { most_per_day: Some(MOST_PER_DAY), first_bonus: FIRST_BONUS },
        _ => Terms::default(),
    }
}

/// Whether payers of this seed take orders back and ask for refunds.
pub fn do_ask(seed: u64) -> bool {
    matches!(seed / 8 % 4, 1 | 3)
}

impl World {
    /// One of these things.
    pub fn payer_asks(&mut self) {
        let Some(machine) = self.any_alive() else { return };
        match self.one_of(4) {
            0 => self.take_back(machine),
            1 | 2 => self.ask_refund(machine),
            _ => self.decline_refund(machine),
        }
    }

    /// A payer takes an order back, and WeChat is asked about it soon.
    fn take_back(&mut self, machine: usize) {
        let Some(seen) = self.any_seen() else { return };
        let number = number(&seen.number);
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        process.begin(format!("take back {number}"), async move {
            match cashier.cancel(&number, Actor::Payer).await {
                Ok(Some(order)) => {
                    let hurried = cashier.check_again(&number).await;
                    Done {
                        text: format!("{} {hurried:?}", order.state.name()),
                        news: News::TakenBack(Box::new(order)),
                    }
                }
                Ok(None) => Done::said("no such order"),
                Err(error) => Done::said(error.to_string()),
            }
        });
    }

    /// A payer wants the money of an order back, mostly of an own one.
    fn ask_refund(&mut self, machine: usize) {
        let rows = self.rows();
        let paid: Vec<_> = rows.orders.iter().filter(|(_, order)| order.state == "paid").collect();
        if paid.is_empty() {
            return;
        }
        let (of, order) = paid[self.one_of(paid.len())];
        let user = match self.rng.random_ratio(1, 8) {
            true => format!("u_{}", self.one_of(3)),
            false => order.user_id.clone(),
        };
        let is_own = user == order.user_id;
        let number = number(of);
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        process.begin(format!("{user} asks for a refund of {number}"), async move {
            match cashier.ask_refund(&number, &user, "买错了").await {
                Ok(wish) => Done { text: wish.id(), news: News::Wished { id: wish.id(), is_own } },
                Err(error) => Done::said(format!("{error:?}")),
            }
        });
    }

    /// An operator says no to one that waits.
    fn decline_refund(&mut self, machine: usize) {
        let rows = self.rows();
        let open: Vec<_> = rows.wishes.values().filter(|wish| wish.state == "open").collect();
        if open.is_empty() {
            return;
        }
        let wish = open[self.one_of(open.len())];
        let (number, n) = (number(&wish.out_trade_no), wish.n);
        self.oracle.declines(&format!("{number}-{n}"));
        let process = self.process(machine);
        let cashier = process.cashier.clone();
        process.begin(format!("decline {number}-{n}"), async move {
            let Ok(seen) = cashier.form_version(&number).await else { return Done::said("not read") };
            let declined = cashier.decline_refund((&number, n), "已用完", seen, process::by()).await;
            Done::said(declined.map_or_else(|error| format!("{error:?}"), |wish| wish.id()))
        });
    }

    /// What is shown of an order that was taken back has no code, and another press gets it only where it was paid all the same.
    pub fn shows_no_code(&self, name: &str, order: &Order) -> Result<(), Broken> {
        let is_back = order.cancelled_at.is_some();
        hold!(!(is_back && order.code_url().is_some()), "{name} shows the code of {}", order.out_trade_no);
        let is_unpaid = !matches!(order.state, OrderState::Paid(_));
        hold!(
            !(is_back && is_unpaid && name.starts_with("press")),
            "{name} goes on with {}",
            order.out_trade_no
        );
        Ok(())
    }
}
