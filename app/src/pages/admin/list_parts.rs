//! What the lists of orders and refunds share: search box, chips, days and sums, what was not understood, saved filters,
//! columns, totals.

use cashier::db::desk_choices::{List, SavedFilter};
use cashier::db::order_totals::Figure;
use leptos::prelude::*;
use wxpay::{Fen, UnixMillis};

use super::query::{self, Period, Wrong};
use crate::components::{self, Clock, money};
use crate::icons::{self, Icon};
use crate::links;
use crate::money::thousands;
use crate::request::PageRequest;
use crate::text::{Lang, Text, common, find, orders};
use crate::url::address;

/// The address of a list.
pub fn path_of(list: List) -> &'static str {
    match list {
        List::Orders => links::ORDERS,
        List::Refunds => links::REFUNDS,
    }
}

/// The names that make up the list's filter.
pub fn names_of(list: List) -> &'static [&'static str] {
    match list {
        List::Orders => &query::OF_ORDERS,
        List::Refunds => &query::OF_REFUNDS,
    }
}

/// The filter of this request as a query, without `?`; empty where nothing is filtered.
pub fn filter_query(request: &PageRequest, list: List) -> String {
    let query = address("", query::kept(&request.query, names_of(list)));
    query.trim_start_matches('?').to_owned()
}

/// This address with another value of the filter, from the first page on.
fn filtered(request: &PageRequest, name: &str, value: &str) -> String {
    request.with(&[("before", ""), ("after", ""), ("said", ""), ("error", ""), (name, value)])
}

/// One row of chips of which one is chosen; each is a link, so that the filter lives in the address.
pub fn chips(
    lang: Lang,
    request: &PageRequest,
    label: Text,
    name: &'static str,
    choices: Vec<(&'static str, &'static str)>,
) -> impl IntoView + use<> {
    choice(lang, request, label, name, lang.t(orders::F_ALL), choices)
}

/// The same with a word of its own for what is chosen where the address says nothing.
pub fn choice(
    lang: Lang,
    request: &PageRequest,
    label: Text,
    name: &'static str,
    first: &'static str,
    choices: Vec<(&'static str, &'static str)>,
) -> impl IntoView + use<> {
    let chip = |value: &str, label: &'static str| {
        let chosen = request.get(name).unwrap_or_default() == value;
        let href = filtered(request, name, value);
        view! {
            <a class="chip" href=href data-all=value.is_empty().then_some("") aria-current=chosen.then_some("true")>{label}</a>
        }
    };
    let choices: Vec<_> = choices.into_iter().map(|(value, label)| chip(value, label)).collect();
    view! {
        <nav class="chips" aria-label=lang.t(label)>
            <span class="chips-name" aria-hidden="true">{lang.t(label)}</span>
            {chip("", first)}
            {choices}
        </nav>
    }
}

/// The same where several may be chosen: each chip puts its word in or takes it out.
pub fn several(
    lang: Lang,
    request: &PageRequest,
    label: Text,
    name: &'static str,
    choices: Vec<(&'static str, &'static str)>,
) -> impl IntoView + use<> {
    let chosen: Vec<_> =
        request.get(name).unwrap_or_default().split(',').filter(|word| !word.is_empty()).collect();
    let chip = |(value, label): (&'static str, &'static str)| {
        let is_chosen = chosen.contains(&value);
        let mut words: Vec<_> = chosen.iter().copied().filter(|word| *word != value).collect();
        if !is_chosen {
            words.push(value);
        }
        let href = filtered(request, name, &words.join(","));
        view! { <a class="chip" href=href aria-current=is_chosen.then_some("true")>{label}</a> }
    };
    let choices: Vec<_> = choices.into_iter().map(chip).collect();
    let all = filtered(request, name, "");
    view! {
        <nav class="chips" aria-label=lang.t(label)>
            <span class="chips-name" aria-hidden="true">{lang.t(label)}</span>
            <a class="chip" href=all data-all="" aria-current=chosen.is_empty().then_some("true")>{lang.t(orders::F_ALL)}</a>
            {choices}
        </nav>
    }
}

/// What a period is called.
pub fn period_word(period: Period) -> Text {
    match period {
        Period::Today => find::P_TODAY,
        Period::Yesterday => find::P_YESTERDAY,
        Period::Days7 => find::P_7,
        Period::Days30 => find::P_30,
        Period::Month => find::P_MONTH,
        Period::LastMonth => find::P_LAST_MONTH,
    }
}

/// Chips of days that are often asked for.
pub fn periods(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let is_free = request.get("from").is_none() && request.get("to").is_none();
    let chip = |value: &str, label: &'static str| {
        let chosen = is_free && request.get("period").unwrap_or_default() == value;
        // Days of one's own would contradict it.
        let cleared =
            [("before", ""), ("after", ""), ("from", ""), ("to", ""), ("said", ""), ("period", value)];
        let href = request.with(&cleared);
        view! {
            <a class="chip" href=href data-all=value.is_empty().then_some("") aria-current=chosen.then_some("true")>{label}</a>
        }
    };
    let choices: Vec<_> =
        Period::ALL.into_iter().map(|period| chip(period.name(), lang.t(period_word(period)))).collect();
    view! {
        <nav class="chips" aria-label=lang.t(find::F_DATE)>
            <span class="chips-name" aria-hidden="true">{lang.t(find::F_DATE)}</span>
            {chip("", lang.t(orders::F_ALL))}
            {choices}
        </nav>
    }
}

/// The rest of the filter, hidden in a form that sets `of`.
fn others(request: &PageRequest, list: List, of: &[&str]) -> impl IntoView + use<> {
    let kept = query::kept(&request.query, names_of(list));
    let kept = kept.into_iter().filter(|(name, _)| !of.contains(name));
    let inputs: Vec<_> = kept
        .map(|(name, value)| view! { <input type="hidden" name=name.to_owned() value=value.to_owned()/> })
        .collect();
    inputs
}

/// The search box.
pub fn search(
    lang: Lang,
    request: &PageRequest,
    list: List,
    label: Text,
    hint: Text,
) -> impl IntoView + use<> {
    let typed = request.get("q").unwrap_or_default().chars().take(64).collect::<String>();
    view! {
        <form class="field" method="get" action=path_of(list) role="search">
            <label class="unseen" for="q">{lang.t(label)}</label>
            <div class="search">
                <input
                    class="input" id="q" name="q" type="search" autocomplete="off" spellcheck="false" maxlength="64"
                    value=typed aria-describedby="q-hint" aria-keyshortcuts="/"
                />
                {others(request, list, &["q"])}
                <button class="button" data-kind="solid" type="submit"><Icon d=icons::SEARCH/>{lang.t(orders::SEARCH_GO)}</button>
            </div>
            <p class="note" id="q-hint">{lang.t(hint)}</p>
        </form>
    }
}

/// Days and sums of one's own.
pub fn ranges(
    lang: Lang,
    request: &PageRequest,
    list: List,
    choices: [(&'static str, Text); 2],
) -> impl IntoView + use<> {
    let value = |name| request.get(name).unwrap_or_default().to_owned();
    let day = |name: &'static str, label: Text| {
        view! {
            <div class="field"><label for=name>{lang.t(label)}</label><input class="input" id=name name=name type="date" value=value(name)/></div>
        }
    };
    let sum = |name: &'static str, label: Text| {
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <span class="input-money"><input class="input" id=name name=name inputmode="decimal" autocomplete="off" maxlength="20" value=value(name)/></span>
            </div>
        }
    };
    let by = request.get("by").unwrap_or(choices[0].0).to_owned();
    let options: Vec<_> = choices
        .into_iter()
        .map(|(value, label)| view! { <option value=value selected={value == by}>{lang.t(label)}</option> })
        .collect();
    view! {
        <form class="tiles" method="get" action=path_of(list)>
            {others(request, list, &["by", "period", "from", "to", "min", "max"])}
            <div class="field"><label for="by">{lang.t(find::F_BY)}</label><select class="input" id="by" name="by">{options}</select></div>
            {day("from", find::F_FROM)}
            {day("to", find::F_TO)}
            {sum("min", find::F_MIN)}
            {sum("max", find::F_MAX)}
            <button class="button" type="submit">{lang.t(find::F_APPLY)}</button>
        </form>
    }
}

/// What of the address was not understood. Nothing is listed then.
pub fn not_understood(lang: Lang, list: List, wrong: &[Wrong]) -> Option<impl IntoView + use<>> {
    if wrong.is_empty() {
        return None;
    }
    let items: Vec<_> = wrong
        .iter()
        .map(|wrong| view! { <li>{lang.fill(wrong.why, &[("value", &wrong.value)])}</li> })
        .collect();
    Some(view! {
        <section class="card stack" aria-label=lang.t(find::WRONG)>
            {components::notice(Some("bad"), lang.t(find::WRONG))}
            <ul class="plain">{items}</ul>
            <p><a class="button" href=path_of(list)>{lang.t(orders::F_CLEAR)}</a></p>
        </section>
    })
}

/// That a search fits more than is listed, and that a page did not look to the end.
pub fn limits(lang: Lang, is_cut: bool, looked_to: Option<UnixMillis>) -> impl IntoView + use<> {
    let cut = is_cut.then(|| components::notice(Some("warn"), lang.t(find::CUT)));
    let looked = looked_to.map(|at| {
        let time = components::time_text(at, Clock::Minute);
        components::notice(None, lang.fill(find::LOOKED_TO, &[("time", &time)]))
    });
    view! { {cut}{looked} }
}

/// Filters with names, and the form that saves this one.
pub fn saved(lang: Lang, request: &PageRequest, list: List, saved: &[SavedFilter]) -> impl IntoView + use<> {
    let query = filter_query(request, list);
    let items: Vec<_> = saved
        .iter()
        .map(|filter| {
            let is_this = filter.query == query;
            let forget = lang.fill(find::FORGET, &[("name", &filter.name)]);
            view! {
                <span class="saved">
                    <a class="chip" href=format!("{}?{}", path_of(list), filter.query) aria-current=is_this.then_some("true")>
                        {filter.name.clone()}
                    </a>
                    <form method="post" action=links::FILTERS>
                        <input type="hidden" name="list" value=list.name()/>
                        <input type="hidden" name="forget" value=filter.name.clone()/>
                        <input type="hidden" name="query" value=query.clone()/>
                        <button class="tool" type="submit" aria-label=forget><Icon d=icons::CLOSE/></button>
                    </form>
                </span>
            }
        })
        .collect();
    let row = (!items.is_empty()).then(|| {
        view! {
            <nav class="chips" aria-label=lang.t(find::SAVED)>
                <span class="chips-name" aria-hidden="true">{lang.t(find::SAVED)}</span>
                {items}
            </nav>
        }
    });
    let save = (!query.is_empty() && !saved.iter().any(|filter| filter.query == query)).then(|| {
        view! {
            <form class="search save" method="post" action=links::FILTERS>
                <input type="hidden" name="list" value=list.name()/>
                <input type="hidden" name="query" value=query.clone()/>
                <label class="unseen" for="filter-name">{lang.t(find::SAVE_NAME)}</label>
                <input class="input" id="filter-name" name="name" maxlength="20" required=true autocomplete="off" placeholder=lang.t(find::SAVE_NAME)/>
                <button class="button" type="submit">{lang.t(find::SAVE)}</button>
            </form>
        }
    });
    view! { {row}{save} }
}

/// The form that chooses columns.
pub fn columns_form(
    lang: Lang,
    request: &PageRequest,
    list: List,
    columns: Vec<(&'static str, &'static str, bool)>,
) -> impl IntoView + use<> {
    let boxes: Vec<_> = columns
        .into_iter()
        .map(|(name, label, is_shown)| {
            view! {
                <label class="tick"><input type="checkbox" name="column" value=name checked=is_shown/>{label}</label>
            }
        })
        .collect();
    view! {
        <details class="fold columns">
            <summary>{lang.t(find::COLUMNS)}</summary>
            <form method="post" action=links::COLUMNS class="row">
                <input type="hidden" name="list" value=list.name()/>
                <input type="hidden" name="query" value=filter_query(request, list)/>
                {boxes}
                <button class="button" type="submit">{lang.t(find::COLUMNS_SAVE)}</button>
            </form>
        </details>
    }
}

/// A count, with a plus where it is only the least.
pub fn count(lang: Lang, figure: Figure<i64>) -> String {
    least(lang, figure.is_least, thousands(u64::try_from(figure.value).unwrap_or(0)))
}

/// A sum, with a plus where it is only the least.
pub fn sum(lang: Lang, figure: Figure<Fen>) -> String {
    least(lang, figure.is_least, money(figure.value))
}

fn least(lang: Lang, is_least: bool, figure: String) -> String {
    if is_least { lang.fill(orders::COUNT_MORE, &[("n", &figure)]) } else { figure }
}

/// A number with the button that copies it.
pub fn number(lang: Lang, number: String) -> impl IntoView {
    view! { <span class="mono">{number.clone()}</span>{copy(lang, number)} }
}

/// The button that copies a number; it shows itself where there is script.
pub fn copy(lang: Lang, number: String) -> impl IntoView {
    let label = lang.fill(find::COPY, &[("number", &number)]);
    view! {
        <button class="tool copy" type="button" hidden=true data-copy=number data-copied=lang.t(common::COPIED) aria-label=label>
            <Icon d=icons::COPY/>
        </button>
    }
}

/// The button that copies what a page shows only once; it shows itself where there is script.
pub fn copy_secret(lang: Lang, secret: String) -> impl IntoView {
    view! {
        <button class="button" type="button" hidden=true data-copy=secret data-copied=lang.t(common::COPIED)>
            <Icon d=icons::COPY/>{lang.t(find::COPY_ALL)}
        </button>
    }
}

/// Stands in for a list without rows.
pub fn nothing(lang: Lang, list: List, title: Text) -> impl IntoView {
    view! {
        <section class="card">
            <div class="empty">
                <span class="badge" aria-hidden="true"><Icon d=icons::SEARCH/></span>
                <h2>{lang.t(title)}</h2>
                <p class="note">{lang.t(orders::EMPTY_TEXT)}</p>
                <a class="button" href=path_of(list)>{lang.t(orders::F_CLEAR)}</a>
            </div>
        </section>
    }
}
