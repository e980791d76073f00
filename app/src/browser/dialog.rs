//! The payment dialog: shows a [`Model`] in the server's markup.

use std::cell::RefCell;

use web_sys::{Element, HtmlDialogElement, HtmlElement};

use super::dom::{Part, document, find, find_in, focus, mark, set_attribute};
use crate::checkout::foot::{PRESSES, foot_markup};
use crate::checkout::look::{Corner, Stage};
use crate::checkout::model::Model;
use crate::checkout::stage::{icon, money_markup};
use crate::escape::escape;
use crate::text::{Lang, dialog};

/// The dialog and the parts of it that change.
#[derive(Debug)]
pub struct Dialog {
    pub element: HtmlDialogElement,
    pub stage: Part,
    pub foot: Part,
    sum: Part,
    credit: Part,
    ring: Element,
    /// The circle that grows shorter.
    left: Element,
    seconds: Part,
    warning: Part,
    title: Part,
    text: Part,
    /// The code on the stage, by the text in it and its fen, if there is one.
    code: RefCell<Option<(String, i64)>>,
}

impl Dialog {
    /// The page's dialog, if it has one.
    pub fn find() -> Option<Dialog> {
        Dialog::of(find("#pay")?)
    }

    /// The dialog in this element.
    pub fn of(element: HtmlDialogElement) -> Option<Dialog> {
        Some(Dialog {
            stage: Part::find(&element, ".pay-stage")?,
            foot: Part::find(&element, ".pay-foot")?,
            sum: Part::find(&element, "#pay-sum")?,
            credit: Part::find(&element, "#pay-credit")?,
            ring: find_in(&element, "#pay-ring")?,
            left: find_in(&element, "#pay-ring circle + circle")?,
            seconds: Part::find(&element, "#pay-ring > span")?,
            warning: Part::find(&element, "#pay-warning")?,
            title: Part::find(&element, "h3")?,
            text: Part::find(&element, ".pay-body p")?,
            code: RefCell::default(),
            element,
        })
    }

    /// Shows the model.
    pub fn show(&self, model: &Model, lang: Lang) {
        let order = model.order.as_ref().map(|order| order.out_trade_no.as_str());
        set_attribute(&self.element, "data-state", Some(model.phase().name()));
        set_attribute(&self.element, "data-order", order);
        set_attribute(&self.element, "data-fee", Some(&model.total_fee.to_string()));
        let tone = (model.stage() == Stage::Credited).then_some("paid");
        set_attribute(&self.stage.element, "data-tone", tone);
        self.show_stage(model, lang);
        self.sum.show(money_markup(model.total_fee, "l"));
        self.credit.show(escape(&model.credit(lang)));
        let (title, text) = model.words(lang);
        self.title.show(escape(&title));
        self.text.show(escape(&text));
        self.show_corner(model, lang);
        self.show_foot(foot_markup(&model.actions(lang), model.is_checking()));
    }

    /// A code is drawn once, and not at each second of the ring: that takes longer than all else that a change of the model does.
    fn show_stage(&self, model: &Model, lang: Lang) {
        let code = model.code();
        if code.is_some() && *self.code.borrow() == code {
            return;
        }
        self.stage.show(model.stage_markup(lang));
        self.code.replace(code);
    }

    fn show_corner(&self, model: &Model, lang: Lang) {
        let corner = model.corner();
        mark(&self.ring, "hidden", corner != Corner::Ring);
        let (left, whole) = (model.left_s.to_string(), model.whole_s.max(1).to_string());
        set_attribute(&self.ring, "aria-label", Some(&lang.fill(dialog::SECONDS, &[("n", &left)])));
        set_attribute(&self.left, "pathLength", Some(&whole));
        set_attribute(&self.left, "stroke-dasharray", Some(&format!("{left} {whole}")));
        self.seconds.show(format!("{left}<small>{}</small>", lang.t(dialog::SECOND_UNIT)));
        let warning = match corner {
            Corner::Warn(d) => icon(d),
            _ => String::new(),
        };
        mark(&self.warning.element, "hidden", warning.is_empty());
        self.warning.show(warning);
    }

    /// The focus stays at its place among the buttons.
    fn show_foot(&self, markup: String) {
        let focused = document().active_element().filter(|element| self.foot.element.contains(Some(element)));
        let place = focused.and_then(|element| element.get_attribute(PRESSES));
        if self.foot.show(markup)
            && let Some(n) = place
            && let Some(button) = find_in::<HtmlElement>(&self.foot.element, &format!("[{PRESSES}=\"{n}\"]"))
        {
            focus(&button);
        }
    }

    /// Moves the focus to the first button of the dialog's new state, or to its title.
    pub fn focus_first(&self) {
        let first = find_in(&self.element, ".pay-foot .button:not(:disabled)");
        if let Some(element) = first.or_else(|| find_in::<HtmlElement>(&self.element, "h3")) {
            focus(&element);
        }
    }
}
