//! What the top-up page's script is told: what can be bought, by whom, on what kind of screen.

use serde::{Deserialize, Serialize};

use super::way::Way;
use crate::lang::Lang;

/// What the top-up page offers this payer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub lang: Lang,
    /// The user's name as the page shows it.
    pub account: String,
    /// Fen; `None` where the site keeps the balances itself.
    pub balance: Option<i64>,
    /// Fen per unit.
    pub unit_price: i64,
    /// Units of an own amount.
    pub min: u32,
    pub max: u32,
    pub presets: Vec<Preset>,
    /// What a unit is called, where it is not just an amount of yuan.
    #[serde(default)]
    pub unit: Option<String>,
    /// Percent of each amount that a promotion gives on top now.
    #[serde(default)]
    pub percent: u32,
    /// Fen on top of the account's first order, where the next one can be it.
    #[serde(default)]
    pub first_bonus: i64,
    /// Fen that the account may still order today; `None`: any amount.
    #[serde(default)]
    pub left_today: Option<i64>,
    pub device: Device,
    /// The ways to pay that can be chosen here, the advised one first.
    pub ways: Vec<Way>,
    /// Units that the payer's link proposes, within the limits.
    pub proposed: Option<u32>,
    /// The page of the site that the payer goes back to.
    pub back: Option<String>,
}

/// An amount offered on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// Units.
    pub quantity: u32,
    /// Fen given on top.
    pub bonus: i64,
}

/// What the payer looks at; decides whether the code on the screen can be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    Computer,
    Phone,
    /// The browser inside WeChat on a phone.
    Wechat,
    /// A mini program's or WeCom's web view on a phone: it calls itself WeChat, and neither JSAPI nor H5 work there.
    WebView,
}

impl Device {
    /// From the `User-Agent` header. A guess that only chooses what the page advises.
    pub fn from_user_agent(agent: &str) -> Device {
        let has = |word| agent.contains(word);
        let on_computer = has("WindowsWechat") || has("MacWechat");
        let is_view = has("miniProgram") || has("wxwork");
        if has("MicroMessenger") && on_computer {
            Device::Computer
        } else if is_view {
            Device::WebView
        } else if has("MicroMessenger") {
            Device::Wechat
        } else if has("Mobile") || has("iPhone") {
            Device::Phone
        } else {
            Device::Computer
        }
    }
}

impl Device {
    /// The ways that work on this device, of those that are switched on; the advised one first. The device is a guess, so a
    /// computer is offered the phone's way too, after the code. WeChat refuses JSAPI in web views and H5 inside WeChat.
    pub fn ways(self, on: &[Way]) -> Vec<Way> {
        let works: &[Way] = match self {
            Device::Wechat => &[Way::Jsapi, Way::Native],
            Device::Phone => &[Way::Mweb, Way::Native],
            Device::Computer => &[Way::Native, Way::Mweb],
            Device::WebView => &[Way::Native],
        };
        works.iter().copied().filter(|way| on.contains(way)).collect()
    }
}

/// What is chosen in the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Nothing,
    /// An own amount that is no whole number within the limits.
    Wrong,
    /// More than the account may still order today.
    Over,
    Units(u32),
}

impl Offer {
    /// The amount chosen at first: the proposed one, else the middle one.
    pub fn first_choice(&self) -> Choice {
        let middle = self.presets.get(self.presets.len() / 2).map(|preset| preset.quantity);
        self.proposed.or(middle).map_or(Choice::Nothing, Choice::Units)
    }

    /// What stands in the field for an own amount at first.
    pub fn first_own(&self) -> Option<u32> {
        self.proposed.filter(|units| !self.presets.iter().any(|preset| preset.quantity == *units))
    }

    /// Reads the form: an own amount wins over a chosen one.
    pub fn choice(&self, chosen: &str, own: &str) -> Choice {
        let units = match own.trim().is_empty() {
            true => match whole_number(chosen) {
                Some(units) => units,
                None => return Choice::Nothing,
            },
            false => match typed_number(own) {
                Some(units) if (self.min..=self.max).contains(&units) => units,
                _ => return Choice::Wrong,
            },
        };
        let is_over = self.left_today.is_some_and(|left| self.price(units).0 > left);
        if is_over { Choice::Over } else { Choice::Units(units) }
    }

    /// What `quantity` units cost and what is given on top, in fen. The server computes its own and decides.
    pub fn price(&self, quantity: u32) -> (i64, i64) {
        let fee = i64::from(quantity) * self.unit_price;
        (fee, self.preset_bonus(quantity) + percent_of(fee, self.percent) + self.first_bonus)
    }

    /// What comes with exactly this amount, in fen.
    pub fn preset_bonus(&self, quantity: u32) -> i64 {
        self.presets.iter().find(|preset| preset.quantity == quantity).map_or(0, |preset| preset.bonus)
    }
}

/// In whole fen.
pub fn percent_of(fen: i64, percent: u32) -> i64 {
    // A price is at most a million yuan.
    fen.saturating_mul(percent.into()) / 100
}

/// A whole number as people type it: with separators of thousands, blanks, or the wide digits of a Chinese keyboard.
pub fn typed_number(text: &str) -> Option<u32> {
    let text = text.trim();
    let parts: Vec<_> = text.split([',', '，']).collect();
    let is_grouped = parts.len() == 1 || parts.iter().skip(1).all(|part| part.chars().count() == 3);
    let plain = |letter: char| match letter {
        '０'..='９' => char::from_u32(letter as u32 - '０' as u32 + '0' as u32).unwrap_or(letter),
        letter => letter,
    };
    let digits: String = text
        .chars()
        .filter(|letter| !matches!(letter, ',' | '，') && !letter.is_whitespace())
        .map(plain)
        .collect();
    is_grouped.then(|| whole_number(&digits)).flatten()
}

/// ASCII digits only: no sign, no separators, no full-width digits.
pub fn whole_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer {
            lang: Lang::Zh,
            account: "小林".to_owned(),
            balance: Some(0),
            unit_price: 100,
            min: 1,
            max: 5000,
            presets: vec![Preset { quantity: 10, bonus: 0 }, Preset { quantity: 50, bonus: 200 }],
            unit: None,
            percent: 0,
            first_bonus: 0,
            left_today: None,
            device: Device::Computer,
            ways: vec![Way::Native],
            proposed: None,
            back: None,
        }
    }

    #[test]
    fn a_proposed_amount_is_chosen_at_first() {
        let proposing = |units| Offer { proposed: Some(units), ..offer() };
        assert_eq!((offer().first_choice(), offer().first_own()), (Choice::Units(50), None));
        assert_eq!((proposing(10).first_choice(), proposing(10).first_own()), (Choice::Units(10), None));
        assert_eq!((proposing(7).first_choice(), proposing(7).first_own()), (Choice::Units(7), Some(7)));
    }

    #[test]
    fn only_whole_numbers_within_the_limits_are_taken() {
        let table = [
            ("1", Choice::Units(1)),
            ("5000", Choice::Units(5000)),
            (" 20 ", Choice::Units(20)),
            ("0", Choice::Wrong),
            ("5001", Choice::Wrong),
            ("-1", Choice::Wrong),
            ("+1", Choice::Wrong),
            ("0.001", Choice::Wrong),
            ("1e9", Choice::Wrong),
            ("１０", Choice::Units(10)),
            ("1,000", Choice::Units(1000)),
            ("1，000", Choice::Units(1000)),
            ("5 000", Choice::Units(5000)),
            ("1,00", Choice::Wrong),
            ("1,0000", Choice::Wrong),
            (",", Choice::Wrong),
            ("十", Choice::Wrong),
            ("18446744073709551616", Choice::Wrong),
        ];
        for (own, choice) in table {
            assert_eq!(offer().choice("10", own), choice, "{own}");
        }
    }

    #[test]
    fn an_own_amount_wins_over_a_chosen_one() {
        assert_eq!(offer().choice("10", ""), Choice::Units(10));
        assert_eq!(offer().choice("10", "7"), Choice::Units(7));
        assert_eq!(offer().choice("", ""), Choice::Nothing);
    }

    #[test]
    fn the_bonus_belongs_to_the_exact_amount() {
        assert_eq!(offer().price(50), (5000, 200));
        assert_eq!(offer().price(51), (5100, 0));
    }

    #[test]
    fn a_promotion_and_the_first_order_give_on_top_of_it() {
        let more = Offer { percent: 10, first_bonus: 300, ..offer() };
        assert_eq!(more.price(50), (5000, 200 + 500 + 300));
        assert_eq!(more.price(51), (5100, 510 + 300));
    }

    #[test]
    fn what_may_still_be_ordered_today_bounds_any_amount() {
        let bounded = Offer { left_today: Some(2000), ..offer() };
        let table = [
            ("10", "", Choice::Units(10)),
            ("50", "", Choice::Over),
            ("10", "20", Choice::Units(20)),
            ("10", "21", Choice::Over),
        ];
        for (chosen, own, choice) in table {
            assert_eq!(bounded.choice(chosen, own), choice, "{chosen} {own}");
        }
    }

    #[test]
    fn each_device_is_advised_the_way_that_works_there() {
        let all = Way::ALL;
        let table: [(Device, &[Way], &[Way]); 7] = [
            (Device::Wechat, &all, &[Way::Jsapi, Way::Native]),
            (Device::Wechat, &[Way::Native], &[Way::Native]),
            (Device::Phone, &all, &[Way::Mweb, Way::Native]),
            (Device::Phone, &[Way::Native, Way::Jsapi], &[Way::Native]),
            (Device::Computer, &all, &[Way::Native, Way::Mweb]),
            (Device::WebView, &all, &[Way::Native]),
            (Device::WebView, &[Way::Jsapi], &[]),
        ];
        for (device, on, ways) in table {
            assert_eq!(device.ways(on), ways, "{device:?} {on:?}");
        }
    }

    #[test]
    fn the_device_is_told_by_its_user_agent() {
        let table = [
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/130", Device::Computer),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", Device::Phone),
            ("Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger/8.0.50", Device::Wechat),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64) MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13)",
                Device::Computer,
            ),
            ("Mozilla/5.0 (Macintosh) MicroMessenger/6.8.0 MacWechat/3.8.7(0x13080712)", Device::Computer),
            ("Mozilla/5.0 (iPhone) Mobile/15E148 wxwork/4.1.28 MicroMessenger/7.0.1", Device::WebView),
            (
                "Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger/8.0.50 miniProgram/wx123",
                Device::WebView,
            ),
        ];
        for (agent, device) in table {
            assert_eq!(Device::from_user_agent(agent), device, "{agent}");
        }
    }
}
