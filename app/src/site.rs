//! The site's settings as the pages need them, and the names of its files.

use std::sync::Arc;

use recharge::Terms;
use wxpay::{Fen, UnixMillis};

use crate::protocol::offer::{Preset, percent_of};
use crate::protocol::way::Way;
use crate::url::address;

pub mod desk;

/// Names of this build's files below `/pkg`.
#[derive(Debug, Clone)]
pub struct SiteFiles {
    /// Script and module: `{output_name}.js`, `{output_name}_bg.wasm`.
    pub output_name: String,
    pub css: String,
}

/// Settings that pages and prices depend on, checked at start.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// The site's name, on every page.
    pub name: String,
    /// What is said to payers above the amounts.
    pub announcement: Option<String>,
    /// The page of the site that payers go back to.
    pub site_url: Option<String>,
    /// Where the book is served, without a slash at its end.
    pub docs_url: Option<String>,
    /// Sandbox mode: no real money moves, and every page says so.
    pub sandbox: bool,
    /// `http://127.0.0.1:3080`: the origin of the page that stands in for a phone; only in sandbox mode.
    pub sandbox_scan_base: Option<String>,
    /// Price of one unit.
    pub unit_price: Fen,
    /// Units of an own amount.
    pub min_quantity: u32,
    pub max_quantity: u32,
    pub presets: Vec<Preset>,
    /// What a unit is called, where it is not just an amount of yuan.
    pub unit_name: Option<String>,
    /// The most that one user may order in a Beijing day.
    pub most_per_day: Option<Fen>,
    /// Given on top of the first order of an account; zero: nothing.
    pub first_bonus: Fen,
    /// Given on top for a time.
    pub promotion: Option<Promotion>,
    /// What receipts say of tax, below the figures.
    pub tax_line: Option<String>,
    /// Payers may ask for refunds of their orders.
    pub refund_wishes: bool,
    /// The ways to pay that are switched on.
    pub ways: Vec<Way>,
    /// Operators can make static codes.
    pub static_codes: bool,
    /// Without a slash at its end.
    pub public_url: String,
    /// Payers or WeChat are reached by plain http off this machine; the desk warns of it.
    pub plain_http: bool,
    /// Origins that may show payers' pages in a frame.
    pub frame_ancestors: Vec<String>,
    /// Credits by hand of this much or more need a second operator.
    pub second_person_from: Option<Fen>,
    /// The balance is kept here, and pages show it.
    pub keeps_balance: bool,
    pub files: SiteFiles,
}

/// A share of each amount that is given on top from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// As payers read it.
    pub name: String,
    pub from: UnixMillis,
    /// The first moment after it.
    pub until: UnixMillis,
    pub percent: u32,
}

impl Promotion {
    /// What it gives on an amount, in whole fen.
    pub fn bonus(&self, total_fee: i64) -> i64 {
        percent_of(total_fee, self.percent)
    }
}

impl SiteSettings {
    /// What is granted and allowed beside the price.
    pub fn terms(&self) -> Terms {
        Terms { most_per_day: self.most_per_day, first_bonus: self.first_bonus }
    }

    /// The promotion that holds now.
    pub fn promotion(&self, now: UnixMillis) -> Option<&Promotion> {
        self.promotion.as_ref().filter(|promotion| (promotion.from..promotion.until).contains(&now))
    }

    /// Price and bonus of `quantity` units, a promotion's share among it; `None` outside the limits.
    pub fn price_at(&self, quantity: u32, now: UnixMillis) -> Option<(Fen, Fen)> {
        let (total_fee, bonus) = self.price(quantity)?;
        let more = self.promotion(now).map_or(0, |promotion| promotion.bonus(total_fee.get()));
        Some((total_fee, bonus.checked_add(Fen::new(more))?))
    }

    /// Price and bonus of `quantity` units whatever the time is; `None` outside the limits.
    pub fn price(&self, quantity: u32) -> Option<(Fen, Fen)> {
        let preset = self.presets.iter().find(|preset| preset.quantity == quantity);
        if preset.is_none() && !(self.min_quantity..=self.max_quantity).contains(&quantity) {
            return None;
        }
        let fee = self.unit_price.get().checked_mul(i64::from(quantity)).filter(|fee| *fee > 0)?;
        Some((Fen::new(fee), Fen::new(preset.map_or(0, |preset| preset.bonus))))
    }

    /// How many units cost this; `None` where no order can.
    pub fn quantity(&self, total_fee: Fen) -> Option<u32> {
        let units =
            total_fee.get().checked_div(self.unit_price.get()).and_then(|units| u32::try_from(units).ok())?;
        self.price(units).filter(|(fee, _)| *fee == total_fee).map(|_| units)
    }

    /// The bonus of the preset with this price; nothing for any other amount.
    pub fn bonus(&self, total_fee: Fen) -> Fen {
        let price = |quantity| self.price(quantity).filter(|(fee, _)| *fee == total_fee);
        let found = self.presets.iter().find_map(|preset| price(preset.quantity));
        found.map_or(Fen::ZERO, |(_, bonus)| bonus)
    }

    /// Whether browsers reach the site by https, so that cookies can be marked secure.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The sandbox's phone page for a code; `None` with a real merchant.
    pub fn scan_url(&self, code_url: &str) -> Option<String> {
        let base = self.sandbox_scan_base.as_deref()?;
        Some(address(&format!("{base}/scan"), [("code_url", code_url)]))
    }
}

/// Shared settings.
pub type Site = Arc<SiteSettings>;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn site() -> SiteSettings {
        SiteSettings {
            name: "远山云".to_owned(),
            announcement: None,
            site_url: None,
            docs_url: None,
            sandbox: true,
            sandbox_scan_base: Some("http://127.0.0.1:3080".to_owned()),
            unit_price: Fen::new(100),
            min_quantity: 1,
            max_quantity: 5000,
            presets: vec![Preset { quantity: 50, bonus: 200 }],
            unit_name: None,
            most_per_day: None,
            first_bonus: Fen::ZERO,
            promotion: None,
            tax_line: None,
            refund_wishes: true,
            ways: vec![Way::Native],
            static_codes: false,
            public_url: "http://127.0.0.1:3000".to_owned(),
            plain_http: false,
            frame_ancestors: vec![],
            second_person_from: None,
            keeps_balance: true,
            files: SiteFiles { output_name: "saoma".to_owned(), css: "main.css".to_owned() },
        }
    }

    #[test]
    fn a_price_is_whole_units_within_the_limits_and_the_presets_bonus() {
        let table = [
            (0, None),
            (1, Some((100, 0))),
            (50, Some((5000, 200))),
            (51, Some((5100, 0))),
            (5000, Some((500_000, 0))),
            (5001, None),
            (u32::MAX, None),
        ];
        for (quantity, price) in table {
            let found = site().price(quantity).map(|(fee, bonus)| (fee.get(), bonus.get()));
            assert_eq!(found, price, "{quantity}");
        }
    }

    #[test]
    fn a_promotion_gives_its_share_from_its_first_moment_until_its_end() {
        let at = |text| UnixMillis::from_beijing(text).unwrap();
        let (from, until) = (at("20261111000000"), at("20261112000000"));
        let promotion = Some(Promotion { name: "双十一".to_owned(), from, until, percent: 15 });
        let site = SiteSettings { unit_price: Fen::new(33), promotion, ..site() };
        let table = [
            (from.plus_ms(-1), 50, 200),
            // 15 % of 16.50 yuan, cut to whole fen.
            (from, 50, 200 + 247),
            (until.plus_ms(-1), 1, 4),
            (until, 50, 200),
        ];
        for (now, quantity, bonus) in table {
            assert_eq!(site.price_at(quantity, now).unwrap().1, Fen::new(bonus), "{now:?} {quantity}");
        }
    }

    #[test]
    fn a_sum_is_whole_units_within_the_limits() {
        let table = [(5000, Some(50)), (100, Some(1)), (150, None), (0, None), (-100, None), (500_100, None)];
        for (fen, units) in table {
            assert_eq!(site().quantity(Fen::new(fen)), units, "{fen}");
        }
    }

    #[test]
    fn a_price_that_overflows_is_no_price() {
        let site = SiteSettings { unit_price: Fen::new(i64::MAX), ..site() };
        assert_eq!(site.price(2), None);
    }

    #[test]
    fn the_phone_page_gets_the_whole_code() {
        assert_eq!(
            site().scan_url("weixin://wxpay/bizpayurl?pr=a&b").as_deref(),
            Some("http://127.0.0.1:3080/scan?code_url=weixin%3A%2F%2Fwxpay%2Fbizpayurl%3Fpr%3Da%26b")
        );
    }
}
