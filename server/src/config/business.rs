//! What is sold, for how much and under which rules: the settings of the cashier and of the pages.

use app::{
    protocol::{offer::Preset, way::Way},
    site::{Promotion, SiteFiles, SiteSettings, desk::ANNOUNCEMENT_CHARS},
};
use recharge::{
    Abnormal, AbnormalPayments, LatePayment,
    spend::{Amount, BalanceKeeper},
};
use wxpay::{Fen, TradeType, UnixMillis};

use super::{Channels, ConfigError, range::between, settings::Settings};
use crate::{assets, user_token::LONGEST_RETURN_URL, ways_back};

/// Shortest life of an order, in seconds: WeChat closes nothing before five minutes.
const SHORTEST_EXPIRE_S: u32 = 360;
/// Longest life of an order, in seconds: a `code_url` lives two hours.
const LONGEST_EXPIRE_S: u32 = 7200;
/// Highest price of one order, in fen: 1,000,000 yuan keeps every sum far from overflow.
const MOST_FEN: u64 = 100_000_000;

/// The cashier's settings; `notify_base` and `mobile_app` are left empty.
///
/// # Errors
/// [`ConfigError`] for the first setting that is not usable.
pub(super) fn cashier(s: &Settings, in_sandbox: bool) -> Result<cashier::Settings, ConfigError> {
    let shortest = if in_sandbox { 1 } else { SHORTEST_EXPIRE_S };
    let time_expire_s = between("SAOMA_TIME_EXPIRE_S", s.time_expire_s, shortest, LONGEST_EXPIRE_S)?;
    Ok(cashier::Settings {
        notify_base: String::new(),
        body: goods(&s.site_name),
        time_expire_ms: i64::from(time_expire_s) * 1000,
        late_payment: match s.late_payment.as_str() {
            "credit" => LatePayment::Credit,
            "refund" => LatePayment::Refund,
            _ => return Err(ConfigError::new("SAOMA_LATE_PAYMENT", "must be \"credit\" or \"refund\"")),
        },
        abnormal: AbnormalPayments {
            duplicate: abnormal("SAOMA_DUPLICATE_PAYMENT", &s.duplicate_payment)?,
            mismatched: abnormal("SAOMA_MISMATCHED_PAYMENT", &s.mismatched_payment)?,
        },
        balance_kept_by: balance_keeper(s)?,
        mobile_app: None,
        max_open_orders: between("SAOMA_MAX_OPEN_ORDERS", s.max_open_orders, 1, 1000)? as usize,
        low_balance: low_balance(s.low_balance)?,
        events_keep_days: between("SAOMA_EVENTS_KEEP_DAYS", s.events_keep_days, 1, 3650)?,
        query_limit_per_s: between("SAOMA_QUERY_LIMIT_PER_S", s.query_limit_per_s, 1, 1000)?,
        order_limit_per_s: between("SAOMA_ORDER_LIMIT_PER_S", s.order_limit_per_s, 1, 1000)?,
    })
}

fn abnormal(setting: &str, word: &str) -> Result<Abnormal, ConfigError> {
    match word {
        "ask" => Ok(Abnormal::Ask),
        "refund" => Ok(Abnormal::Refund),
        _ => Err(ConfigError::new(setting, "must be \"ask\" or \"refund\"")),
    }
}

/// In fen; `None` for zero.
fn low_balance(fen: u64) -> Result<Option<Fen>, ConfigError> {
    match i64::try_from(fen).ok().filter(|fen| *fen <= Amount::MOST) {
        Some(fen) => Ok((fen > 0).then_some(Fen::new(fen))),
        None => Err(ConfigError::new("SAOMA_LOW_BALANCE", "must be at most 100000000000 fen")),
    }
}

/// In fen; `None` for zero.
fn second_person(fen: u64) -> Result<Option<Fen>, ConfigError> {
    match i64::try_from(fen).ok().filter(|fen| *fen <= Amount::MOST) {
        Some(fen) => Ok((fen > 0).then_some(Fen::new(fen))),
        None => Err(ConfigError::new("SAOMA_SECOND_PERSON_FROM", "must be at most 100000000000 fen")),
    }
}

/// The pages' settings; `public_url` and `sandbox_scan_base` are left empty.
///
/// # Errors
/// [`ConfigError`] for the first setting that is not usable.
pub(super) fn site(
    s: &Settings,
    in_sandbox: bool,
    frame_ancestors: Vec<String>,
    channels: &Channels,
) -> Result<SiteSettings, ConfigError> {
    let name = text("SAOMA_SITE_NAME", &s.site_name)?;
    let (unit_price, min_quantity, max_quantity) = amounts(s)?;
    let presets = s.presets.iter();
    let names = assets::names();
    Ok(SiteSettings {
        name,
        announcement: announcement(s.announcement.as_deref())?,
        site_url: s.site_url.as_deref().map(|given| page_of("SAOMA_SITE_URL", given)).transpose()?,
        docs_url: s.docs_url.as_deref().map(docs_url).transpose()?,
        sandbox: in_sandbox,
        sandbox_scan_base: None,
        unit_price,
        min_quantity,
        max_quantity,
        presets: presets.map(|p| Preset { quantity: p.quantity, bonus: i64::from(p.bonus) }).collect(),
        unit_name: s.unit_name.as_deref().map(|name| line("SAOMA_UNIT_NAME", name, 16)).transpose()?,
        most_per_day: most_per_day(s.max_per_day, unit_price)?,
        first_bonus: Fen::new(between_fen("SAOMA_FIRST_BONUS", s.first_bonus)?),
        promotion: promotion(s)?,
        tax_line: s.tax_line.as_deref().map(|text| line("SAOMA_TAX_LINE", text, 200)).transpose()?,
        refund_wishes: s.refund_wishes,
        ways: ways(channels),
        static_codes: channels.static_codes,
        public_url: String::new(),
        plain_http: false,
        frame_ancestors,
        second_person_from: second_person(s.second_person_from)?,
        keeps_balance: balance_keeper(s)? == BalanceKeeper::Saoma,
        files: SiteFiles { output_name: names.bundle.clone(), css: names.sheet.clone() },
    })
}

fn balance_keeper(s: &Settings) -> Result<BalanceKeeper, ConfigError> {
    match s.balance_kept_by.as_str() {
        "saoma" => Ok(BalanceKeeper::Saoma),
        "site" => Ok(BalanceKeeper::Site),
        _ => Err(ConfigError::new("SAOMA_BALANCE_KEPT_BY", "must be \"saoma\" or \"site\"")),
    }
}

/// The ways to pay that pages offer. A mobile app has no page.
fn ways(channels: &Channels) -> Vec<Way> {
    let all =
        [(Way::Native, TradeType::Native), (Way::Jsapi, TradeType::Jsapi), (Way::Mweb, TradeType::Mweb)];
    all.into_iter().filter(|(_, trade_type)| channels.offers(*trade_type)).map(|(way, _)| way).collect()
}

/// What the payer reads in WeChat: at most 127 bytes, cut between characters.
fn goods(site_name: &str) -> String {
    let mut text = format!("{site_name}-充值");
    while text.len() > 127 {
        text.pop();
    }
    text
}

fn text(setting: &str, given: &str) -> Result<String, ConfigError> {
    line(setting, given, 64)
}

fn line(setting: &str, given: &str, longest: usize) -> Result<String, ConfigError> {
    let length = given.chars().count();
    if (1..=longest).contains(&length) && !given.chars().any(char::is_control) {
        Ok(given.to_owned())
    } else {
        let must = format!("must be 1 to {longest} characters without control characters");
        Err(ConfigError::new(setting, must))
    }
}

fn announcement(given: Option<&str>) -> Result<Option<String>, ConfigError> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() <= ANNOUNCEMENT_CHARS && !text.chars().any(char::is_control) {
        return Ok(Some(text.to_owned()));
    }
    let problem = format!("must be at most {ANNOUNCEMENT_CHARS} characters without control characters");
    Err(ConfigError::new("SAOMA_ANNOUNCEMENT", problem))
}

/// In fen; `None` for zero. Less than a unit costs would stop all orders without a word.
fn most_per_day(fen: u64, unit_price: Fen) -> Result<Option<Fen>, ConfigError> {
    match i64::try_from(fen).ok().filter(|fen| *fen <= Amount::MOST) {
        Some(0) => Ok(None),
        Some(fen) if fen >= unit_price.get() => Ok(Some(Fen::new(fen))),
        _ => Err(ConfigError::new(
            "SAOMA_MAX_PER_DAY",
            format!("must be 0 or from {} (the price of a unit) to {} fen", unit_price.get(), Amount::MOST),
        )),
    }
}

fn between_fen(setting: &str, fen: u32) -> Result<i64, ConfigError> {
    match u64::from(fen) <= MOST_FEN {
        true => Ok(i64::from(fen)),
        false => Err(ConfigError::new(setting, format!("must be at most {MOST_FEN} fen"))),
    }
}

/// `None` without a share. A part of it that is missing is an error, so that none begins or ends by accident.
fn promotion(s: &Settings) -> Result<Option<Promotion>, ConfigError> {
    let percent = between("SAOMA_PROMOTION_PERCENT", s.promotion_percent, 0, 100)?;
    let others = [
        ("SAOMA_PROMOTION_NAME", &s.promotion_name),
        ("SAOMA_PROMOTION_FROM", &s.promotion_from),
        ("SAOMA_PROMOTION_UNTIL", &s.promotion_until),
    ];
    if percent == 0 {
        return match others.iter().find(|(_, given)| given.is_some()) {
            Some((setting, _)) => {
                Err(ConfigError::new(setting, "must not be set without SAOMA_PROMOTION_PERCENT"))
            }
            None => Ok(None),
        };
    }
    let [name, from, until] = others.map(|(setting, given)| {
        let must = "must be set with SAOMA_PROMOTION_PERCENT";
        given.as_deref().ok_or_else(|| ConfigError::new(setting, must)).map(|text| (setting, text))
    });
    let ((name_setting, name), (from_setting, from), (until_setting, until)) = (name?, from?, until?);
    let (from, until) = (minute(from_setting, from)?, minute(until_setting, until)?);
    if until <= from {
        return Err(ConfigError::new(until_setting, "must be after SAOMA_PROMOTION_FROM"));
    }
    Ok(Some(Promotion { name: line(name_setting, name, 64)?, from, until, percent }))
}

/// A minute of Beijing time, `2026-11-11 00:00`.
fn minute(setting: &str, given: &str) -> Result<UnixMillis, ConfigError> {
    let at = UnixMillis::from_beijing_text(&format!("{given}:00"));
    at.ok_or_else(|| {
        ConfigError::new(setting, "must be a minute of Beijing time, such as \"2026-11-11 00:00\"")
    })
}

/// A page of the site.
fn page_of(variable: &'static str, given: &str) -> Result<String, ConfigError> {
    match ways_back::origin(given) {
        Some(_) if given.len() <= LONGEST_RETURN_URL => Ok(given.to_owned()),
        _ => {
            Err(ConfigError::new(variable, "must be the http:// or https:// address of a page of your site"))
        }
    }
}

fn docs_url(given: &str) -> Result<String, ConfigError> {
    let page = page_of("SAOMA_DOCS_URL", given)?;
    if page.contains(['?', '#']) {
        return Err(ConfigError::new(
            "SAOMA_DOCS_URL",
            "is where pages are below: it may have no ? and no #",
        ));
    }
    Ok(page.trim_end_matches('/').to_owned())
}

fn amounts(s: &Settings) -> Result<(Fen, u32, u32), ConfigError> {
    let price = between("SAOMA_UNIT_PRICE", s.unit_price, 1, 10_000_000)?;
    let most = u32::try_from(MOST_FEN / u64::from(price)).unwrap_or(u32::MAX);
    let max = between("SAOMA_MAX_QUANTITY", s.max_quantity, 1, most)?;
    let min = between("SAOMA_MIN_QUANTITY", s.min_quantity, 1, max)?;
    if s.presets.len() > 24 {
        return Err(ConfigError::new("SAOMA_PRESETS", "must be at most 24 amounts"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for preset in &s.presets {
        if preset.quantity == 0 || preset.quantity > max || !seen.insert(preset.quantity) {
            return Err(ConfigError::new(
                "SAOMA_PRESETS",
                format!("must be different quantities from 1 to {max}"),
            ));
        }
        if u64::from(preset.bonus) > MOST_FEN {
            return Err(ConfigError::new(
                "SAOMA_PRESETS",
                format!("must have bonuses of at most {MOST_FEN} fen"),
            ));
        }
    }
    Ok((Fen::new(i64::from(price)), min, max))
}
