//! The form of the top-up page: what is chosen in it, and the figures that follow.

use leptos::prelude::*;
use leptos::web_sys;

use super::Handle;
use super::stage::money_markup;
use crate::money::money;
use crate::protocol::offer::Choice;
use crate::text::{dialog, payer};

impl Handle {
    /// Reads the form. The input that changed last clears the other one; at the start an own amount takes precedence.
    pub(super) fn read_form(self, changed: Option<web_sys::HtmlInputElement>) {
        let checked = || self.find::<web_sys::HtmlInputElement>("input:checked");
        let Some(own) = self.find::<web_sys::HtmlInputElement>("#own") else { return };
        match checked() {
            _ if changed.is_some_and(|input| input.id() != "own") => own.set_value(""),
            Some(radio) if !own.value().is_empty() => radio.set_checked(false),
            _ => {}
        }
        let chosen = checked().map(|radio| radio.value()).unwrap_or_default();
        self.choice.set(self.offer.with_value(|offer| offer.choice(&chosen, &own.value())));
    }

    /// Updates the figures in the server's markup, which it finds by id.
    pub(super) fn show_figures(self) {
        let choice = self.choice.get();
        let balance = self.model.with(|model| model.balance);
        let (fee, bonus) = match choice {
            Choice::Units(quantity) => self.offer.with_value(|offer| offer.price(quantity)),
            Choice::Nothing | Choice::Wrong | Choice::Over => (0, 0),
        };
        let put = |name: &str, markup: &str| {
            if let Some(element) = self.find::<web_sys::Element>(name) {
                element.set_inner_html(markup);
            }
        };
        put("#sum-pay", &money_markup(fee, "l"));
        put("#sum-bonus", &money(bonus));
        if let Some(balance) = balance {
            put("#balance", &money_markup(balance, "l"));
            put("#sum-after", &money(balance + fee + bonus));
        }
        // No sum stands on a button that cannot be pressed.
        let label = match choice {
            Choice::Units(_) => self.lang.fill(payer::PAY, &[("amount", &money(fee))]),
            _ => self.lang.t(dialog::TITLE).to_owned(),
        };
        put("#pay-label", &label);
        let set = |name: &str, attribute: &str, on: bool| {
            if let Some(element) = self.find::<web_sys::Element>(name) {
                let _ = match on {
                    true => element.set_attribute(attribute, "true"),
                    false => element.remove_attribute(attribute),
                };
            }
        };
        set("[data-kind=pay]", "disabled", !matches!(choice, Choice::Units(_)));
        set("#own", "aria-invalid", choice == Choice::Wrong);
        set("#own-error", "hidden", choice != Choice::Wrong);
        set("#day-error", "hidden", choice != Choice::Over);
    }
}
