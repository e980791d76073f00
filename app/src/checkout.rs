//! The top-up page's island: reads the form, places the order, shows the dialog with its code and polls until the end.
//!
//! One signal holds a [`Model`]; every change goes through its pure methods, which return a [`Command`]. This file has only
//! what needs a browser: the view, the calls, the clock, the clipboard.

mod figures;
mod look;
mod model;
mod pay_dialog;
mod phase;
mod stage;

use futures_util::future::{AbortHandle, abortable};
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
use self::stage::CANCELS;
pub use self::stage::qr_markup;
use crate::protocol::offer::{Choice, Offer};

use self::look::Does;
use crate::api;
use crate::bridge;
use crate::clock::now;
use crate::island_props::read_props;
use crate::text::{Lang, dialog};

/// The id of the form that places an order.
pub const FORM_ID: &str = "top-up";

/// Milliseconds between two looks at the clock.
const TICK_MS: u32 = 250;

/// What the event handlers share. Cheap to copy: handles only.
#[derive(Clone, Copy)]
struct Handle {
    model: RwSignal<Model>,
    choice: RwSignal<Choice>,
    offer: StoredValue<Offer>,
    /// Ends the poll that is under way, so that the server's place for it is free.
    polling: StoredValue<Option<AbortHandle>>,
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
        let freed = self.model.with_untracked(|model| model.freed.clone());
        let order = self.model.with_untracked(|model| {
            model.order.as_ref().map(|order| (order.out_trade_no.clone(), order.code_version, order.version))
        });
        let is_placing = matches!(command, Command::Create | Command::NewCode);
        let is_making_room = command == Command::MakeRoom;
        if command == Command::Nothing {
            return;
        }
        self.end_poll();
        spawn_local(async move {
            let (number, code_version, version) = order.unwrap_or_default();
            let answer = match command {
                Command::Nothing => return,
                Command::CloseDialog => return self.close(),
                Command::OpenSheet => return self.open_sheet(run).await,
                Command::Leave => return self.leave(),
                Command::Create => api::create_order(quantity, Some(way)).await,
                Command::AskStatus(wait_s) => {
                    let asked = api::order_status(number, None, Some(version), Some(wait_s));
                    let (asked, handle) = abortable(asked);
                    self.polling.set_value(Some(handle));
                    // Another call took its place, or the dialog was closed.
                    let Ok(answer) = asked.await else { return };
                    answer
                }
                Command::CheckAgain => api::check_again(number).await,
                Command::Cancel => api::cancel_order(number).await,
                Command::MakeRoom => api::cancel_order(freed.unwrap_or_default()).await,
                Command::NewCode => api::new_code(number, code_version).await,
            };
            if self.model.with_untracked(|model| model.run) != run {
                return;
            }
            let has_network = window().navigator().on_line();
            self.change(|model, now| {
                model.has_network = has_network;
                if is_making_room {
                    return model.made_room(now, answer);
                }
                if is_placing {
                    return model.placed(now, answer);
                }
                model.polled(now, answer);
                model.tick(now)
            });
        });
    }

    fn end_poll(self) {
        if let Some(handle) = self.polling.try_update_value(Option::take).flatten() {
            handle.abort();
        }
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
                // Without scrolling: in a low window that would take the code out of sight.
                let _ = element.focus_with_options(&still());
            }
        });
    }

    /// The payer is at the dialog.
    fn touched(self) {
        self.change(|model, _| {
            model.touched();
            Command::Nothing
        });
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
            // The browser gave the focus back to the pay button; the event that says so comes later than a key may.
            self.leave_the_pay_button();
        }
    }

    /// After a payment the focus goes to the list: a key that was meant for the dialog would order again.
    fn leave_the_pay_button(self) {
        let phase = self.model.with_untracked(|model| model.phase());
        if matches!(phase, Phase::Paid | Phase::Late)
            && let Some(list) = self.find::<web_sys::HtmlElement>("#mine")
        {
            let _ = list.focus_with_options(&still());
        }
    }

    /// The dialog was closed, by button, key or timer. Reloads the list below it.
    fn closed(self) {
        let ordered = self.model.with_untracked(|model| model.order.is_some());
        self.end_poll();
        // Also where the browser closed it, at the Escape key.
        self.leave_the_pay_button();
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
            Does::Cancel => self.change(Model::cancel),
            Does::Retry => self.change(Model::retry),
            Does::CopyLink => self.copy_link(),
            Does::OtherWay(way) => self.change(|model, now| model.wants_way(now, *way)),
            Does::Open(..) => {}
        }
    }

    /// A press in the dialog's left half, which is one piece of markup: its buttons carry the number of an order.
    fn pressed_in_stage(self, event: &ev::MouseEvent) {
        let pressed = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if let Some(number) = pressed.and_then(|element| element.get_attribute(CANCELS)) {
            self.change(|model, _| model.make_room(&number));
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

    /// Starts the island: takes over what was typed or pressed before.
    fn begin(self) {
        self.read_form(None);
        let wake = move || self.change(Model::woke);
        let visible = window_event_listener(ev::visibilitychange, move |_| match document().hidden() {
            true => self.change(|model, _| {
                model.hid();
                Command::Nothing
            }),
            false => wake(),
        });
        let online = window_event_listener(ev::online, move |_| wake());
        let offline = window_event_listener(ev::offline, move |_| {
            self.end_poll();
            self.change(|model, now| {
                model.cut(now);
                Command::Nothing
            });
        });
        on_cleanup(move || {
            visible.remove();
            online.remove();
            offline.remove();
        });
        if let Some(form) = self.find::<web_sys::Element>(&format!("#{FORM_ID}")) {
            let pressed = form.has_attribute("data-pressed");
            let _ = form.set_attribute("data-live", "");
            if pressed {
                self.press();
            }
        }
    }
}

/// Focus without scrolling.
fn still() -> web_sys::FocusOptions {
    let options = web_sys::FocusOptions::new();
    options.set_prevent_scroll(true);
    options
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
        polling: StoredValue::new(None),
        choice: RwSignal::new(offer.first_choice()),
        lang: offer.lang,
        dialog: NodeRef::new(),
        root: NodeRef::new(),
        offer: StoredValue::new(offer.clone()),
    };
    Effect::new(move || {
        handle.begin();
        let title = document().title();
        Effect::new(move || handle.show_figures());
        Effect::new(move |before: Option<Phase>| {
            let phase = handle.model.with(Model::phase);
            if before.is_some_and(|before| before != phase) {
                handle.focus();
            }
            // A payer in another tab sees it too.
            let is_paid =
                handle.model.with(|model| model.shown) && matches!(phase, Phase::Paid | Phase::Late);
            let mark = if is_paid { handle.lang.t(dialog::PAID_MARK) } else { "" };
            document().set_title(&format!("{mark}{title}"));
            phase
        });
    });
    view! {
        <div
            node_ref=handle.root
            on:submit=move |event| {
                // The list below has forms of its own, which are sent as they are.
                let form = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
                if form.is_some_and(|form| form.id() == FORM_ID) {
                    event.prevent_default();
                    handle.press();
                }
            }
            on:input=move |event| handle.read_form(event.target().and_then(|target| target.dyn_into().ok()))
        >
            {children()}
        </div>
        {pay_dialog(handle, &offer)}
    }
}
