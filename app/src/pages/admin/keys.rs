//! The keys of the site's own programs: the list, the form that makes one, and the page that shows a new text.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::api_keys::ApiKeyError;
use leptos::prelude::*;
use recharge::api_key::{ApiKey, KeyText, NewKey, Scope, network};
use wxpay::{Fen, UnixMillis};

use super::decision_form::password_field;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page, way_back};
use super::key_words::{scope_word, state_pill, wrong};
use super::list_parts::copy_secret;
use crate::components::table::{Head, table};
use crate::components::{self, Clock};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::money::parse_yuan;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, keys as text};
use crate::url::address;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest time a key may be made for, in days.
const MOST_DAYS: i64 = 3650;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let found = match service.keys.list().await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Keys, &error).await,
    };
    let now = service.cashier.now();
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Keys, lang.t(text::TITLE).to_owned(), move || {
        let list = match found.is_empty() {
            true => {
                let nothing = components::empty(icons::LIST, lang.t(text::NONE), lang.t(text::NONE_TEXT));
                view! { <section class="card">{nothing}</section> }.into_any()
            }
            false => list(lang, &found, now).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                <p class="note">{lang.t(text::INTRO)}</p>
                {list}
                {form(lang, &view_request)}
            </div>
        }
    })
    .await
}

fn list(lang: Lang, found: &[ApiKey], now: UnixMillis) -> impl IntoView + use<> {
    let row = |key: &ApiKey| {
        let used = match key.used_at {
            Some(at) => components::time(at, Clock::NoYear).into_any(),
            None => lang.t(text::NEVER).into_any(),
        };
        let scopes = key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ");
        view! {
            <tr>
                <th scope="row"><a href=links::key(&key.name)>{key.name.clone()}</a></th>
                <td>{state_pill(lang, key, now)}</td>
                <td>{used}</td>
                <td class="mono" data-wide="">{scopes}</td>
                <td data-wide="">{components::time(key.made_at, Clock::NoYear)}" "<span class="note">{key.made_by.clone()}</span></td>
            </tr>
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let heads = [
        Head::of(text::NAME),
        Head::of(text::STATE),
        Head::of(text::USED),
        Head::of(text::SCOPES).wide(),
        Head::of(text::MADE).wide(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
        </section>
    }
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = |name: &str| request.get(name).unwrap_or_default().to_owned();
    let chosen = typed("scopes");
    let scope = |scope: Scope| {
        let is_chosen = chosen.split(' ').any(|word| word == scope.name());
        view! {
            <label class="row">
                <input type="checkbox" name="scope" value=scope.name() checked=is_chosen/>
                <span>{lang.t(scope_word(scope))}" "<span class="mono note">{scope.name()}</span></span>
            </label>
        }
    };
    let field = |name: &'static str, label: Text, hint: Text, longest: &'static str, needed: bool| {
        let hint_id = format!("{name}-h");
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input
                    class="input" id=name name=name maxlength=longest autocomplete="off" required=needed
                    value=typed(name) aria-describedby=hint_id.clone()
                />
                <p class="note" id=hint_id>{lang.t(hint)}</p>
            </div>
        }
    };
    view! {
        <section class="card stack slim" aria-labelledby="new-t">
            <h2 id="new-t">{lang.t(text::NEW)}</h2>
            {wrong(request)}
            <form method="post" class="stack" action=links::KEYS>
                {field("name", text::NAME, text::NAME_HINT, "32", true)}
                <fieldset class="stack"><legend>{lang.t(text::SCOPES)}</legend>{Scope::ALL.map(scope)}</fieldset>
                {field("networks", text::NETWORKS, text::NETWORKS_HINT, "500", false)}
                {field("most", text::MOST, text::MOST_HINT, "14", false)}
                {field("days", text::DAYS, text::DAYS_HINT, "4", false)}
                {password_field(lang)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::MAKE)}</button>
            </form>
        </section>
    }
}

/// Makes a key and shows its text. The answer is no redirect: an address could not carry the text. The same form sent again
/// finds its name taken.
pub async fn make(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let typed = |name: &str| {
        let found = form.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    };
    let scopes: Vec<_> =
        form.iter().filter(|(field, _)| field == "scope").map(|(_, word)| word.as_str()).collect();
    let again = |error: &str, seconds: &str| {
        let fields = ["name", "networks", "most", "days"].map(|name| (name, typed(name)));
        let words = scopes.join(" ");
        let more = [("scopes", words.as_str()), ("error", error), ("n", seconds)];
        Redirect::to(&address(links::KEYS, fields.into_iter().chain(more))).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let now = service.cashier.now();
    let new = match read(typed, &scopes, now) {
        Ok(new) => new,
        Err(error) => return again(error, ""),
    };
    match service.keys.make(new, &from.by(), now).await {
        Ok((key, text)) => show_text(&service, &from.request, &key, &text).await,
        Err(ApiKeyError::Exists(_)) => again("taken", ""),
        // The name: everything else was read.
        Err(ApiKeyError::Invalid(_)) => again("name", ""),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be made");
            again("failed", "")
        }
    }
}

/// What the form asks for; or the code of `?error=`.
fn read<'a>(
    typed: impl Fn(&str) -> &'a str,
    scopes: &[&str],
    now: UnixMillis,
) -> Result<NewKey, &'static str> {
    let scopes =
        scopes.iter().map(|word| Scope::from_name(word).ok_or("scopes")).collect::<Result<_, _>>()?;
    let networks = typed("networks").split([',', '，', ' ']).filter(|one| !one.is_empty());
    let networks = networks.map(|one| network(one).map_err(|_| "networks")).collect::<Result<_, _>>()?;
    let most = Some(typed("most")).filter(|typed| !typed.is_empty());
    let max_amount = most.map(|typed| parse_yuan(typed).map(Fen::new).filter(|most| *most > Fen::ZERO));
    let days = Some(typed("days")).filter(|typed| !typed.is_empty());
    let days = days.map(|typed| typed.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days)));
    let new = NewKey {
        name: typed("name").to_owned(),
        scopes,
        networks,
        max_amount: max_amount.map(|most| most.ok_or("most")).transpose()?,
        expires_at: days.map(|days| days.ok_or("days")).transpose()?.map(|days| now.plus_ms(days * DAY_MS)),
    };
    if new.scopes.is_empty() { Err("scopes") } else { Ok(new) }
}

/// The page with a new text: the only one that ever has it.
pub async fn show_text(service: &Service, request: &PageRequest, key: &ApiKey, new: &KeyText) -> Response {
    let (lang, name, new) = (request.lang, key.name.clone(), new.expose().to_owned());
    let old_until = key.old.map(|old| old.until);
    // What leads back to this page, such as the other language, cannot post its form again.
    let request = PageRequest { path: links::key(&name), query: Vec::new(), ..request.clone() };
    page(service, &request, Tab::Keys, name.clone(), move || {
        let old = old_until.map(|until| {
            view! { <dt>{lang.t(text::OLD_UNTIL)}</dt><dd>{components::time(until, Clock::Full)}</dd> }
        });
        view! {
            {way_back(lang.t(text::BACK), links::KEYS.to_owned())}
            <div class="page-head"><h1>{name.clone()}</h1></div>
            <div class="card stack slim">
                {components::notice(Some("warn"), lang.t(text::SHOWN_ONCE))}
                <dl class="facts">
                    <dt>{lang.t(text::TEXT)}</dt>
                    <dd><code class="mono order-link" id="key-text">{new.clone()}</code>{copy_secret(lang, new.clone())}</dd>
                    {old}
                </dl>
            </div>
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    fn typed(networks: &str, most: &str, days: &str) -> Result<NewKey, &'static str> {
        let field = |name: &str| match name {
            "name" => "forum",
            "networks" => networks,
            "most" => most,
            "days" => days,
            _ => "",
        };
        read(field, &["spend:write"], NOW)
    }

    #[test]
    fn what_is_left_empty_is_without_bound() {
        let new = typed("", "", "").unwrap();
        assert!(new.networks.is_empty() && new.max_amount.is_none() && new.expires_at.is_none());
        let new = typed("10.0.0.0/8, 203.0.113.7", "50", "90").unwrap();
        assert_eq!((new.networks.len(), new.max_amount), (2, Some(Fen::new(5000))));
        assert_eq!(new.expires_at, Some(NOW.plus_ms(90 * DAY_MS)));
    }

    #[test]
    fn what_was_mistyped_is_named_and_never_read_as_without_bound() {
        for (networks, most, days, error) in [
            ("localhost", "", "", "networks"),
            ("", "0", "", "most"),
            ("", "many", "", "most"),
            ("", "", "0", "days"),
            ("", "", "soon", "days"),
            ("", "", "99999", "days"),
        ] {
            assert_eq!(typed(networks, most, days).err(), Some(error), "{networks} {most} {days}");
        }
        assert_eq!(read(|_| "", &[], NOW).err(), Some("scopes"));
        assert_eq!(read(|_| "", &["moon:write"], NOW).err(), Some("scopes"));
    }
}
