//! The settings that an owner can change at the desk: how a value is stored, which values are allowed, and what counts by now.
//!
//! To add one: a word here with its reading in [`DeskName::applied`] and its writing in [`DeskName::of`], and a form on the page.

use std::sync::{Arc, PoisonError, RwLock};

use cashier::db::desk_settings::DeskSetting;
use serde_json::{Value, json};

use super::{Site, SiteSettings};
use crate::protocol::offer::Preset;

/// Characters of a site's name.
const NAME_CHARS: usize = 64;
/// Characters of an announcement.
pub const ANNOUNCEMENT_CHARS: usize = 300;
/// Amounts that a page offers.
pub const MOST_PRESETS: usize = 24;
/// Highest price of one order, and highest bonus, in fen: 1,000,000 yuan, as in the file.
const MOST_FEN: i64 = 100_000_000;

/// A setting of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeskName {
    SiteName,
    Announcement,
    /// Units of an own amount.
    Limits,
    /// The amounts on offer, with their bonus.
    Presets,
}

/// Why a value is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It cannot be read.
    Form,
    Name,
    Announcement,
    Limits,
    PresetZero,
    PresetTwice,
    PresetTooMuch,
    PresetBonus,
    TooManyPresets,
}

impl DeskName {
    pub const ALL: [DeskName; 4] =
        [DeskName::SiteName, DeskName::Announcement, DeskName::Presets, DeskName::Limits];

    /// The stored word.
    pub fn name(self) -> &'static str {
        match self {
            DeskName::SiteName => "site_name",
            DeskName::Announcement => "announcement",
            DeskName::Limits => "limits",
            DeskName::Presets => "presets",
        }
    }

    pub fn from_name(name: &str) -> Option<DeskName> {
        DeskName::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// The present value, as it is stored.
    pub fn of(self, site: &SiteSettings) -> String {
        let value = match self {
            DeskName::SiteName => json!(site.name),
            DeskName::Announcement => json!(site.announcement.clone().unwrap_or_default()),
            DeskName::Limits => json!({"min": site.min_quantity, "max": site.max_quantity}),
            DeskName::Presets => json!(site.presets),
        };
        value.to_string()
    }

    /// The settings with this value in place of theirs.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn applied(self, site: &SiteSettings, stored: &str) -> Result<SiteSettings, Problem> {
        let site = self.read(site, stored)?;
        check(&site)?;
        Ok(site)
    }

    /// The same, which may not go with the other settings.
    fn read(self, site: &SiteSettings, stored: &str) -> Result<SiteSettings, Problem> {
        let value: Value = serde_json::from_str(stored).map_err(|_| Problem::Form)?;
        let mut site = site.clone();
        match self {
            DeskName::SiteName => site.name = text(&value, NAME_CHARS, false).ok_or(Problem::Name)?,
            DeskName::Announcement => {
                let words = text(&value, ANNOUNCEMENT_CHARS, true).ok_or(Problem::Announcement)?;
                site.announcement = Some(words).filter(|words| !words.is_empty());
            }
            DeskName::Limits => {
                let bound =
                    |name: &str| value.get(name)?.as_u64().and_then(|units| u32::try_from(units).ok());
                site.min_quantity = bound("min").ok_or(Problem::Form)?;
                site.max_quantity = bound("max").ok_or(Problem::Form)?;
            }
            DeskName::Presets => site.presets = serde_json::from_value(value).map_err(|_| Problem::Form)?,
        }
        Ok(site)
    }
}

/// A line of text without control characters.
fn text(value: &Value, longest: usize, may_be_empty: bool) -> Option<String> {
    let text = value.as_str()?.trim();
    let is_allowed = text.chars().count() <= longest
        && (may_be_empty || !text.is_empty())
        && !text.chars().any(char::is_control);
    is_allowed.then(|| text.to_owned())
}

/// What amounts have to keep, as the file's do.
fn check(site: &SiteSettings) -> Result<(), Problem> {
    let price = |quantity: u32| site.unit_price.get().checked_mul(i64::from(quantity));
    let is_payable = |quantity: u32| price(quantity).is_some_and(|fen| fen <= MOST_FEN);
    if site.min_quantity == 0 || site.min_quantity > site.max_quantity || !is_payable(site.max_quantity) {
        return Err(Problem::Limits);
    }
    if site.presets.len() > MOST_PRESETS {
        return Err(Problem::TooManyPresets);
    }
    for (place, Preset { quantity, bonus }) in site.presets.iter().enumerate() {
        let problem = if *quantity == 0 {
            Problem::PresetZero
        } else if *quantity > site.max_quantity {
            Problem::PresetTooMuch
        } else if !(0..=MOST_FEN).contains(bonus) {
            Problem::PresetBonus
        } else if site.presets[..place].iter().any(|other| other.quantity == *quantity) {
            Problem::PresetTwice
        } else {
            continue;
        };
        return Err(problem);
    }
    Ok(())
}

/// The settings that count now: the file's with what owners changed at the desk. Cheap to clone; all clones share it.
#[derive(Debug, Clone)]
pub struct LiveSite(Arc<Live>);

#[derive(Debug)]
struct Live {
    file: Site,
    now: RwLock<(Vec<DeskSetting>, Site)>,
}

impl LiveSite {
    /// As the file and the environment have it.
    pub fn new(file: Site) -> LiveSite {
        let now = RwLock::new((Vec::new(), Arc::clone(&file)));
        LiveSite(Arc::new(Live { file, now }))
    }

    /// What counts now.
    pub fn now(&self) -> Site {
        Arc::clone(&self.0.now.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// What the file and the environment say.
    pub fn file(&self) -> &Site {
        &self.0.file
    }

    /// Takes what the desk's table has. A value that this version cannot read, or that does not go with the others any more, does not
    /// count and is logged: the file's counts in its place.
    pub fn take(&self, rows: Vec<DeskSetting>) {
        if self.0.now.read().unwrap_or_else(PoisonError::into_inner).0 == rows {
            return;
        }
        let changed = |row: &DeskSetting| Some((DeskName::from_name(&row.name)?, row.value.clone()?));
        let changed: Vec<_> = rows.iter().filter_map(changed).collect();
        // Amounts have to go with each other, so that all are looked at together first.
        let all = changed
            .iter()
            .try_fold(SiteSettings::clone(&self.0.file), |site, (name, value)| name.read(&site, value));
        let site = match all.and_then(|site| check(&site).map(|()| site)) {
            Ok(site) => site,
            Err(_) => one_by_one(&self.0.file, &changed),
        };
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = (rows, Arc::new(site));
    }
}

/// The values that are allowed beside those before them.
fn one_by_one(file: &SiteSettings, changed: &[(DeskName, String)]) -> SiteSettings {
    changed.iter().fold(file.clone(), |site, (name, value)| match name.applied(&site, value) {
        Ok(changed) => changed,
        Err(problem) => {
            let name = name.name();
            tracing::error!("the desk's setting {name} does not count, the file's does: {problem:?}");
            site
        }
    })
}

#[cfg(test)]
mod tests {
    use wxpay::UnixMillis;

    use super::super::tests::site;
    use super::*;

    fn row(name: DeskName, value: Option<&str>, version: i64) -> DeskSetting {
        DeskSetting {
            name: name.name().to_owned(),
            value: value.map(str::to_owned),
            version,
            changed_at: UnixMillis::new(0),
            changed_by: "chen".to_owned(),
        }
    }

    #[test]
    fn what_is_stored_is_read_as_what_it_was() {
        for name in DeskName::ALL {
            assert_eq!(DeskName::from_name(name.name()), Some(name));
            let stored = name.of(&site());
            assert_eq!(name.of(&name.applied(&site(), &stored).unwrap()), stored);
        }
    }

    #[test]
    fn a_value_that_no_file_may_have_is_refused() {
        use DeskName::{Announcement, Limits, Presets, SiteName};
        let long = format!("{:?}", "x".repeat(65));
        let table = [
            (SiteName, r#""""#, Problem::Name),
            (SiteName, r#""a\u0000b""#, Problem::Name),
            (SiteName, long.as_str(), Problem::Name),
            (SiteName, "not json", Problem::Form),
            (Announcement, "5", Problem::Announcement),
            (Limits, r#"{"min":0,"max":5}"#, Problem::Limits),
            (Limits, r#"{"min":6,"max":5}"#, Problem::Limits),
            (Limits, r#"{"min":1,"max":4294967295}"#, Problem::Limits),
            (Limits, r#"{"min":-1,"max":5}"#, Problem::Form),
            // The file's presets would not fit any more.
            (Limits, r#"{"min":1,"max":5}"#, Problem::PresetTooMuch),
            (Presets, r#"[{"quantity":0,"bonus":0}]"#, Problem::PresetZero),
            (Presets, r#"[{"quantity":5001,"bonus":0}]"#, Problem::PresetTooMuch),
            (Presets, r#"[{"quantity":5,"bonus":-1}]"#, Problem::PresetBonus),
            (Presets, r#"[{"quantity":5,"bonus":0},{"quantity":5,"bonus":1}]"#, Problem::PresetTwice),
            (Presets, "[5]", Problem::Form),
        ];
        for (name, value, problem) in table {
            assert_eq!(name.applied(&site(), value).err(), Some(problem), "{value}");
        }
    }

    #[test]
    fn the_desks_values_win_until_they_are_reset_and_one_that_is_not_allowed_does_not_count() {
        let live = LiveSite::new(Arc::new(site()));
        live.take(vec![
            row(DeskName::Announcement, Some(r#""春节照常到账""#), 1),
            row(DeskName::Presets, Some(r#"[{"quantity":8,"bonus":50}]"#), 1),
            row(DeskName::Limits, Some(r#"{"min":2,"max":9}"#), 1),
        ]);
        // The limits alone would not go with the file's presets.
        let now = live.now();
        assert_eq!(
            (now.min_quantity, now.max_quantity, now.announcement.as_deref()),
            (2, 9, Some("春节照常到账"))
        );
        assert_eq!(now.price(8).map(|(_, bonus)| bonus.get()), Some(50));
        assert_eq!(live.file().price(50).map(|(_, bonus)| bonus.get()), Some(200));
        live.take(vec![row(DeskName::Presets, None, 2), row(DeskName::SiteName, Some("broken"), 1)]);
        assert_eq!((&live.now().presets, live.now().name.as_str()), (&site().presets, "远山云"));
    }
}
