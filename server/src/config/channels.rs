//! Which ways to pay are offered: `SAOMA_WECHAT_CHANNELS`.

use std::fmt;

use wxpay::TradeType;

use super::ConfigError;

const SETTING: &str = "SAOMA_WECHAT_CHANNELS";

/// What a payer may be offered, and no other way is: not by pages, and not by the API for integrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    native: bool,
    jsapi: bool,
    mweb: bool,
    app: bool,
    /// Static codes of products: WeChat asks for the order when one is scanned (模式一).
    pub static_codes: bool,
}

impl Channels {
    /// All of them, as the sandbox offers them.
    pub const ALL: Channels =
        Channels { native: true, jsapi: true, mweb: true, app: true, static_codes: true };

    const NONE: Channels =
        Channels { native: false, jsapi: false, mweb: false, app: false, static_codes: false };

    /// What a merchant offers who says nothing.
    pub const NATIVE: Channels = Channels { native: true, ..Self::NONE };

    /// # Errors
    /// [`ConfigError`] for a word that is none of the five (`H5` is taken for `MWEB`), for one that stands twice, and for none.
    pub(super) fn read(words: &[String]) -> Result<Self, ConfigError> {
        let must =
            || ConfigError::new(SETTING, "must be a list of NATIVE, JSAPI, MWEB, APP, STATIC, each once");
        let mut channels = Self::NONE;
        for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            let one = match word {
                "NATIVE" => &mut channels.native,
                "JSAPI" => &mut channels.jsapi,
                "MWEB" | "H5" => &mut channels.mweb,
                "APP" => &mut channels.app,
                "STATIC" => &mut channels.static_codes,
                _ => return Err(must()),
            };
            if std::mem::replace(one, true) {
                return Err(must());
            }
        }
        if channels == Self::NONE { Err(must()) } else { Ok(channels) }
    }

    pub fn offers(&self, trade_type: TradeType) -> bool {
        match trade_type {
            TradeType::Native => self.native,
            TradeType::Jsapi => self.jsapi,
            TradeType::Mweb => self.mweb,
            TradeType::App => self.app,
        }
    }
}

/// The trade types that are offered, as an integrator may ask for them: `NATIVE, JSAPI`.
impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [TradeType::Native, TradeType::Jsapi, TradeType::Mweb, TradeType::App];
        let offered: Vec<_> =
            all.into_iter().filter(|kind| self.offers(*kind)).map(TradeType::as_str).collect();
        f.write_str(&offered.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Channels, ConfigError> {
        Channels::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_named_is_offered() {
        let channels = read(&["NATIVE", " H5 "]).unwrap();
        assert!(channels.offers(TradeType::Native) && channels.offers(TradeType::Mweb));
        assert!(!channels.offers(TradeType::Jsapi) && !channels.offers(TradeType::App));
        assert!(!channels.static_codes);
        assert_eq!(channels.to_string(), "NATIVE, MWEB");
        assert_eq!(read(&["JSAPI", "MWEB", "APP", "STATIC", "NATIVE"]), Ok(Channels::ALL));
    }

    #[test]
    fn unknown_words_doubled_ones_and_none_are_refused() {
        for words in [&["native"][..], &["MICROPAY"], &["NATIVE", "NATIVE"], &["H5", "MWEB"], &[], &[""]] {
            assert_eq!(read(words).unwrap_err().setting, SETTING, "{words:?}");
        }
    }
}
