//! The apps (公众号, mobile app) of one merchant, in whose names orders are placed.

use wxpay::{AppId, InvalidValue, TradeType};

/// In whose name an order was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum App {
    /// The merchant's main app. A database belongs to one, so its appid is not stored with each order.
    Main,
    /// This one: payments inside a mobile app have an app of their own.
    Other(AppId),
}

impl App {
    /// The text in the database: the appid, or nothing for the main app.
    pub fn as_str(&self) -> &str {
        self.other().map_or("", AppId::as_str)
    }

    /// The appid, if it is not the main app's.
    pub fn other(&self) -> Option<&AppId> {
        match self {
            App::Main => None,
            App::Other(appid) => Some(appid),
        }
    }

    /// Reads that text.
    ///
    /// # Errors
    /// [`InvalidValue`] if it is not empty and no appid.
    pub fn parse(text: String) -> Result<App, InvalidValue> {
        Ok(if text.is_empty() { App::Main } else { App::Other(AppId::parse(text)?) })
    }
}

/// The merchant's apps, as they are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apps {
    /// The app of all orders but those of mobile apps.
    pub main: AppId,
    /// The one of payments inside the merchant's mobile app, if there is one.
    pub mobile: Option<AppId>,
}

impl Apps {
    /// A merchant with one app.
    pub fn only(main: AppId) -> Apps {
        Apps { main, mobile: None }
    }

    /// Whether it is one of the merchant's apps whose money belongs in these books.
    pub fn contains(&self, appid: &AppId) -> bool {
        self.main == *appid || self.mobile.as_ref() == Some(appid)
    }

    /// The appid with which an order was placed, also if the setting has changed since.
    pub fn appid_of<'a>(&'a self, app: &'a App) -> &'a AppId {
        match app {
            App::Main => &self.main,
            App::Other(appid) => appid,
        }
    }

    /// The app for a new order of this trade type; `None` if there is none.
    pub fn for_trade_type(&self, trade_type: TradeType) -> Option<App> {
        match trade_type {
            TradeType::Native | TradeType::Jsapi | TradeType::Mweb => Some(App::Main),
            TradeType::App => self.mobile.clone().map(App::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appid(text: &str) -> AppId {
        AppId::parse(text).unwrap()
    }

    #[test]
    fn only_orders_of_mobile_apps_have_an_appid_of_their_own() {
        let apps = Apps { mobile: Some(appid("wxmobile")), ..Apps::only(appid("wxmain")) };
        for (trade_type, stored) in [
            (TradeType::Native, ""),
            (TradeType::Jsapi, ""),
            (TradeType::Mweb, ""),
            (TradeType::App, "wxmobile"),
        ] {
            let app = apps.for_trade_type(trade_type).unwrap();
            assert_eq!(app.as_str(), stored);
            assert_eq!(App::parse(stored.to_owned()).unwrap(), app);
            assert!(apps.contains(apps.appid_of(&app)), "{trade_type:?}");
        }
        assert_eq!(Apps::only(appid("wxmain")).for_trade_type(TradeType::App), None);
        assert!(App::parse("wx main".to_owned()).is_err());
    }

    #[test]
    fn an_order_keeps_its_app_after_the_setting_has_changed() {
        let placed = App::Other(appid("wxold"));
        let apps = Apps { mobile: Some(appid("wxnew")), ..Apps::only(appid("wxmain")) };
        assert_eq!(apps.appid_of(&placed), &appid("wxold"));
    }
}
