//! The form of the top-up page: what is chosen in it, and the figures that follow.

use web_sys::{Element, HtmlInputElement};

use super::checkout::Checkout;
use super::dom::{find_in, set_attribute};
use crate::checkout::stage::money_markup;
use crate::money::money;
use crate::protocol::offer::Choice;
use crate::text::{dialog, payer};

impl Checkout {
    /// Reads the form. The input that changed last clears the other one; at the start an own amount takes precedence.
    pub fn read_form(&self, changed: Option<HtmlInputElement>) {
        let checked = || find_in::<HtmlInputElement>(&self.root, "input:checked");
        let Some(own) = find_in::<HtmlInputElement>(&self.root, "#own") else { return };
        match checked() {
            _ if changed.is_some_and(|input| input.id() != "own") => own.set_value(""),
            Some(radio) if !own.value().is_empty() => radio.set_checked(false),
            _ => {}
        }
        let chosen = checked().map(|radio| radio.value()).unwrap_or_default();
        self.choice.set(self.offer.choice(&chosen, &own.value()));
        let balance = self.model.borrow().balance;
        self.show_figures(balance);
    }

    /// Updates the figures in the server's markup. The balance is in fen.
    pub fn show_figures(&self, balance: Option<i64>) {
        let choice = self.choice.get();
        let (fee, bonus) = match choice {
            Choice::Units(quantity) => self.offer.price(quantity),
            Choice::Nothing | Choice::Wrong | Choice::Over => (0, 0),
        };
        let put = |name: &str, markup: &str| {
            if let Some(element) = find_in::<Element>(&self.root, name) {
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
            if let Some(element) = find_in::<Element>(&self.root, name) {
                set_attribute(&element, attribute, on.then_some("true"));
            }
        };
        set("[data-kind=pay]", "disabled", !matches!(choice, Choice::Units(_)));
        set("#own", "aria-invalid", choice == Choice::Wrong);
        set("#own-error", "hidden", choice != Choice::Wrong);
        set("#day-error", "hidden", choice != Choice::Over);
    }
}
