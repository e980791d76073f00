//! The dialog's buttons as one string of markup, because they change together.

use crate::escape::escape;

use super::look::{Action, Does};
use super::stage::icon;

/// The attribute of a button; its value is the place of its [`Action`] among the state's.
pub const PRESSES: &str = "data-n";

/// The buttons and links. While `checking`, the button that asks again cannot be pressed.
pub fn foot_markup(actions: &[Action], checking: bool) -> String {
    actions.iter().enumerate().map(|(n, action)| button(n, action, checking)).collect()
}

fn button(n: usize, action: &Action, checking: bool) -> String {
    let Action { label, kind, icon: d, does } = action;
    let face = if d.is_empty() { String::new() } else { icon(d) };
    match does {
        Does::Open(href, new_tab) => {
            let tab = if *new_tab { r#" target="_blank" rel="noopener""# } else { "" };
            format!(
                r#"<a class="button" data-kind="{kind}" href="{}"{tab}>{face}{}</a>"#,
                escape(href),
                escape(label)
            )
        }
        does => {
            let (busy, spin) = match checking && *does == Does::Check {
                true => (r#" disabled aria-busy="true""#, r#"<span class="spin" aria-hidden="true"></span>"#),
                false => ("", ""),
            };
            format!(
                r#"<button class="button" data-kind="{kind}" type="button" {PRESSES}="{n}"{busy}>{spin}{face}{}</button>"#,
                escape(label)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(label: &'static str, icon: &'static str, does: Does) -> Action {
        Action { label, kind: "plain", icon, does }
    }

    #[test]
    fn a_link_goes_where_it_says_and_a_button_names_its_place() {
        let actions = [
            action("A & B", "", Does::Open("/pay/SM1?a=1&b=\"2\"".to_owned(), true)),
            action("Check", "M1 1", Does::Check),
        ];
        assert_eq!(
            foot_markup(&actions, false),
            concat!(
                r#"<a class="button" data-kind="plain" href="/pay/SM1?a=1&amp;b=&quot;2&quot;" target="_blank" rel="noopener">A &amp; B</a>"#,
                r#"<button class="button" data-kind="plain" type="button" data-n="1">"#,
                r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M1 1"/></svg>Check</button>"#
            )
        );
    }

    #[test]
    fn what_is_being_asked_cannot_be_asked_again() {
        let actions = [action("Check", "", Does::Check), action("Close", "", Does::Close)];
        let markup = foot_markup(&actions, true);
        assert_eq!(markup.matches("disabled").count(), 1, "{markup}");
        assert!(markup.starts_with(
            r#"<button class="button" data-kind="plain" type="button" data-n="0" disabled aria-busy="true">"#
        ));
    }
}
