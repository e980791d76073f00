//! This site: that its addresses for WeChat refuse what is forged, and what is still open of each protocol.

use cashier::{
    DbError,
    db::{
        Engine, backup, last_notices,
        open_work::{self, OpenWork},
    },
};
use wxpay::{Protocol, UnixMillis};

use super::{Found, Patient, public_name, seen::Tls, unread};

/// How long no notice of a protocol came before its credentials may go, in milliseconds.
const QUIET_MS: i64 = 7 * 24 * 3600 * 1000;

/// Posts bodies that WeChat did not sign to our own addresses, by the public name: a proxy or firewall that swallows them
/// would swallow genuine ones, and a server that takes them would take anybody's.
pub(super) async fn notify_addresses(patient: &Patient) -> Found {
    if public_name::addresses(patient).await.is_err() {
        return Found::skipped("see public_dns");
    }
    if matches!(public_name::shown(patient).await, Tls::Failed(_)) {
        return Found::skipped("see public_tls");
    }
    let mut refusing = Vec::new();
    for (path, wanted) in [("/wxpay/notify", 200), ("/wxpay/v3/notify", 401)] {
        let is_v3 = wanted == 401;
        if is_v3 && !patient.client.speaks(Protocol::V3) {
            continue;
        }
        let address = format!("{}{path}", patient.public_url);
        let forged =
            "<xml><return_code>SUCCESS</return_code><sign>00000000000000000000000000000000</sign></xml>";
        let answer = match patient.http.post(&address).body(forged).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let why = cashier::error_chain::error_chain(&error);
                return Found::bad(format!("{address} cannot be reached from here: {why}"));
            }
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let is_ours = text.contains("<![CDATA[FAIL]]>") || text.contains("\"FAIL\"");
        if status != wanted || !is_ours {
            return Found::bad(format!(
                "{address} answered a forged notice with HTTP {status}, and not as this program does"
            ));
        }
        refusing.push(path);
    }
    Found::good(format!("what WeChat did not sign is refused at {}", refusing.join(" and ")))
}

pub(super) async fn open_work(patient: &Patient) -> Found {
    let Some(db) = patient.db() else { return Found::skipped("see database") };
    match open_work::by_protocol(db).await {
        Ok(open) => Found::good(format!(
            "v2: {} orders, {} refunds and {} static codes under way; v3: {} orders and {} refunds",
            open.v2_orders, open.v2_refunds, open.v2_codes, open.v3_orders, open.v3_refunds
        )),
        Err(error) => unread(&error),
    }
}

/// When the last notice of each protocol came, and where new orders go by v3, whether v2's credentials may go.
pub(super) async fn last_notice(patient: &Patient) -> Found {
    let Some(db) = patient.db() else { return Found::skipped("see database") };
    let read = async { Ok::<_, DbError>((last_notices::read(db).await?, open_work::by_protocol(db).await?)) };
    let (last, open) = match read.await {
        Ok(read) => read,
        Err(error) => return unread(&error),
    };
    let text = |at: Option<UnixMillis>| at.map_or_else(|| "none".to_owned(), UnixMillis::to_beijing_text);
    let both = format!("v2: {}; v3: {}", text(last.v2), text(last.v3));
    let client = &patient.client;
    if client.first() != Protocol::V3 || !client.speaks(Protocol::V2) {
        return Found::good(both);
    }
    let advice = match v2_is_over(&open, last.v2, patient.now) {
        true => "the credentials of v2 may go",
        false => {
            "the credentials of v2 are needed while anything of it is under way, and for a week after its last notice"
        }
    };
    Found::good(format!("{both}; {advice}"))
}

/// How old the last backup may be, in ms: one a day, and a day's grace.
const BACKUP_MS: i64 = 48 * 3600 * 1000;

pub(super) async fn last_backup(patient: &Patient) -> Found {
    let Some(db) = patient.db() else { return Found::skipped("see database") };
    if patient.config.is_sandbox() {
        return Found::skipped("play money needs none");
    }
    match backup::last(db).await {
        Ok(None) if db.engine() == Engine::Postgres => {
            Found::skipped("none was made by saoma backup; what else copies PostgreSQL is not seen from here")
        }
        Ok(last) => judge_backup(last, patient.now),
        Err(error) => unread(&error),
    }
}

fn judge_backup(last: Option<UnixMillis>, now: UnixMillis) -> Found {
    match last {
        None => Found::warning("none was ever made by saoma backup"),
        Some(at) => {
            let text = format!("the last one is of {}", at.to_beijing_text());
            if now.minus(at) > BACKUP_MS { Found::warning(text) } else { Found::good(text) }
        }
    }
}

/// Whether nothing of v2 is under way, and no notice of it came for a week. WeChat repeats a notice for a day, and a refund
/// may take days.
fn v2_is_over(open: &OpenWork, last: Option<UnixMillis>, now: UnixMillis) -> bool {
    let is_quiet = last.is_none_or(|last| now.minus(last) >= QUIET_MS);
    is_quiet && (open.v2_orders, open.v2_refunds, open.v2_codes) == (0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_backup_is_missed_after_two_days() {
        let now = UnixMillis::new(1_773_540_000_000);
        let verdict = |last| judge_backup(last, now).verdict;
        assert_eq!(verdict(None), Verdict::Warning);
        assert_eq!(verdict(Some(now.plus_ms(-BACKUP_MS))), Verdict::Good);
        assert_eq!(verdict(Some(now.plus_ms(-BACKUP_MS - 1))), Verdict::Warning);
    }

    #[test]
    fn the_credentials_of_v2_are_needed_while_anything_of_it_is_open_and_for_a_week_after_its_last_notice() {
        let now = UnixMillis::new(1_773_540_000_000);
        let none = OpenWork { v3_orders: 1, v3_refunds: 1, ..OpenWork::default() };
        assert!(v2_is_over(&none, None, now));
        assert!(v2_is_over(&none, Some(now.plus_ms(-QUIET_MS)), now));
        assert!(!v2_is_over(&none, Some(now.plus_ms(1 - QUIET_MS)), now));
        for open in [
            OpenWork { v2_orders: 1, ..none },
            OpenWork { v2_refunds: 1, ..none },
            OpenWork { v2_codes: 1, ..none },
        ] {
            assert!(!v2_is_over(&open, None, now), "{open:?}");
        }
    }
}
