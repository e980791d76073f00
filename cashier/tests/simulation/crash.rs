//! Crash tests: a process is killed at each point where it waits, one after the other, in each of its steps. What was
//! acknowledged is stored, nothing happens twice, and a restarted process ends like one that never died.

use std::time::Duration;

use recharge::Way;
use recharge::exception::resolution::Decision;
use sandbox::{NotifyFaults, Pay, V3Faults};
use wxpay::OutRefundNo;
use wxpay::bill::BillDate;

use crate::databases::Databases;
use crate::merchant::Speaks;
use crate::notices::Note;
use crate::oracle::Broken;
use crate::process::{self, Done, News};
use crate::setting;
use crate::world::World;

/// More points than any step has.
const MOST: usize = 2_000;

/// What is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Place,
    NewCode,
    Notice,
    Query,
    Expire,
    Close,
    /// An operator asks for it.
    Refund,
    /// It is sent to WeChat.
    SendRefund,
    /// WeChat is asked how it ended.
    EndRefund,
    /// A second payment is given back.
    GiveBack,
    Reconcile,
}

impl Step {
    pub const ALL: [Step; 11] = [
        Step::Place,
        Step::NewCode,
        Step::Notice,
        Step::Query,
        Step::Expire,
        Step::Close,
        Step::Refund,
        Step::SendRefund,
        Step::EndRefund,
        Step::GiveBack,
        Step::Reconcile,
    ];
}

/// Cuts `step` at each point where it waits, or at one of `every` so many, and once more a moment later, when what it waited for was done. Answers how
/// many points there are.
pub fn cut(step: Step, speaks: Speaks, databases: &Databases, every: usize) -> Result<usize, Broken> {
    for point in (1..MOST).step_by(every) {
        let ended = [false, true].map(|later| cut_at(step, speaks, databases, point, later));
        let [at_once, later] =
            ended.map(|ended| ended.map_err(|why| format!("{speaks:?} {step:?} cut at {point}: {why}")));
        if at_once? & later? {
            return Ok(point - 1);
        }
    }
    Err(format!("{speaks:?} {step:?} has no end"))
}

/// `true` if the step ended before it had waited `point` times.
fn cut_at(
    step: Step,
    speaks: Speaks,
    databases: &Databases,
    point: usize,
    later: bool,
) -> Result<bool, Broken> {
    let mut world = World::calm(databases, speaks);
    let note = prepare(&mut world, step)?;
    // From here on the model knows what was there before.
    world.check()?;
    let process = world.process(0);
    process.network.open();
    let (cashier, receiver) = (process.cashier.clone(), process.receiver());
    let seen = world.seen.first().cloned();
    let number = seen.as_ref().map(|seen| process::number(&seen.number));
    let taken = note.clone();
    let what = async move {
        match (step, number) {
            (Step::Place, _) => process::press(cashier, process::wish("u_1", 1990, Way::Native)).await,
            (Step::NewCode, Some(number)) => process::new_code(cashier, number, 1).await,
            (Step::Notice, _) => process::slow_notice(receiver, taken.unwrap()).await,
            (Step::Query | Step::Expire, _) => Done::said(cashier.query_due(5).await.unwrap().to_string()),
            (Step::Close, Some(number)) => process::close(cashier, number).await,
            (Step::Refund, Some(number)) => {
                let refunded = cashier.refund(process::refund_wish(&number, 500), process::by()).await;
                Done::said(refunded.unwrap().state.name().to_owned())
            }
            (Step::SendRefund | Step::EndRefund, _) => {
                Done::said(cashier.advance_refunds(5).await.unwrap().to_string())
            }
            (Step::GiveBack, _) => {
                let exceptions = cashier.open_exceptions(5).await.unwrap();
                let number = OutRefundNo::parse("RF0000000002").unwrap();
                let reason = "重复付款".to_owned();
                let decision = Decision::Refund { out_refund_no: number, reason };
                let settled =
                    cashier.resolve_exception(&exceptions[0].id(), decision, None, process::by()).await;
                Done::said(format!("{:?}", settled.unwrap().1.map(|refund| refund.amount)))
            }
            (Step::Reconcile, _) => {
                Done::said(format!("{:?}", cashier.reconcile_due().await.map(|day| day.is_some())))
            }
            (Step::NewCode | Step::Close | Step::Refund, None) => unreachable!("an order was placed"),
        }
    };
    if let Some(note) = &note {
        world.oracle.proven(&note.number, &note.transaction);
    }
    let process = world.process(0);
    process.network.set_slow(true);
    let done = process.idle.until_waited(&process.runtime, point, what);
    if done.is_none() && later {
        // What the database or WeChat was asked for last is done; the process does not hear of it.
        std::thread::sleep(Duration::from_millis(2));
    }
    process.network.set_slow(false);
    world.hear(0);
    match done.as_ref().map(|done| &done.news) {
        Some(News::Answered(note, answer)) => world.answered(0, note, answer)?,
        Some(News::Shown(order)) => world.shown(order),
        _ => {}
    }
    world.crash(0);
    world.check()?;
    world.start(0);
    match step {
        Step::Place | Step::NewCode => press_again(&mut world, step)?,
        Step::Reconcile => take_over(&mut world)?,
        _ => {}
    }
    world.drain()?;
    expect(&mut world, step, note.is_some())?;
    Ok(done.is_some())
}

/// Everything up to the step.
fn prepare(world: &mut World, step: Step) -> Result<Option<Note>, Broken> {
    if step == Step::Place {
        return Ok(None);
    }
    let process = world.process(0);
    let pressed = process::press(process.cashier.clone(), process::wish("u_1", 1990, Way::Native));
    process.begin("press".to_owned(), pressed);
    world.finish()?;
    let seen = world.seen[0].clone();
    Ok(match step {
        Step::Notice | Step::Query => {
            world.pay(&seen.url, &seen.number, Pay::default(), true);
            let mut note = None;
            world.send_notices(NotifyFaults::default(), V3Faults::default(), |_, _, sent| note = Some(sent));
            world.advance(50_000);
            note.filter(|_| step == Step::Notice)
        }
        Step::Expire => {
            world.advance(604_000);
            None
        }
        // Its notice never comes, and before it is asked about the day is over.
        Step::Reconcile => {
            world.pay(&seen.url, &seen.number, Pay::default(), true);
            world.advance(25 * 3_600_000);
            None
        }
        Step::Refund | Step::SendRefund | Step::EndRefund | Step::GiveBack => {
            world.pay(&seen.url, &seen.number, Pay::default(), true);
            if step == Step::GiveBack {
                world.pay(&seen.url, &seen.number, Pay { again: true, ..Pay::default() }, true);
            }
            world.send_notices(NotifyFaults::default(), V3Faults::default(), |world, letter, note| {
                letter.reply.send(world.deliver(0, &note).unwrap()).unwrap();
            });
            let process = world.process(0);
            process.network.open();
            let cashier = process.cashier.clone();
            if matches!(step, Step::SendRefund | Step::EndRefund) {
                let wish = process::refund_wish(&process::number(&seen.number), 500);
                process.run(cashier.refund(wish, process::by())).unwrap();
            }
            if step == Step::EndRefund {
                process.run(cashier.advance_refunds(5)).unwrap();
            }
            world.advance(60_000);
            None
        }
        Step::Close => {
            world.advance(301_000);
            None
        }
        Step::NewCode => {
            world.advance(10_000);
            None
        }
        Step::Place => None,
    })
}

/// Once the right to order of the process that died has ended, the payer gets a code from the next one.
fn press_again(world: &mut World, step: Step) -> Result<(), Broken> {
    world.advance(8_001);
    let seen = world.seen.first().cloned();
    let process = world.process(0);
    process.network.open();
    let cashier = process.cashier.clone();
    let done = match (step, seen) {
        (Step::NewCode, Some(seen)) => {
            process.run(process::new_code(cashier, process::number(&seen.number), seen.version))
        }
        _ => process.run(process::press(cashier, process::wish("u_1", 1990, Way::Native))),
    };
    world.hear(0);
    world.check()?;
    match done.news {
        News::Shown(order) if order.issued().is_some() => {
            world.shown(&order);
            Ok(())
        }
        _ => Err(format!("the next press gets no code: {}", done.text)),
    }
}

/// Once the claim of the process that died has ended, the next one finishes the day.
fn take_over(world: &mut World) -> Result<(), Broken> {
    world.advance(121_000);
    let date = BillDate::of(world.wechat.now()).previous();
    let process = world.process(0);
    process.network.open();
    let cashier = process.cashier.clone();
    let run = process.run(cashier.reconcile_due()).map(|day| day.is_some());
    let day = process.run(cashier.reconciliation(date)).unwrap();
    world.hear(0);
    world.check()?;
    match day {
        Some((day, _)) if day.finished_at.is_some() && day.open == 0 => Ok(()),
        other => Err(format!("the day is not finished by the next process ({run:?}): {other:?}")),
    }
}

/// The end that every cut must come to.
fn expect(world: &mut World, step: Step, paid: bool) -> Result<(), Broken> {
    let rows = world.rows();
    let states: Vec<_> = rows.orders.values().map(|order| order.state.as_str()).collect();
    let paid = paid || !matches!(step, Step::Place | Step::NewCode | Step::Expire | Step::Close);
    let expected: &[&str] = if paid { &["paid"] } else { &["closed"] };
    let refunds: Vec<_> =
        rows.refunds.values().map(|refund| (refund.state.as_str(), refund.amount)).collect();
    let given = match step {
        Step::SendRefund | Step::EndRefund => vec![("succeeded", 500)],
        // The form may die before it is written.
        Step::Refund if !refunds.is_empty() => vec![("succeeded", 500)],
        Step::GiveBack if !refunds.is_empty() => vec![("succeeded", 1990)],
        _ => Vec::new(),
    };
    if refunds != given {
        return Err(format!("the refunds end as {refunds:?}"));
    }
    let settled = |how: &Option<String>| how.as_deref() == Some("refund");
    let settled = rows.exceptions.values().filter(|exception| settled(&exception.settled_how)).count();
    if step == Step::GiveBack && settled != refunds.len() {
        return Err(format!("{settled} payments are settled by a refund, and the refunds are {refunds:?}"));
    }
    if states == expected { Ok(()) } else { Err(format!("the orders end as {states:?}")) }
}

#[test]
fn a_process_that_dies_at_any_point_of_any_step_loses_and_doubles_nothing() {
    // Each cut runs on to the quiet end: whoever asks for many seeds has the time for all of them.
    let is_long = setting("SEEDS").is_some();
    let (sqlite, postgres, of_v3) = if is_long { (1, 1, 1) } else { (3, 12, 3) };
    for (databases, every) in [(Databases::sqlite(), sqlite), (Databases::postgres(), postgres)] {
        for step in Step::ALL {
            for (speaks, every) in [(Speaks::V2, every), (Speaks::V3, of_v3 * every)] {
                match cut(step, speaks, &databases, every) {
                    Ok(points) => println!("{speaks:?} {step:?}: cut at {points} points"),
                    Err(why) => panic!("{why}"),
                }
            }
        }
    }
}
