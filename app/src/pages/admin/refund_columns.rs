//! The columns of the list of refunds: what each is called, and what it shows of a refund.

use leptos::prelude::*;
use recharge::refund::Refund;

use super::list_parts::{copy, number};
use super::refunds::state_word;
use crate::components::{self, Clock, money, pill};
use crate::links;
use crate::text::{Lang, Text, find, orders};

/// A column that an operator can choose. The number of a refund always stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Asked,
    Ended,
    Order,
    User,
    Amount,
    Taken,
    State,
    Why,
    Who,
    RefundId,
    Transaction,
}

/// Every column, in the order in which they stand: its name in the database, its heading, and whether it is seen where nobody
/// chose.
const ALL: [(Column, &str, Text, bool); 11] = [
    (Column::Asked, "asked", find::C_ASKED, true),
    (Column::Ended, "ended", find::C_ENDED, false),
    (Column::Order, "order", orders::C_ORDER, true),
    (Column::User, "user", orders::C_USER, true),
    (Column::Amount, "amount", orders::C_AMOUNT, true),
    (Column::Taken, "taken", find::C_TAKEN, false),
    (Column::State, "state", orders::C_STATE, true),
    (Column::Why, "why", find::C_WHY, true),
    (Column::Who, "who", find::C_WHO, true),
    (Column::RefundId, "refund_id", find::C_REFUND_ID, false),
    (Column::Transaction, "transaction", orders::C_TRANSACTION, false),
];

/// What an operator chose, or what is seen where nobody chose.
pub fn chosen(names: Option<&[String]>) -> Vec<Column> {
    let is_chosen = |(_, name, _, by_default): &&(Column, &str, Text, bool)| match names {
        Some(names) => names.iter().any(|chosen| chosen == name),
        None => *by_default,
    };
    ALL.iter().filter(is_chosen).map(|(column, ..)| *column).collect()
}

/// For the form: name, heading, and whether it is seen now.
pub fn choices(lang: Lang, seen: &[Column]) -> Vec<(&'static str, &'static str, bool)> {
    ALL.iter().map(|(column, name, label, _)| (*name, lang.t(*label), seen.contains(column))).collect()
}

/// The name, if it is a column's.
pub fn known(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(_, known, ..)| *known == name).map(|(_, known, ..)| *known)
}

pub fn heads(lang: Lang, columns: &[Column]) -> impl IntoView + use<> {
    let label = |column: &Column| {
        let (_, _, label, _) = ALL.iter().find(|(known, ..)| known == column).unwrap_or(&ALL[0]);
        lang.t(*label)
    };
    let heads: Vec<_> = columns
        .iter()
        .map(|column| {
            let is_number = matches!(column, Column::Amount | Column::Taken);
            let is_narrow = matches!(column, Column::Amount | Column::State);
            view! {
                <th scope="col" data-num=is_number.then_some("") data-wide=(!is_narrow).then_some("")>{label(column)}</th>
            }
        })
        .collect();
    view! { <tr><th scope="col">{lang.t(find::C_REFUND)}</th>{heads}</tr> }
}

pub fn row(lang: Lang, columns: &[Column], refund: &Refund, who: String) -> impl IntoView + use<> {
    let cells: Vec<_> = columns.iter().map(|column| cell(lang, *column, refund, &who)).collect();
    let (own, at) = (refund.out_refund_no.to_string(), refund.requested_at);
    view! {
        <tr>
            <th scope="row">
                <span class="with-copy"><a class="mono" href=links::order(&refund.out_trade_no)>{own.clone()}</a>{copy(lang, own)}</span>
                <time class="note only-phone" datetime=at.to_beijing_rfc3339()>{components::time_text(at, Clock::NoYear)}</time>
            </th>
            {cells}
        </tr>
    }
}

fn cell(lang: Lang, column: Column, refund: &Refund, who: &str) -> AnyView {
    match column {
        Column::Asked => view! { <td data-wide="">{components::time(refund.requested_at, Clock::NoYear)}</td> }.into_any(),
        Column::Ended => {
            let at = refund.ended_at.map(|at| components::time(at, Clock::NoYear));
            view! { <td data-wide="">{at}</td> }.into_any()
        }
        Column::Order => {
            view! { <td data-wide=""><span class="with-copy">{number(lang, refund.out_trade_no.to_string())}</span></td> }
                .into_any()
        }
        Column::User => match &refund.user {
            Some(user) => view! {
                <td data-wide="" class="user"><a href=links::account(&user.id)>{user.shown_name().to_owned()}</a></td>
            }
            .into_any(),
            None => view! { <td data-wide="">"–"</td> }.into_any(),
        },
        Column::Amount => view! { <td data-num="">{money(refund.amount)}</td> }.into_any(),
        Column::Taken => view! { <td data-num="" data-wide="">{money(refund.taken)}</td> }.into_any(),
        Column::State => {
            let (word, tone) = state_word(refund.state);
            view! { <td>{pill(lang.t(word), tone)}</td> }.into_any()
        }
        Column::Why => view! { <td data-wide="" class="user">{refund.reason.clone()}</td> }.into_any(),
        Column::Who => view! { <td data-wide="">{who.to_owned()}</td> }.into_any(),
        Column::RefundId => match &refund.refund_id {
            Some(id) => {
                view! { <td data-wide=""><span class="with-copy">{number(lang, id.to_string())}</span></td> }.into_any()
            }
            None => view! { <td data-wide="">"–"</td> }.into_any(),
        },
        Column::Transaction => {
            view! { <td data-wide=""><span class="with-copy">{number(lang, refund.transaction_id.to_string())}</span></td> }
                .into_any()
        }
    }
}
