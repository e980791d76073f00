//! The top-up page's island: reads the form, places the order, shows the dialog with its code and polls until the end.
//!
//! One signal holds a [`Model`]; every change goes through its pure methods, which return a [`Command`]. This file has only
//! what needs a browser: the view, the calls, the clock, the clipboard.

mod look;
mod model;
mod pay_dialog;
mod phase;
mod stage;

use gloo_timers::future::TimeoutFuture;
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{self, wasm_bindgen::JsCast};

pub use self::look::{credit_words, other_way};
use self::model::{Command, Model};
use self::pay_dialog::pay_dialog;
use self::phase::Phase;
pub use self::stage::{money_markup, qr_markup};
use crate::protocol::offer::{Choice, Offer};

use self::look::Does;
use crate::api;
use crate::bridge;
use crate::clock::now;
use crate::island_props::read_props;
use crate::money::money;
use crate::text::{Lang, payer};

/// Milliseconds between two looks at the clock.
const TICK_MS: u32 = 250;

/// What the event handlers share. Cheap to copy: handles only.
#[derive(Clone, Copy)]
struct Handle {
    model: RwSignal<Model>,
    choice: RwSignal<Choice>,
    offer: StoredValue<Offer>,
    lang: Lang,
    dialog: NodeRef<html::Dialog>,
    /// The element around the server's markup.
    root: NodeRef<html::Div>,
}

impl Handle {
    /// Changes the model; notifies the view only if it differs afterwards.
    fn change(self, change: impl FnOnce(&mut Model, i64) -> Command) {
        let mut command = Command::Nothing;
        self.model.maybe_update(|model| {
            let before = model.clone();
            command = change(model, now());
            *model != before
        });
        self.run(command);
    }

    fn run(self, command: Command) {
        let (run, quantity, way) = self.model.with_untracked(|model| (model.run, model.quantity, model.way));
        let order = self.model.with_untracked(|model| {
            model.order.as_ref().map(|order| (order.out_trade_no.clone(), order.code_version))
        });
        let is_placing = matches!(command, Command::Create | Command::NewCode);
        if command == Command::Nothing {
            return;
        }
        spawn_local(async move {
            let (number, version) = order.unwrap_or_default();
            let answer = match command {
                Command::Nothing => return,
                Command::CloseDialog => return self.close(),
                Command::OpenSheet => return self.open_sheet(run).await,
                Command::Leave => return self.leave(),
                Command::Create => api::create_order(quantity, Some(way)).await,
                Command::AskStatus => api::order_status(number, None).await,
                Command::CheckAgain => api::check_again(number).await,
                Command::NewCode => api::new_code(number, version).await,
            };
            if self.model.with_untracked(|model| model.run) != run {
                return;
            }
            self.change(|model, now| {
                if is_placing {
                    return model.placed(now, answer);
                }
                model.polled(now, answer);
                model.tick(now)
            });
        });
    }

    /// Has WeChat's browser open its payment window, and takes its answer.
    async fn open_sheet(self, run: u32) {
        let call =
            self.model.with_untracked(|model| model.order.as_ref().and_then(|order| order.jsapi.clone()));
        let Some(call) = call else { return };
        let answer = bridge::pay(&call).await;
        if self.model.with_untracked(|model| model.run) == run {
            self.change(|model, now| model.bridged(now, answer));
        }
    }

    /// Goes to the order's page at WeChat.
    fn leave(self) {
        let page =
            self.model.with_untracked(|model| model.order.as_ref().and_then(|order| order.pay_page.clone()));
        if let Some(page) = page {
            // On failure the dialog's link is there.
            let _ = window().location().assign(&page);
        }
    }

    fn press(self) {
        let Choice::Units(quantity) = self.choice.get_untracked() else { return };
        let (total_fee, bonus) = self.offer.with_value(|offer| offer.price(quantity));
        self.change(|model, now| model.pressed(now, quantity, total_fee, bonus));
        if let Some(dialog) = self.dialog.get_untracked() {
            // Fails only if it is open already.
            let _ = dialog.show_modal();
        }
        spawn_local(async move {
            while self.dialog.get_untracked().is_some_and(|dialog| dialog.open()) {
                self.change(Model::tick);
                TimeoutFuture::new(TICK_MS).await;
            }
        });
    }

    /// Moves the focus to the first button of the dialog's new state, or to its title.
    fn focus(self) {
        spawn_local(async move {
            // The buttons are rendered after the current changes.
            TimeoutFuture::new(0).await;
            let Some(dialog) = self.dialog.get_untracked() else { return };
            let found = |selector| dialog.query_selector(selector).ok().flatten();
            let first = found(".pay-foot .button:not(:disabled)").or_else(|| found("h3"));
            if let Some(element) = first.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
                // On failure the focus stays where it was.
                let _ = element.focus();
            }
        });
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
        }
    }

    /// The dialog was closed, by button, key or timer. Reloads the list below it.
    fn closed(self) {
        let ordered = self.model.with_untracked(|model| model.order.is_some());
        self.change(|model, _| {
            model.closed();
            Command::Nothing
        });
        if ordered && self.find::<web_sys::Element>("#mine").is_some() {
            spawn_local(async move {
                if let (Ok(rows), Some(list)) =
                    (api::own_recharges().await, self.find::<web_sys::Element>("#mine"))
                {
                    list.set_inner_html(&rows);
                }
            });
        }
    }

    fn act(self, does: &Does) {
        match does {
            Does::Close => self.close(),
            Does::Check => self.change(Model::check),
            Does::NewCode => self.change(Model::wants_new_code),
            Does::Again => self.change(Model::again),
            Does::Wake => self.change(Model::woke),
            Does::CopyLink => self.copy_link(),
            Does::OtherWay(way) => self.change(|model, now| model.wants_way(now, *way)),
            Does::Open(..) => {}
        }
    }

    fn copy_link(self) {
        let Some(link) = self.model.with_untracked(|model| model.order.as_ref()?.link.clone()) else {
            return;
        };
        if !window().is_secure_context() {
            // Browsers offer no clipboard there: opens the page, whose address can be shared.
            let _ = window().location().set_href(&link);
            return;
        }
        let _ = window().navigator().clipboard().write_text(&link);
        self.change(|model, _| {
            model.copied = true;
            Command::Nothing
        });
    }

    fn find<T: JsCast>(self, selector: &str) -> Option<T> {
        self.root.get_untracked()?.query_selector(selector).ok()??.dyn_into().ok()
    }

    /// Reads the form. The input that changed last clears the other one; at the start an own amount takes precedence.
    fn read_form(self, changed: Option<web_sys::HtmlInputElement>) {
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
    fn show_figures(self) {
        let choice = self.choice.get();
        let balance = self.model.with(|model| model.balance);
        let (fee, bonus) = match choice {
            Choice::Units(quantity) => self.offer.with_value(|offer| offer.price(quantity)),
            Choice::Nothing | Choice::Wrong => (0, 0),
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
        put("#pay-label", &self.lang.fill(payer::PAY, &[("amount", &money(fee))]));
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
    }

    /// Starts the island: takes over what was typed or pressed before.
    fn begin(self) {
        self.read_form(None);
        let wake = move || self.change(Model::woke);
        let visible = window_event_listener(ev::visibilitychange, move |_| wake());
        let online = window_event_listener(ev::online, move |_| wake());
        on_cleanup(move || {
            visible.remove();
            online.remove();
        });
        if let Some(form) = self.find::<web_sys::Element>("form") {
            let pressed = form.has_attribute("data-pressed");
            let _ = form.set_attribute("data-live", "");
            if pressed {
                self.press();
            }
        }
    }
}

/// The id of the element with the island's [`Offer`].
pub const PROPS_ID: &str = "offer";

/// The island around the top-up page. `children` is the server's markup, which works without it; the island adds the dialog
/// and updates the figures.
#[island]
pub fn Checkout(children: Children) -> impl IntoView {
    let offer: Option<Offer> = read_props(PROPS_ID);
    offer.map(|offer| live(offer, children))
}

fn live(offer: Offer, children: Children) -> impl IntoView {
    let handle = Handle {
        model: RwSignal::new(Model::new(&offer)),
        choice: RwSignal::new(offer.first_choice()),
        lang: offer.lang,
        dialog: NodeRef::new(),
        root: NodeRef::new(),
        offer: StoredValue::new(offer.clone()),
    };
    Effect::new(move || {
        handle.begin();
        Effect::new(move || handle.show_figures());
        Effect::new(move |before: Option<Phase>| {
            let phase = handle.model.with(Model::phase);
            if before.is_some_and(|before| before != phase) {
                handle.focus();
            }
            phase
        });
    });
    view! {
        <div
            node_ref=handle.root
            on:submit=move |event| {
                event.prevent_default();
                handle.press();
            }
            on:input=move |event| handle.read_form(event.target().and_then(|target| target.dyn_into().ok()))
        >
            {children()}
        </div>
        {pay_dialog(handle, &offer)}
    }
}
