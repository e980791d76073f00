//! Words about operators: their roles, their browsers, and what was wrong with a form.

use leptos::prelude::*;
use recharge::role::Role;

use crate::components;
use crate::request::PageRequest;
use crate::text::{Lang, Text, factor, me, people as text, refunds};

pub fn role_word(role: Role) -> Text {
    match role {
        Role::Viewer => text::R_VIEWER,
        Role::Support => text::R_SUPPORT,
        Role::Finance => text::R_FINANCE,
        Role::Owner => text::R_OWNER,
    }
}

fn role_note(role: Role) -> Text {
    match role {
        Role::Viewer => text::D_VIEWER,
        Role::Support => text::D_SUPPORT,
        Role::Finance => text::D_FINANCE,
        Role::Owner => text::D_OWNER,
    }
}

/// The choice of a role.
pub fn role_field(lang: Lang, chosen: Option<Role>) -> impl IntoView {
    let role = |role: Role| {
        view! {
            <label class="row">
                <input type="radio" name="role" value=role.name() checked=chosen == Some(role) required=true/>
                <span>{lang.t(role_word(role))}" "<span class="note">{lang.t(role_note(role))}</span></span>
            </label>
        }
    };
    view! { <fieldset class="stack"><legend>{lang.t(text::ROLE)}</legend>{Role::ALL.map(role)}</fieldset> }
}

/// What `?error=` says.
pub fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "name" => text::E_NAME,
        "reserved" => text::E_RESERVED,
        "taken" => text::E_TAKEN,
        "role" => text::E_ROLE,
        "stale" => text::E_STALE,
        "last" => text::E_LAST,
        "failed" => text::E_FAILED,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        "wrong" => me::E_WRONG,
        "short" => me::E_SHORT,
        "common" => me::E_COMMON,
        "same" => me::E_SAME,
        "differ" => me::E_DIFFER,
        "me_slow" => me::E_SLOW,
        "me_failed" => me::E_FAILED,
        "factor_changed" => factor::E_CHANGED,
        "factor_key" => factor::E_KEY,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}

/// Browser and system, out of what a browser calls itself; empty for one that is not known.
pub fn browser(agent: &str) -> String {
    // An Edge calls itself Chrome as well, and a Chrome Safari: the first that fits is meant.
    const BROWSERS: [(&str, &str); 7] = [
        ("MicroMessenger/", "WeChat"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    [find(&BROWSERS), find(&SYSTEMS)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_by_what_it_is_and_not_by_what_else_it_claims_to_be() {
        let table = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge · Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
                "Chrome · Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1",
                "Safari · iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox · macOS",
            ),
            ("", ""),
            ("something else", ""),
        ];
        for (agent, name) in table {
            assert_eq!(browser(agent), name, "{agent}");
        }
    }
}
