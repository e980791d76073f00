//! The recharge page's island: choose an amount, order, dialog with the code, ask until it is paid, end.
//!
//! One signal holds a [`Model`]; every change goes through its pure methods, which answer with a [`Command`]. Here is
//! only what needs a browser: the view, the calls, the clock, the clipboard.

mod look;
mod model;
mod offer;
mod stage;

use gloo_timers::future::TimeoutFuture;
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{self, wasm_bindgen::JsCast};

pub use self::model::{Command, Model, Phase};
pub use self::offer::{Choice, Device, Offer, Preset, whole_number};
pub use self::stage::{money_markup, qr_markup};

use self::look::{Action, Corner, Does};
use crate::api;
use crate::clock::now;
use crate::icons::{self, Icon};
use crate::money::{money, money_short, thousands};
use crate::text::{Lang, common, dialog, payer};

/// How often the dialog looks at its clock.
const TICK_MS: u32 = 250;

/// What the event handlers share. Cheap to copy: handles only.
#[derive(Clone, Copy)]
struct Handle {
    model: RwSignal<Model>,
    choice: RwSignal<Choice>,
    offer: StoredValue<Offer>,
    lang: Lang,
    dialog: NodeRef<html::Dialog>,
    form: NodeRef<html::Form>,
    list: NodeRef<html::Div>,
}

impl Handle {
    /// Changes the model, and notifies the page only if something is different.
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
        let (run, quantity) = self.model.with_untracked(|model| (model.run, model.quantity));
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
                Command::Create => api::create_order(quantity).await,
                Command::AskStatus => api::order_status(number, None).await,
                Command::CheckAgain => api::check_again(number).await,
                Command::NewCode => api::new_code(number, version).await,
            };
            if self.model.with_untracked(|model| model.run) != run {
                return;
            }
            self.change(|model, now| {
                if is_placing {
                    model.placed(now, answer);
                    return Command::Nothing;
                }
                model.heard(now, answer);
                model.tick(now)
            });
        });
    }

    fn press(self) {
        let Choice::Units(quantity) = self.choice.get_untracked() else { return };
        let (total_fee, bonus) = self.offer.with_value(|offer| offer.price(quantity));
        self.change(|model, now| model.pressed(now, quantity, total_fee, bonus));
        if let Some(dialog) = self.dialog.get_untracked() {
            // Fails only if it is open already.
            let _ = dialog.show_modal();
        }
        let run = self.model.with_untracked(|model| model.run);
        spawn_local(async move {
            while self.dialog.get_untracked().is_some_and(|dialog| dialog.open()) {
                self.change(Model::tick);
                TimeoutFuture::new(TICK_MS).await;
            }
            let _ = run;
        });
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
        }
    }

    /// The dialog is closed, by whatever way. The list below gets its new row.
    fn closed(self) {
        let ordered = self.model.with_untracked(|model| model.order.is_some());
        self.change(|model, _| {
            model.closed();
            Command::Nothing
        });
        if ordered {
            spawn_local(async move {
                if let (Ok(rows), Some(list)) =
                    (api::own_recharges(self.lang).await, self.list.get_untracked())
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
            Does::Open(..) => {}
        }
    }

    fn copy_link(self) {
        let Some(link) = self.model.with_untracked(|model| model.order.as_ref()?.link.clone()) else {
            return;
        };
        if !window().is_secure_context() {
            // No clipboard there: the page itself can be shared from the address bar.
            let _ = window().location().set_href(&link);
            return;
        }
        let _ = window().navigator().clipboard().write_text(&link);
        self.change(|model, _| {
            model.copied = true;
            Command::Nothing
        });
    }

    /// Reads the form. The one of the two ways to choose that was used last clears the other.
    fn read_form(self, changed: Option<web_sys::HtmlInputElement>) {
        let Some(form) = self.form.get_untracked() else { return };
        let checked = || {
            let found = form.query_selector("input:checked").ok().flatten();
            found.and_then(|input| input.dyn_into::<web_sys::HtmlInputElement>().ok())
        };
        let own = form.query_selector("#own").ok().flatten();
        let Some(own) = own.and_then(|input| input.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        match (changed.map(|input| input.id() == "own"), checked()) {
            (Some(true), Some(radio)) if !own.value().is_empty() => radio.set_checked(false),
            (Some(false), _) => own.set_value(""),
            _ => {}
        }
        let chosen = checked().map(|radio| radio.value()).unwrap_or_default();
        let choice = self.offer.with_value(|offer| offer.choice(&chosen, &own.value()));
        self.choice.set(choice);
    }

    /// The page is live: what was typed or pressed before now counts.
    fn begin(self) {
        self.read_form(None);
        let wake = move || self.change(Model::woke);
        let visible = window_event_listener(ev::visibilitychange, move |_| wake());
        let online = window_event_listener(ev::online, move |_| wake());
        on_cleanup(move || {
            visible.remove();
            online.remove();
        });
        if let Some(form) = self.form.get_untracked() {
            let pressed = form.has_attribute("data-pressed");
            let _ = form.set_attribute("data-live", "");
            if pressed {
                self.press();
            }
        }
    }
}

/// The recharge page below its frame. `children` is the list of own recharges, drawn by the server.
#[island]
pub fn Checkout(offer: Offer, children: Children) -> impl IntoView {
    let lang = offer.lang;
    let handle = Handle {
        model: RwSignal::new(Model::new(offer.device, offer.balance)),
        choice: RwSignal::new(offer.first_choice()),
        lang,
        dialog: NodeRef::new(),
        form: NodeRef::new(),
        list: NodeRef::new(),
        offer: StoredValue::new(offer.clone()),
    };
    Effect::new(move || handle.begin());
    let balance = move || handle.model.with(|model| money_markup(model.balance, "l"));
    view! {
        <div class="page-head">
            <div>
                <h1>{lang.t(payer::TITLE)}</h1>
                <p class="note">{lang.fill(payer::ACCOUNT, &[("user", &offer.account)])}</p>
            </div>
            <dl class="balance">
                <dt class="note">{lang.t(payer::BALANCE)}</dt>
                <dd inner_html=balance></dd>
            </dl>
        </div>
        <div class="stack">
            <form
                class="split" id="top-up" method="post" action="/recharge" autocomplete="off"
                node_ref=handle.form
                on:submit=move |event| {
                    event.prevent_default();
                    handle.press();
                }
                on:input=move |event| handle.read_form(event.target().and_then(|target| target.dyn_into().ok()))
            >
                {amounts(handle, &offer)}
                {summary(handle)}
            </form>
            <div node_ref=handle.list>{children()}</div>
        </div>
        {pay_dialog(handle, &offer)}
    }
}

fn amounts(handle: Handle, offer: &Offer) -> impl IntoView + use<> {
    let (lang, first) = (handle.lang, offer.first_choice());
    let presets: Vec<_> = offer
        .presets
        .iter()
        .map(|preset| {
            let (fee, bonus) = offer.price(preset.quantity);
            let note = match bonus {
                0 => lang.fill(payer::NO_BONUS, &[("amount", &money_short(fee))]),
                _ => lang.fill(payer::BONUS, &[("amount", &money_short(bonus))]),
            };
            let amount = money_short(fee);
            let amount = amount.trim_start_matches('¥').to_owned();
            view! {
                <label class="amount">
                    <input
                        type="radio" name="quantity" value=preset.quantity.to_string()
                        checked=Choice::Units(preset.quantity) == first
                    />
                    <span class="amount-face">
                        <span class="money" data-size="m"><small>"¥"</small>{amount}</span>
                        <span class="note">{note}</span>
                    </span>
                </label>
            }
        })
        .collect();
    let (min, max) = (thousands(offer.min.into()), thousands(offer.max.into()));
    let limits = [("min", min.as_str()), ("max", max.as_str())];
    // With the usual unit of one yuan an own amount is simply yuan.
    let in_yuan = offer.unit_price == 100;
    let hint = lang.fill(if in_yuan { payer::OWN_HINT } else { payer::OWN_UNITS_HINT }, &limits);
    let label = match in_yuan {
        true => lang.t(payer::OWN).to_owned(),
        false => lang.fill(payer::OWN_UNITS_LABEL, &[("price", &money(offer.unit_price))]),
    };
    let wrong = move || handle.choice.get() == Choice::Wrong;
    let error = lang.fill(payer::OWN_ERROR, &limits);
    view! {
        <div class="card stack">
            <fieldset>
                <legend>{lang.t(payer::CHOOSE)}</legend>
                <div class="amounts">{presets}</div>
            </fieldset>
            <div class="field">
                <label for="own">{label}</label>
                <span class=if in_yuan { "input-money" } else { "" }>
                    <input
                        class="input" id="own" name="own" inputmode="numeric" maxlength="9"
                        aria-describedby="own-error own-hint"
                        aria-invalid=move || wrong().then_some("true")
                    />
                </span>
                <p class="field-error" id="own-error" hidden=move || !wrong()>{error}</p>
                <p class="note" id="own-hint">{hint}</p>
            </div>
        </div>
    }
}

fn summary(handle: Handle) -> impl IntoView {
    let lang = handle.lang;
    let price = move || match handle.choice.get() {
        Choice::Units(quantity) => handle.offer.with_value(|offer| offer.price(quantity)),
        Choice::Nothing | Choice::Wrong => (0, 0),
    };
    let after = move || handle.model.with(|model| money(model.balance + price().0 + price().1));
    let promise = |text| {
        view! { <li><Icon d=icons::CHECK/>{lang.t(text)}</li> }
    };
    view! {
        <div class="side">
            <section class="card checkout" aria-labelledby="sum-t">
                <h2 id="sum-t">{lang.t(payer::SUMMARY)}</h2>
                <dl class="sum">
                    <div><dt>{lang.t(payer::PAY_AMOUNT)}</dt><dd inner_html=move || money_markup(price().0, "l")></dd></div>
                    <div><dt>{lang.t(payer::BONUS_AMOUNT)}</dt><dd><span class="money">{move || money(price().1)}</span></dd></div>
                    <div data-total=""><dt>{lang.t(payer::BALANCE_AFTER)}</dt><dd><span class="money">{after}</span></dd></div>
                </dl>
                <button
                    class="button" data-kind="pay" type="submit" aria-describedby="own-error"
                    disabled=move || !matches!(handle.choice.get(), Choice::Units(_))
                >
                    {move || lang.fill(payer::PAY, &[("amount", &money(price().0))])}
                </button>
            </section>
            <ul class="note promises">
                {promise(payer::PROMISE_1)}
                {promise(payer::PROMISE_2)}
                {promise(payer::PROMISE_3)}
            </ul>
        </div>
    }
}

fn pay_dialog(handle: Handle, offer: &Offer) -> impl IntoView + use<> {
    let (lang, model) = (handle.lang, handle.model);
    let title =
        format!("{} · {}", lang.t(dialog::TITLE), lang.fill(dialog::ACCOUNT, &[("user", &offer.account)]));
    let credit = move || {
        model.with(|model| match model.bonus {
            0 => lang.fill(payer::NO_BONUS, &[("amount", &money(model.total_fee))]),
            bonus => {
                let credited = money(model.total_fee + bonus);
                lang.fill(dialog::CREDIT, &[("amount", &credited), ("bonus", &money(bonus))])
            }
        })
    };
    let corner = move || model.with(Model::corner);
    let left = move || model.with(|model| model.left_s.to_string());
    let warning = move || match corner() {
        Corner::Warn(d) => d,
        _ => "",
    };
    view! {
        <dialog
            class="pay" id="pay" aria-labelledby="pay-t" node_ref=handle.dialog
            data-state=move || model.with(|model| model.phase().name())
            on:close=move |_| handle.closed()
        >
            <div
                class="pay-stage"
                data-tone=move || model.with(|model| (model.stage() == look::Stage::Credited).then_some("paid"))
                inner_html=move || model.with(|model| model.stage_markup(lang))
            ></div>
            <header class="pay-head">
                <div class="pay-title">
                    <h2 class="label" id="pay-t">{title}</h2>
                    <button class="tool" type="button" aria-label=lang.t(common::CLOSE) on:click=move |_| handle.close()>
                        <Icon d=icons::CLOSE/>
                    </button>
                </div>
                <div>
                    <p inner_html=move || model.with(|model| money_markup(model.total_fee, "l"))></p>
                    <p class="note">{credit}</p>
                </div>
                <div
                    class="ring" role="timer" hidden=move || corner() != Corner::Ring
                    aria-label=move || lang.fill(dialog::SECONDS, &[("n", &left())])
                >
                    <svg viewBox="0 0 60 60" aria-hidden="true">
                        <circle cx="30" cy="30" r="27"></circle>
                        <circle
                            cx="30" cy="30" r="27"
                            pathLength=move || model.with(|model| model.whole_s.max(1).to_string())
                            stroke-dasharray=move || model.with(|model| format!("{} {}", model.left_s, model.whole_s.max(1)))
                        ></circle>
                    </svg>
                    <span aria-hidden="true">{left}</span>
                </div>
                <span class="badge" data-tone="warn" aria-hidden="true" hidden=move || warning().is_empty()>
                    <svg class="icon" viewBox="0 0 24 24"><path d=warning></path></svg>
                </span>
            </header>
            <div class="pay-body">
                <div role="status">
                    <h3 tabindex="-1">{move || model.with(|model| model.words(lang).0)}</h3>
                    <p class="label">{move || model.with(|model| model.words(lang).1)}</p>
                </div>
            </div>
            <footer class="pay-foot">
                {move || {
                    let (actions, checking) = model.with(|model| (model.actions(lang), model.is_checking()));
                    actions.into_iter().map(|action| foot_action(handle, action, checking)).collect::<Vec<_>>()
                }}
            </footer>
        </dialog>
    }
}

/// One button or link. A link is a link, so that it can be opened elsewhere.
fn foot_action(handle: Handle, action: Action, checking: bool) -> impl IntoView {
    let Action { label, kind, icon, does } = action;
    let face = (!icon.is_empty()).then(|| view! { <Icon d=icon/> });
    match does {
        Does::Open(href, new_tab) => leptos::either::Either::Left(view! {
            <a
                class="button" data-kind=kind href=href
                target=new_tab.then_some("_blank") rel=new_tab.then_some("noopener")
            >{face}{label}</a>
        }),
        does => {
            let busy = checking && does == Does::Check;
            leptos::either::Either::Right(view! {
                <button
                    class="button" data-kind=kind type="button" disabled=busy aria-busy=busy.then_some("true")
                    on:click=move |_| handle.act(&does)
                >
                    {busy.then(|| view! { <span class="spin" aria-hidden="true"></span> })}
                    {face}{label}
                </button>
            })
        }
    }
}
