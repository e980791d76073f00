//! The top-up page: reads the form, places the order, shows the dialog with its code and polls until the end.
//!
//! One cell holds a [`Model`]; every change goes through its pure methods, which return a [`Command`]. This file has only
//! what needs a browser: the events, the calls, the clock, the clipboard.

use std::cell::{Cell, RefCell};

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event, HtmlElement};

use super::calls::Poller;
use super::clock::{next_tick, now};
use super::dialog::Dialog;
use super::dom::{document, find, find_in, focus, listen, mark, target, window};
use super::messages::read_props;
use super::{calls, rehearsal, sheet};
use crate::checkout::foot::PRESSES;
use crate::checkout::look::Does;
use crate::checkout::model::{Command, Model};
use crate::checkout::phase::Phase;
use crate::checkout::stage::CANCELS;
use crate::checkout::{FORM_ID, ROOT_ID};
use crate::props::OFFER;
use crate::protocol::offer::{Choice, Offer};
use crate::text::{Lang, dialog};

/// The page's state, which lives as long as the page.
#[derive(Debug)]
pub struct Checkout {
    pub model: RefCell<Model>,
    pub choice: Cell<Choice>,
    pub offer: Offer,
    pub lang: Lang,
    /// The element around the form and its figures.
    pub root: Element,
    dialog: Dialog,
    poller: Poller,
    /// The balance that the figures show, in fen.
    balance: Cell<Option<i64>>,
    /// The document's title without the mark of a payment.
    title: String,
    /// The phase that the dialog shows.
    shown: Cell<Phase>,
}

/// Takes up the page if it is the top-up page.
pub fn start() {
    let found = (read_props::<Offer>(OFFER), find(&format!("#{ROOT_ID}")), Dialog::find());
    let (Some(offer), Some(root), Some(dialog)) = found else { return };
    let model = Model::new(&offer);
    let checkout: &'static Checkout = Box::leak(Box::new(Checkout {
        shown: Cell::new(model.phase()),
        model: RefCell::new(model),
        choice: Cell::new(offer.first_choice()),
        lang: offer.lang,
        root,
        dialog,
        poller: Poller::default(),
        balance: Cell::new(offer.balance),
        title: document().title(),
        offer,
    }));
    checkout.begin();
}

impl Checkout {
    /// Listens, and takes over what was typed or pressed before.
    fn begin(&'static self) {
        listen(&self.root, "submit", |event| {
            // The list below has forms of its own, which are sent as they are.
            if target::<Element>(&event).is_some_and(|form| form.id() == FORM_ID) {
                event.prevent_default();
                self.press();
            }
        });
        listen(&self.root, "input", |event| self.read_form(target(&event)));
        listen(&self.dialog.element, "close", |_| self.closed());
        for touch in ["pointermove", "keydown"] {
            listen(&self.dialog.element, touch, |_| self.tell(|model, _| model.touched()));
        }
        listen(&self.dialog.stage.element, "click", |event| self.pressed_in_stage(&event));
        listen(&self.dialog.foot.element, "click", |event| self.pressed_in_foot(&event));
        if let Some(button) = find::<Element>("#pay-close") {
            listen(&button, "click", |_| self.close());
        }
        listen(&document(), "visibilitychange", |_| match document().hidden() {
            true => self.tell(|model, _| model.hid()),
            false => self.change(Model::woke),
        });
        listen(&window(), "online", |_| self.change(Model::woke));
        listen(&window(), "offline", |_| {
            self.poller.end();
            self.tell(Model::cut);
        });
        self.read_form(None);
        rehearsal::begin(&self.offer, &self.dialog);
        if let Some(form) = find::<Element>(&format!("#{FORM_ID}")) {
            let pressed = form.has_attribute("data-pressed");
            mark(&form, "data-live", true);
            if pressed {
                self.press();
            }
        }
    }

    /// Changes the model, shows it if it differs afterwards, and does what follows.
    fn change(&'static self, change: impl FnOnce(&mut Model, i64) -> Command) {
        let (command, differs) = {
            let mut model = self.model.borrow_mut();
            let before = model.clone();
            (change(&mut model, now()), *model != before)
        };
        // A call is sent before the dialog is drawn, which takes a slow phone longer than the server needs.
        self.run(command);
        if differs {
            self.show();
        }
    }

    /// Tells the model of something from which nothing follows.
    fn tell(&'static self, change: impl FnOnce(&mut Model, i64)) {
        self.change(|model, now| {
            change(model, now);
            Command::Nothing
        });
    }

    fn show(&'static self) {
        let model = self.model.borrow();
        self.dialog.show(&model, self.lang);
        // The ring moves every second, the figures only with the balance.
        if self.balance.replace(model.balance) != model.balance {
            self.show_figures(model.balance);
        }
        let phase = model.phase();
        if self.shown.replace(phase) != phase {
            spawn_local(async {
                // After what the browser does by itself with the event that led here.
                TimeoutFuture::new(0).await;
                self.dialog.focus_first();
            });
        }
        // A payer in another tab sees it too.
        let is_paid = model.shown && matches!(phase, Phase::Paid | Phase::Late);
        let mark = if is_paid { self.lang.t(dialog::PAID_MARK) } else { "" };
        document().set_title(&format!("{mark}{}", self.title));
    }

    fn run(&'static self, command: Command) {
        if command == Command::Nothing {
            return;
        }
        self.poller.end();
        let (run, quantity, way, freed, order) = {
            let model = self.model.borrow();
            let order = model.order.as_ref();
            let order = order.map(|order| (order.out_trade_no.clone(), order.code_version, order.version));
            (model.run, model.quantity, model.way, model.freed.clone(), order.unwrap_or_default())
        };
        let placed = (command == Command::Create).then(|| calls::create_order(quantity, way));
        spawn_local(async move {
            let (number, code_version, version) = order;
            let answer = match command {
                Command::Nothing => return,
                Command::Create => match placed {
                    Some(answer) => answer.await,
                    None => return,
                },
                Command::CloseDialog => return self.close(),
                Command::OpenSheet => return self.open_sheet(run).await,
                Command::Leave => return self.leave(),
                Command::AskStatus(wait_s) => {
                    // Another call took its place, or the dialog was closed.
                    let asked = self.poller.order_status((&number, None), version, wait_s).await;
                    let Some(answer) = asked else { return };
                    answer
                }
                Command::CheckAgain => calls::check_again(&number).await,
                Command::Cancel => calls::cancel_order(&number).await,
                Command::MakeRoom => calls::cancel_order(&freed.unwrap_or_default()).await,
                Command::NewCode => calls::new_code(&number, code_version).await,
            };
            if self.model.borrow().run != run {
                return;
            }
            let has_network = window().navigator().on_line();
            self.change(|model, now| {
                model.has_network = has_network;
                match command {
                    Command::MakeRoom => model.made_room(now, answer),
                    Command::Create | Command::NewCode => model.placed(now, answer),
                    _ => {
                        model.polled(now, answer);
                        model.tick(now)
                    }
                }
            });
        });
    }

    /// Has WeChat's browser open its payment window, and takes its answer.
    async fn open_sheet(&'static self, run: u32) {
        let call = self.model.borrow().order.as_ref().and_then(|order| order.jsapi.clone());
        let Some(call) = call else { return };
        let answer = sheet::pay(&call).await;
        if self.model.borrow().run == run {
            self.change(|model, now| model.bridged(now, answer));
        }
    }

    /// Goes to the order's page at WeChat.
    fn leave(&self) {
        let page = self.model.borrow().order.as_ref().and_then(|order| order.pay_page.clone());
        if let Some(page) = page {
            // On failure the dialog's link is there.
            let _ = window().location().assign(&page);
        }
    }

    fn press(&'static self) {
        let Choice::Units(quantity) = self.choice.get() else { return };
        let (total_fee, bonus) = self.offer.price(quantity);
        self.change(|model, now| model.pressed(now, quantity, total_fee, bonus));
        // Fails only if it is open already.
        let _ = self.dialog.element.show_modal();
        spawn_local(async {
            while self.dialog.element.open() {
                self.change(Model::tick);
                next_tick().await;
            }
        });
    }

    fn close(&self) {
        self.dialog.element.close();
        // The browser gave the focus back to the pay button; the event that says so comes later than a key may.
        self.leave_the_pay_button();
    }

    /// After a payment the focus goes to the list: a key that was meant for the dialog would order again.
    fn leave_the_pay_button(&self) {
        let phase = self.model.borrow().phase();
        if matches!(phase, Phase::Paid | Phase::Late)
            && let Some(list) = find_in::<HtmlElement>(&self.root, "#mine")
        {
            focus(&list);
        }
    }

    /// The dialog was closed, by button, key or timer. Reloads the list below it.
    fn closed(&'static self) {
        let ordered = self.model.borrow().order.is_some();
        self.poller.end();
        // Also where the browser closed it, at the Escape key.
        self.leave_the_pay_button();
        self.tell(|model, _| model.closed());
        if let Some(list) = find_in::<Element>(&self.root, "#mine").filter(|_| ordered) {
            spawn_local(async move {
                if let Ok(rows) = calls::own_recharges().await {
                    list.set_inner_html(&rows);
                }
            });
        }
    }

    /// A press among the dialog's buttons: each carries the place of its action.
    fn pressed_in_foot(&'static self, event: &Event) {
        let pressed = target::<Element>(event).and_then(|at| at.closest(&format!("[{PRESSES}]")).ok()?);
        let place = pressed.and_then(|button| button.get_attribute(PRESSES)?.parse::<usize>().ok());
        let Some(place) = place else { return };
        let action = self.model.borrow().actions(self.lang).into_iter().nth(place);
        if let Some(action) = action {
            self.act(&action.does);
        }
    }

    fn act(&'static self, does: &Does) {
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

    /// A press in the dialog's left half: its buttons carry the number of an order.
    fn pressed_in_stage(&'static self, event: &Event) {
        if let Some(number) = target::<Element>(event).and_then(|element| element.get_attribute(CANCELS)) {
            self.change(|model, _| model.make_room(&number));
        }
    }

    fn copy_link(&'static self) {
        let link = self.model.borrow().order.as_ref().and_then(|order| order.link.clone());
        let Some(link) = link else { return };
        if !window().is_secure_context() {
            // Browsers offer no clipboard there: opens the page, whose address can be shared.
            let _ = window().location().assign(&link);
            return;
        }
        let _ = window().navigator().clipboard().write_text(&link);
        self.tell(|model, _| model.copied = true);
    }
}
