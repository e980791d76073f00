//! What an operator waits for at the desk of a site with ten million orders: whole pages, as the server sends them to a browser,
//! and a file of a million rows.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use wxpay::UnixMillis;

use crate::desk_fill::{DAY_MS, DAYS, fill, open};
use crate::http::{Wire, cookies, header, request};
use crate::numbers::{grouped, megabytes, millis, percentile};
use crate::report::Rows;
use crate::sites::{ADMIN_PASSWORD, Kind, Site};
use crate::{Failure, Plan, seed};

/// Requests of each kind, one after another.
const ASKED: usize = 500;
/// Rows of a page of a list.
const PAGE: i64 = 50;
/// Rows of the file, where there are so many.
const EXPORTED: i64 = 1_000_000;
/// The desk sends the sums of a filter in this.
const TOTALS: &str = "<dl class=\"totals\"";
/// As Chromium says it.
const PACKED: &str = "Accept-Encoding: gzip, deflate, br, zstd";

/// An address of the desk, and what its page must have in it.
type Page = (String, String);

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("The desk");
    let began = Instant::now();
    let site = match &plan.filled {
        Some(database) => Site::on(plan, &database.canonicalize()?).await?,
        None => {
            let site = Site::start(plan, Kind::Saoma, b"").await?;
            fill(&site.database, i64::from(plan.listed)).await?;
            site
        }
    };
    let mut database = open(&site.database).await?;
    rows.note(format!(
        "{} orders of {DAYS} days and {} refunds, {} GB with all indexes; ready after {} s.",
        grouped(number(&mut database, "SELECT MAX(rowid) FROM orders").await?.unsigned_abs()),
        grouped(number(&mut database, "SELECT COUNT(*) FROM refunds").await?.unsigned_abs()),
        std::fs::metadata(&site.database)?.len() / 1_000_000_000,
        began.elapsed().as_secs()
    ));
    let asking = Asking { site: &site, cookie: sign_in(&site).await? };
    for (measure, pages) in searches(&mut database).await? {
        asking.row(&mut rows, measure, &pages).await?;
    }
    for (measure, page) in lists(&mut database).await? {
        asking.row(&mut rows, measure, &[page]).await?;
    }
    asking.export(&mut rows, &mut database).await?;
    rows.note(crate::machine::load("when it ended")?);
    site.process.stop().await?;
    Ok(rows)
}

/// The cookie of an operator who may see everything.
async fn sign_in(site: &Site) -> Result<String, Failure> {
    let form = format!("name=admin&password={}&next=/admin", ADMIN_PASSWORD.replace(' ', "+"));
    let mut wire = Wire::open(site.addr, 1).await?;
    let answer = wire.ask(&request("POST", "/admin/login", site.addr, &form_headers(site), &form)).await?;
    match (answer.status, cookies(answer.head)) {
        (303, cookie) if cookie.starts_with("saoma_admin=") => Ok(format!("Cookie: {cookie}")),
        (status, cookie) => Err(format!("the operator was not signed in: {status} {cookie}").into()),
    }
}

fn form_headers(site: &Site) -> [String; 2] {
    [format!("Origin: http://{}", site.addr), "Content-Type: application/x-www-form-urlencoded".to_owned()]
}

/// What operators type: another order each time.
async fn searches(database: &mut SqliteConnection) -> Result<Vec<(&'static str, Vec<Page>)>, Failure> {
    let newest = number(database, "SELECT MAX(rowid) FROM orders").await?;
    let sql = "SELECT out_trade_no, transaction_id, user_id FROM orders WHERE rowid > $1 AND state = 'paid' LIMIT 1";
    let mut found: [Vec<Page>; 5] = Default::default();
    for index in 0..ASKED as u64 {
        let place = i64::try_from(seed::mixed(index) % (newest.unsigned_abs() * 9 / 10))?;
        let row = sqlx::query(sql).bind(place).fetch_one(&mut *database).await?;
        let [order, transaction, user] = [0, 1, 2].map(|column| row.get::<String, _>(column));
        let tail = order.get(order.len() - 8..).unwrap_or_default().to_owned();
        let typed = [format!("q={order}"), format!("q={tail}"), format!("q={transaction}")];
        let typed = typed.into_iter().chain([format!("q={user}"), format!("user={user}")]);
        for (pages, query) in found.iter_mut().zip(typed) {
            pages.push((format!("/admin/orders?{query}"), order.clone()));
        }
    }
    let names = [
        "search by order number",
        "search by the last 8 characters of one",
        "search by transaction",
        "search by user",
        "a user's orders",
    ];
    Ok(names.into_iter().zip(found).collect())
}

/// Lists with each filter, and the overview.
async fn lists(database: &mut SqliteConnection) -> Result<Vec<(&'static str, Page)>, Failure> {
    let today = day(UnixMillis::now().get());
    let week = day(UnixMillis::now().get() - 6 * DAY_MS);
    let month = format!("{}01", today.get(..6).unwrap_or_default());
    let mut sum = async |what: &str, from: &str| {
        let sql = format!("SELECT COALESCE(SUM({what}), 0) FROM days WHERE day >= '{from}'");
        Ok::<_, Failure>(format!("<dd>{}", grouped(number(database, &sql).await?.unsigned_abs())))
    };
    let (all, of_week, of_month, of_today) = (
        sum("orders", "").await?,
        sum("orders", &week).await?,
        sum("orders", &month).await?,
        sum("orders", &today).await?,
    );
    let (paid, paid_of_month) = (sum("paid", "").await?, sum("paid", &month).await?);
    let last = "SELECT created_at || '-' || out_trade_no FROM orders ORDER BY created_at, out_trade_no LIMIT 1 OFFSET $1";
    let last: String = sqlx::query(last).bind(PAGE).fetch_one(&mut *database).await?.get(0);
    let totals = || TOTALS.to_owned();
    let orders = [
        ("the list's first page", String::new(), all.clone()),
        ("its deepest page", format!("before={last}"), all),
        ("paid", "state=paid".to_owned(), paid),
        ("closed", "state=closed".to_owned(), totals()),
        ("open", "state=created,pending".to_owned(), totals()),
        ("today", "period=today".to_owned(), of_today),
        ("7 days", "period=7d".to_owned(), of_week),
        ("this month", "period=month".to_owned(), of_month),
        ("this month by time of payment", "by=paid&period=month".to_owned(), paid_of_month),
        ("one channel", "channel=JSAPI".to_owned(), totals()),
        ("from 100 to 200 yuan", "min=100&max=200".to_owned(), totals()),
        ("refunded", "refunded=yes".to_owned(), totals()),
        ("with an exception", "exception=any".to_owned(), totals()),
        (
            "paid, 7 days, one channel, 100 yuan and more",
            "state=paid&period=7d&channel=JSAPI&min=100".to_owned(),
            totals(),
        ),
    ];
    let orders = orders.map(|(measure, query, needle)| (measure, (format!("/admin/orders?{query}"), needle)));
    let others = [
        ("the list of refunds", ("/admin/refunds".to_owned(), "RF".to_owned())),
        ("the overview", ("/admin".to_owned(), "用户".to_owned())),
    ];
    Ok(orders.into_iter().chain(others).collect())
}

/// `yyyyMMdd` in Beijing.
fn day(at: i64) -> String {
    UnixMillis::new(at).to_beijing().chars().take(8).collect()
}

async fn number(database: &mut SqliteConnection, sql: &str) -> Result<i64, Failure> {
    Ok(sqlx::query(AssertSqlSafe(sql)).fetch_one(database).await?.get(0))
}

/// One operator with a browser.
struct Asking<'a> {
    site: &'a Site,
    cookie: String,
}

impl Asking<'_> {
    /// Asks for these pages in turn, then looks whether each has in it what it must.
    async fn row(&self, rows: &mut Rows, measure: &str, pages: &[Page]) -> Result<(), Failure> {
        let mut wire = Wire::open(self.site.addr, 1).await?;
        let (mut waits, headers) = (Vec::with_capacity(ASKED), [self.cookie.clone(), PACKED.to_owned()]);
        for (target, _) in pages.iter().cycle().take(ASKED) {
            let asked = request("GET", target, self.site.addr, &headers, "");
            let began = Instant::now();
            let answer = wire.ask(&asked).await?;
            waits.push(u64::try_from(began.elapsed().as_micros())?);
            if answer.status != 200 || header(answer.head, "content-encoding").is_none() {
                return Err(format!("{target}: {}", String::from_utf8_lossy(answer.head)).into());
            }
        }
        for (target, needle) in pages {
            let answer = wire.ask(&request("GET", target, self.site.addr, &headers[..1], "")).await?;
            let text = String::from_utf8_lossy(answer.body);
            if !text.contains(needle) {
                return Err(format!("{target} does not show {needle}: {text}").into());
            }
        }
        waits.sort_unstable();
        let [p50, p99] = [500, 990].map(|per_mille| percentile(&waits, per_mille));
        rows.note(format!("{measure}: {} / {}", millis(p50), millis(p99)));
        rows.row(&format!("desk, {measure}, p50 / p99"), format!("{} / {}", millis(p50), millis(p99)), "")
            .goal("p99 ≤ 20 ms", p99 <= 20_000);
        Ok(())
    }

    /// The file of the paid orders of some days, a million if there are so many, and what the server holds meanwhile.
    async fn export(&self, rows: &mut Rows, database: &mut SqliteConnection) -> Result<(), Failure> {
        let paid = number(database, "SELECT SUM(paid) FROM days").await?;
        let days = (EXPORTED * DAYS / paid.max(1)).clamp(1, DAYS - 60);
        let end = UnixMillis::now().get() - 30 * DAY_MS;
        let [from, to] = [end - (days - 1) * DAY_MS, end].map(|at| {
            let day = day(at);
            let [year, month, day] = [0..4, 4..6, 6..8].map(|part| day.get(part).unwrap_or_default());
            format!("{year}-{month}-{day}")
        });
        let filter = format!("state%3Dpaid%26from%3D{from}%26to%3D{to}");
        let form = format!("list=orders&format=csv&filter={filter}");
        let mut wire = Wire::open(self.site.addr, 1).await?;
        let headers = [&form_headers(self.site)[..], std::slice::from_ref(&self.cookie)].concat();
        let made = wire.ask(&request("POST", "/admin/exports", self.site.addr, &headers, &form)).await?;
        let file =
            header(made.head, "location").map(|place| format!("{}/file", String::from_utf8_lossy(place)));
        let file = file.filter(|file| file.starts_with("/admin/exports/EX")).ok_or("no export was begun")?;
        let before = self.site.process.rss_kib()?;
        self.site.process.forget_peak()?;
        let began = Instant::now();
        let headers = std::slice::from_ref(&self.cookie);
        let (bytes, lines) = wire.count(&request("GET", &file, self.site.addr, headers, "")).await?;
        let (took, peak) = (began.elapsed(), self.site.process.peak_kib()?);
        let due = format!(
            "SELECT COUNT(*) FROM orders WHERE state = 'paid' AND strftime('%Y-%m-%d', created_at / 1000 + 28800, 'unixepoch') \
             BETWEEN '{from}' AND '{to}'"
        );
        let due = number(database, &due).await?.unsigned_abs();
        if lines != due + 1 {
            return Err(
                format!("the file has {lines} lines, and {due} orders are due beside its head").into()
            );
        }
        let rate = due * 1000 / u64::try_from(took.as_millis())?.max(1);
        rows.row("desk, rows/s of a CSV", format!("{} of {}", grouped(rate), grouped(due)), "");
        rows.row(
            "desk, memory while it is sent",
            format!("{} more", megabytes(peak.saturating_sub(before))),
            "",
        )
        .goal("≤ 16 MB more", peak.saturating_sub(before) * 1024 <= 16_000_000);
        rows.note(format!(
            "a CSV of {} orders: {} bytes in {:.1} s, {} before and {} at its peak.",
            grouped(due),
            grouped(bytes),
            took.as_secs_f64(),
            megabytes(before),
            megabytes(peak)
        ));
        Ok(())
    }
}
