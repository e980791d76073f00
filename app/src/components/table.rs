//! The table of a list's page. A narrow screen leaves wide columns out and scrolls the rest sideways, by keyboard too.

use leptos::prelude::*;

use crate::text::{Lang, Text};

/// The head of a column.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    label: Text,
    is_wide: bool,
    is_number: bool,
    is_unseen: bool,
}

impl Head {
    pub fn of(label: Text) -> Head {
        Head { label, is_wide: false, is_number: false, is_unseen: false }
    }

    /// Only where there is room.
    pub fn wide(self) -> Head {
        Head { is_wide: true, ..self }
    }

    /// Above figures.
    pub fn number(self) -> Head {
        Head { is_number: true, ..self }
    }

    /// Read out only, as above buttons.
    pub fn unseen(self) -> Head {
        Head { is_unseen: true, ..self }
    }

    fn view(self, lang: Lang) -> impl IntoView {
        let label = lang.t(self.label);
        let label = match self.is_unseen {
            true => view! { <span class="unseen">{label}</span> }.into_any(),
            false => label.into_any(),
        };
        let mark = |is_so: bool| is_so.then_some("");
        view! { <th scope="col" data-num=mark(self.is_number) data-wide=mark(self.is_wide)>{label}</th> }
    }
}

/// The page's one table, named by its caption.
pub fn table<const N: usize>(
    lang: Lang,
    caption: Text,
    heads: [Head; N],
    rows: impl IntoView + 'static,
) -> impl IntoView {
    let heads: Vec<_> = heads.into_iter().map(|head| head.view(lang)).collect();
    view! {
        <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0">
            <table class="table">
                <caption id="list-c">{lang.t(caption)}</caption>
                <thead><tr>{heads}</tr></thead>
                <tbody>{rows.into_any()}</tbody>
            </table>
        </div>
    }
}
