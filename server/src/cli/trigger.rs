//! `saoma trigger`: lets something happen in the sandbox, so that its event is real: an order is placed and paid by the sandbox's phone,
//! beside the server that runs.

use std::{net::IpAddr, path::Path, time::Duration};

use cashier::{Cashier, PlaceRequest};
use clap::ValueEnum;
use recharge::{Order, OrderState, RefundState, Terms, User, Way, audit::Acting, refund::RefundRequest};
use reqwest::redirect::Policy;
use server::{
    config::{self, Mode, PublicUrl},
    start,
};
use wxpay::{Fen, OutTradeNo};

use super::{Failure, beside::of_server};

/// How long it is waited for what a step leads to.
/// A notice that is lost is made up for by a query after half a minute.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long an order can be paid that is to be paid late, in ms.
const LATE_ORDER_MS: u32 = 3_000;
/// It is paid so long after that, in ms: WeChat's times are whole seconds.
const LATE_BY_MS: u32 = 1_100;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Happening {
    /// An order is placed and paid
    #[value(name = "recharge.paid")]
    Paid,
    /// An order is paid after its time
    #[value(name = "recharge.paid_late")]
    PaidLate,
    /// An order is paid and given back
    #[value(name = "recharge.refunded")]
    Refunded,
    /// An order is paid twice
    #[value(name = "exception")]
    Exception,
}

pub async fn trigger(what: Happening, user: &str, fen: i64, file: Option<&Path>) -> Result<(), Failure> {
    let mut config = config::load(file)?;
    let Mode::Sandbox { addr } = config.mode else {
        return Err("this is for sandbox mode: with a real merchant only a payer can pay".into());
    };
    if matches!(what, Happening::PaidLate) {
        config.cashier.time_expire_ms = LATE_ORDER_MS.into();
    }
    let http = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).no_proxy().build()?;
    // Where the sandbox sends its notice.
    let server = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
    of_server(server.as_str(), &config).await?;
    let phone = Phone { sandbox: format!("http://{addr}"), http };
    let cashier = start::beside(&config).await?;
    let order = cashier.place(PlaceRequest {
        user: User::new(user, user)?,
        total_fee: Fen::new(fen),
        bonus: Fen::ZERO,
        ip: IpAddr::from([127, 0, 0, 1]),
        way: Way::Native,
        terms: Terms::default(),
        by_key: None,
    });
    let order = order.await.map_err(|error| {
        format!("the order was not placed: {error}; the sandbox of saoma serve must answer at {addr}")
    })?;
    let number = order.out_trade_no.clone();
    println!("{number} was placed for {user}: {} yuan", order.total_fee);
    if matches!(what, Happening::PaidLate) {
        tokio::time::sleep(Duration::from_millis((LATE_ORDER_MS + LATE_BY_MS).into())).await;
    }
    phone.pay(&order, false).await?;
    let paid = until(|| cashier_order(&cashier, &number), |order| matches!(order.state, OrderState::Paid(_)))
        .await?;
    println!("{number} is paid{}", if is_late(&paid) { ", late" } else { "" });
    match what {
        Happening::Paid | Happening::PaidLate => {}
        Happening::Exception => {
            phone.pay(&order, true).await?;
            let open = || async { Ok(cashier.exceptions(&number).await?) };
            until(open, |found| !found.is_empty()).await?;
            println!("a second payment of {number} waits for a person as an exception");
        }
        Happening::Refunded => {
            let refund = RefundRequest {
                out_trade_no: number.clone(),
                out_refund_no: cashier.new_out_refund_no()?,
                amount: paid.total_fee,
                reason: "trigger".to_owned(),
                even_if_balance_low: true,
                exception: None,
                reference: None,
                seen_version: None,
            };
            cashier.refund(refund, Acting::operator("console", "console")).await?;
            let refunds = || async { Ok(cashier.refunds(&number).await?) };
            until(refunds, |refunds| refunds.iter().all(|refund| refund.state == RefundState::Succeeded))
                .await?;
            println!("{number} was given back");
        }
    }
    Ok(())
}

async fn cashier_order(cashier: &Cashier, number: &OutTradeNo) -> Result<Order, Failure> {
    cashier.order(number).await?.ok_or_else(|| "the order is not there".into())
}

fn is_late(order: &Order) -> bool {
    matches!(&order.state, OrderState::Paid(paid) if paid.late)
}

/// What `look` finds once it is so.
async fn until<T, F: Future<Output = Result<T, Failure>>>(
    look: impl Fn() -> F,
    is_so: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    let waiting = async {
        loop {
            let found = look().await?;
            if is_so(&found) {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .map_err(|_| "it did not happen within 60 s; the log of saoma serve says why")?
}

/// The sandbox's phone.
struct Phone {
    sandbox: String,
    http: reqwest::Client,
}

impl Phone {
    async fn pay(&self, order: &Order, again: bool) -> Result<(), Failure> {
        let code = order.code_url().ok_or("the order has no code")?.as_str();
        let again = if again { "1" } else { "0" };
        let form = [("code_url", code), ("again", again), ("force", "1")];
        let answer = self.http.post(format!("{}/control/pay", self.sandbox)).form(&form).send().await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(format!("the sandbox did not pay: {}", answer.text().await?).into())
    }
}
