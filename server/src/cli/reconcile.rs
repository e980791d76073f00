//! `saoma reconcile`: the run, its progress on standard error, and what it came to.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use cashier::{Progress, ReconcileError, Step, error_chain::error_chain};
use recharge::reconciliation::{Difference, DifferenceKind, Done, Reconciliation, Side, reason};
use server::{
    config::{self, Mode},
    start,
};
use wxpay::{
    UnixMillis,
    bill::{BillDate, BillError},
};

use super::Failure;

/// Most differences printed; the desk shows all.
const PRINTED: usize = 50;

/// `2026-03-15` or `20260315`.
pub fn parse_day(text: &str) -> Result<BillDate, String> {
    let digits = match text.split('-').map(str::len).collect::<Vec<_>>()[..] {
        [4, 2, 2] => text.replace('-', ""),
        _ => text.to_owned(),
    };
    BillDate::parse(&digits).map_err(|_| "it must be a day such as 2026-03-15 or 20260315".to_owned())
}

pub async fn reconcile(date: Option<BillDate>, settings: Option<&Path>) -> Result<(), Failure> {
    let config = config::load(settings)?;
    let cashier = start::beside(&config).await?;
    let date = date.unwrap_or_else(|| BillDate::of(UnixMillis::now()).previous());
    let progress = Shown::new();
    let result = cashier.reconcile(date, |step| progress.show(step)).await;
    progress.clear();
    let result = result.map_err(|error| explain(error, &config.mode))?;
    let (_, differences) = cashier.reconciliation(date).await?.unwrap_or((result.clone(), Vec::new()));
    summary(&result, &differences);
    if result.open == 0 {
        Ok(())
    } else {
        Err(format!("{} of {date} wait for a person; see above", count(result.open, "difference")).into())
    }
}

/// In sandbox mode WeChat is a part of the server, which may not be running.
fn explain(error: ReconcileError, mode: &Mode) -> Failure {
    match (&error, mode) {
        (ReconcileError::Bill(BillError::Call(_)), Mode::Sandbox { addr }) => format!(
            "{}; the sandbox runs within saoma serve, and is looked for at http://{addr} (SAOMA_SANDBOX_ADDR)",
            error_chain(&error)
        )
        .into(),
        _ => error.into(),
    }
}

fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn summary(result: &Reconciliation, differences: &[Difference]) {
    let figures = &result.figures;
    let side = |side: &Side| {
        let (payments, refunds) = (count(side.payments, "payment"), count(side.refunds, "refund"));
        format!("{payments}, {} yuan, and {refunds}, {} yuan", side.paid, side.refunded)
    };
    println!("{}, Beijing time", result.date);
    println!("WeChat's bill: {}", side(&figures.bill));
    println!("our books:     {}", side(&figures.ours));
    println!(
        "{} agreed; {} credited now",
        count(figures.matched, "line"),
        count(figures.credited, "payment")
    );
    if figures.other_app > 0 {
        println!("{} of other apps under this merchant number", count(figures.other_app, "line"));
    }
    let open: Vec<_> = differences.iter().filter(|difference| difference.is_open).collect();
    for difference in open.iter().take(PRINTED) {
        println!("{}", describe(difference));
    }
    if result.open > PRINTED as i64 {
        println!("… and {} more", result.open - PRINTED as i64);
    }
    println!("{} open", count(result.open, "difference"));
}

/// One line: where, which, both figures, what is wrong, what was done.
fn describe(difference: &Difference) -> String {
    let Difference { out_trade_no, transaction_id, out_refund_no, reason, .. } = difference;
    let place = difference.line.map_or("books".to_owned(), |line| format!("line {line}"));
    let yuan = |fee: Option<wxpay::Fen>| fee.map_or("-".to_owned(), |fee| fee.to_string());
    let wrong = match difference.kind {
        DifferenceKind::NotHere => "the bill has a payment that our books lack",
        DifferenceKind::NotThere => "our books have a payment that the bill lacks",
        DifferenceKind::Figures => "bill and books state different figures",
        DifferenceKind::RefundNotHere => "the bill has a refund that our books lack",
        DifferenceKind::RefundNotThere => "our books have a refund that the bill lacks",
        DifferenceKind::RefundFigures => "bill and books state different figures of a refund",
        DifferenceKind::Repeated => "the bill has this twice",
        DifferenceKind::UnknownState => "a state that is not documented",
    };
    let done = match (difference.done, &difference.exception) {
        (Done::Exception, Some(id)) => format!("kept as the exception {}", id.kind.name()),
        _ if reason.is_empty() => "listed".to_owned(),
        _ => match reason.as_str() {
            reason::CONFIRMED => "listed: WeChat was asked and confirms it".to_owned(),
            reason::NOT_IN_BILL => "listed: WeChat was not asked".to_owned(),
            reason::NEXT_BILL_NOT_MADE => "listed: it may be in the next day's bill".to_owned(),
            reason::NO_CLEAR_ANSWER => "listed: WeChat was asked and gave no clear answer".to_owned(),
            word => format!("listed: {word}"),
        },
    };
    let refund = if out_refund_no.is_empty() { String::new() } else { format!(" refund {out_refund_no}") };
    format!(
        "{place}: {out_trade_no} {transaction_id}{refund}, bill {}, books {}: {wrong}; {done}",
        yuan(difference.theirs),
        yuan(difference.ours)
    )
}

/// On a terminal one line that changes; elsewhere a line for each step, and every few seconds.
struct Shown {
    is_terminal: bool,
    last: Mutex<Option<(Step, Instant)>>,
}

impl Shown {
    fn new() -> Self {
        Shown { is_terminal: std::io::stderr().is_terminal(), last: Mutex::new(None) }
    }

    fn show(&self, progress: Progress) {
        let pause = if self.is_terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|(step, at)| step == progress.step && at.elapsed() < pause) {
            return;
        }
        *last = Some((progress.step, Instant::now()));
        let what = match progress.step {
            Step::Reading => "reading the bill, lines",
            Step::Comparing => "comparing lines",
            Step::Asking => "asking about payments",
            Step::Books => "comparing our payments",
            Step::Neighbour => "reading the neighbouring day's bill, lines",
        };
        let of = progress.of.map_or(String::new(), |of| format!(" of {of}"));
        // Nobody may be listening any more; the run goes on.
        let _ = match self.is_terminal {
            true => write!(std::io::stderr(), "\r\x1b[K{what}: {}{of}", progress.done),
            false => writeln!(std::io::stderr(), "{what}: {}{of}", progress.done),
        };
    }

    fn clear(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_day;

    #[test]
    fn a_day_is_eight_digits_with_or_without_dashes() {
        assert_eq!(parse_day("2026-03-15"), parse_day("20260315"));
        assert!(parse_day("20260315").is_ok());
        for bad in
            ["", "yesterday", "2026-3-15", "2026-02-30", "15-03-2026", "2026/03/15", "2026-0315", "-20260315"]
        {
            assert!(parse_day(bad).is_err(), "{bad}");
        }
    }
}
