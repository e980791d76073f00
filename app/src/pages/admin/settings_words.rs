//! Words about the settings of the desk.

use leptos::prelude::*;

use crate::components;
use crate::money::{money, money_short};
use crate::request::PageRequest;
use crate::site::SiteSettings;
use crate::site::desk::{DeskName, Problem};
use crate::text::{Lang, Text, refunds, settings as text};

pub fn name_word(name: DeskName) -> Text {
    match name {
        DeskName::SiteName => text::SITE_NAME,
        DeskName::Announcement => text::ANNOUNCEMENT,
        DeskName::Limits => text::LIMITS,
        DeskName::Presets => text::PRESETS,
    }
}

/// A setting's value in words.
pub fn value_words(lang: Lang, name: DeskName, site: &SiteSettings) -> String {
    let nothing = || lang.t(text::NOTHING).to_owned();
    match name {
        DeskName::SiteName => site.name.clone(),
        DeskName::Announcement => site.announcement.clone().unwrap_or_else(nothing),
        DeskName::Limits => {
            let (min, max) = (site.min_quantity.to_string(), site.max_quantity.to_string());
            let price = money(site.unit_price.get());
            lang.fill(text::UNITS, &[("min", &min), ("max", &max), ("price", &price)])
        }
        DeskName::Presets if site.presets.is_empty() => nothing(),
        DeskName::Presets => {
            let one = |preset: &crate::protocol::offer::Preset| {
                let fen = site.unit_price.get().saturating_mul(i64::from(preset.quantity));
                match preset.bonus {
                    0 => money_short(fen),
                    bonus => {
                        let values = [("amount", money_short(fen)), ("bonus", money_short(bonus))];
                        lang.fill(
                            text::PRESET,
                            &values.each_ref().map(|(name, value)| (*name, value.as_str())),
                        )
                    }
                }
            };
            site.presets.iter().map(one).collect::<Vec<_>>().join(" · ")
        }
    }
}

/// The code of `?error=`.
pub fn problem_code(problem: Problem) -> &'static str {
    match problem {
        Problem::Form => "form",
        Problem::Name => "name",
        Problem::Announcement => "announcement",
        Problem::Limits => "limits",
        Problem::PresetZero => "zero",
        Problem::PresetTwice => "twice",
        Problem::PresetTooMuch => "too_much",
        Problem::PresetBonus => "bonus",
        Problem::TooManyPresets => "too_many",
    }
}

/// What `?error=` says.
pub fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "form" => text::E_FORM,
        "name" => text::E_NAME,
        "announcement" => text::E_ANNOUNCEMENT,
        "limits" => text::E_LIMITS,
        "zero" => text::E_PRESET_ZERO,
        "twice" => text::E_PRESET_TWICE,
        "too_much" => text::E_PRESET_TOO_MUCH,
        "bonus" => text::E_PRESET_BONUS,
        "too_many" => text::E_TOO_MANY,
        "stale" => text::E_STALE,
        "failed" => text::E_FAILED,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}
