//! `saoma key`: the keys of the site's own programs, as the console makes, lists, rotates and revokes them.

use std::path::Path;

use cashier::{Db, api_keys::ApiKeys, db::facts};
use clap::Subcommand;
use ipnet::IpNet;
use recharge::{
    api_key::{ApiKey, KeyMode, KeyText, NewKey, Scope, network},
    audit::Acting,
};
use server::config::{self, SANDBOX_IDENTITY};
use wxpay::{Fen, UnixMillis};

use super::{Failure, open};

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key and print its text, which is shown only now
    Create {
        /// Under which its calls stand in books and audit
        name: String,
        /// What it allows, separated by commas: recharges:read, recharges:write, refunds:write, balances:read, spend:write,
        /// sessions:write, events:read, webhooks:write, wechat_token:read, static_codes:write
        #[arg(long, required = true, value_delimiter = ',', value_parser = scope)]
        scopes: Vec<Scope>,
        /// Networks it may be used from, separated by commas; without it from everywhere, but one with
        /// wechat_token:read from this machine only
        #[arg(long, value_delimiter = ',', value_parser = network)]
        networks: Vec<IpNet>,
        /// The largest amount of one call, in fen
        #[arg(long, value_name = "FEN")]
        max_amount: Option<i64>,
        /// When it ends: after 90d or 12h, or at the end of a day in Beijing, such as 2026-12-31; without it never
        #[arg(long, value_name = "WHEN", value_parser = end)]
        expires: Option<End>,
    },
    /// List the keys, without their texts
    List,
    /// Give a key a new text and print it
    Rotate {
        name: String,
        /// How long the text before still counts, such as 90m, 24h or 7d; 0 ends it at once, for a key that has leaked
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
        keep_old: i64,
    },
    /// Take a key back for good; servers hear of it within 5 s
    Revoke { name: String },
}

/// When a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After so many milliseconds.
    After(i64),
    At(UnixMillis),
}

pub async fn key(action: KeyAction, file: Option<&Path>) -> Result<(), Failure> {
    let (db, now) = (open(file).await?, UnixMillis::now());
    let keys = ApiKeys::new(db.clone(), mode(&db, file).await?);
    let by = Acting::operator("console", "console");
    match action {
        KeyAction::Create { name, scopes, networks, max_amount, expires } => {
            let expires_at = expires.map(|end| match end {
                End::After(ms) => now.plus_ms(ms),
                End::At(at) => at,
            });
            let (scopes, max_amount) = (scopes.into_iter().collect(), max_amount.map(Fen::new));
            let new = NewKey { name, scopes, networks, max_amount, expires_at };
            let (key, text) = keys.make(new, &by, now).await?;
            show(&key, &text);
        }
        KeyAction::List => list(&keys.list().await?, now),
        KeyAction::Rotate { name, keep_old } => {
            let (key, text) = keys.rotate(&name, None, keep_old, &by, now).await?;
            show(&key, &text);
            match key.old {
                Some(old) => eprintln!("The text before counts until {}.", old.until.to_beijing_text()),
                None => eprintln!("The text before does not count any more; servers hear of it within 5 s."),
            }
        }
        KeyAction::Revoke { name } => {
            keys.revoke(&name, None, &by, now).await?;
            println!("the key {name} is revoked");
        }
    }
    Ok(())
}

/// Of which kind the keys of this database are. Before the first start only the settings say it.
pub(super) async fn mode(db: &Db, file: Option<&Path>) -> Result<KeyMode, Failure> {
    let is_sandbox = match facts::get(db, "identity").await? {
        Some(identity) => identity == SANDBOX_IDENTITY,
        None => config::load(file)?.is_sandbox(),
    };
    Ok(if is_sandbox { KeyMode::Test } else { KeyMode::Live })
}

/// The text alone on standard output, so that a script can take it.
fn show(key: &ApiKey, text: &KeyText) {
    eprintln!("The text of the key {}. It is shown only now:", key.name);
    println!("{}", text.expose());
}

fn list(keys: &[ApiKey], now: UnixMillis) {
    println!("{:32}  {:16}  {:19}  {:19}  {:8}  scopes", "name", "id", "made", "last used", "state");
    for key in keys {
        let used = key.used_at.map_or_else(|| "never".to_owned(), UnixMillis::to_beijing_text);
        let state = match key.revoked_at {
            Some(_) => "revoked",
            None if key.counts(now) => "in use",
            None => "expired",
        };
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.name()).collect();
        let (id, made) = (&key.id.to_string(), key.made_at.to_beijing_text());
        println!("{:32}  {id:16}  {made:19}  {used:19}  {state:8}  {}", key.name, scopes.join(","));
    }
}

fn scope(word: &str) -> Result<Scope, String> {
    Scope::from_name(word).ok_or_else(|| {
        let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
        format!("must be one of {}", all.join(", "))
    })
}

/// Milliseconds of `0`, `90m`, `24h` or `7d`.
fn span(text: &str) -> Result<i64, String> {
    let units = [("m", MINUTE_MS), ("h", 60 * MINUTE_MS), ("d", DAY_MS)];
    let read = |(unit, ms): (&str, i64)| {
        let digits = text.strip_suffix(unit)?;
        let is_number = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<i64>().ok()).flatten()?.checked_mul(ms)
    };
    match text {
        "0" => Ok(0),
        _ => units.into_iter().find_map(read).ok_or_else(|| "must be such as 90m, 24h or 7d".to_owned()),
    }
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(ms) = span(text) {
        return Ok(End::After(ms));
    }
    let bad = || "must be such as 90d, 12h or 2026-12-31".to_owned();
    let date: Vec<_> = text.split('-').collect();
    if date.iter().map(|part| part.len()).collect::<Vec<_>>() != [4, 2, 2] {
        return Err(bad());
    }
    let day = UnixMillis::from_beijing(&format!("{}000000", date.concat())).ok_or_else(bad)?;
    Ok(End::At(day.plus_ms(DAY_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        for (text, ms) in [("0", 0), ("90m", 5_400_000), ("24h", 86_400_000), ("7d", 604_800_000)] {
            assert_eq!(span(text), Ok(ms), "{text}");
        }
        for text in ["", "7", "h", "-1h", "1.5h", "1 h", "999999d", "１h"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_ends_after_a_time_or_with_a_day_in_beijing() {
        assert_eq!(end("90d"), Ok(End::After(90 * DAY_MS)));
        // 2026-03-15 10:00:00 in Beijing is 1773540000.
        assert_eq!(end("2026-03-15"), Ok(End::At(UnixMillis::new(1_773_540_000_000 + 14 * 60 * MINUTE_MS))));
        for text in ["", "soon", "2026-13-01", "20260315", "2026-3-15"] {
            assert!(end(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_help_names_every_scope() {
        let help = KeyAction::augment_subcommands(clap::Command::new("key"));
        let create = help.find_subcommand("create").unwrap();
        let scopes = create.get_arguments().find(|argument| argument.get_id() == "scopes").unwrap();
        let said = scopes.get_help().unwrap().to_string();
        assert!(Scope::ALL.iter().all(|scope| said.contains(scope.name())), "{said}");
    }
}
