//! The columns of the list of orders: what each is called, and what it shows of an order.

use cashier::db::order_filter::State;
use cashier::db::order_list::Listed;
use leptos::prelude::*;
use recharge::OrderState;
use recharge::order::{OrderChannel, Paid, Proof};

use super::list_parts::number;
use crate::components::{self, Clock, money};
use crate::links;
use crate::refund_summary::RefundSummary;
use crate::text::{Lang, Text, find, orders, state};

/// A column that an operator can choose. The number of an order always stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Placed,
    PaidAt,
    User,
    Amount,
    Bonus,
    Credit,
    Refunded,
    State,
    Channel,
    Proof,
    Transaction,
    Reference,
}

/// Every column, in the order in which they stand: its name in the database, its heading, and whether it is seen where nobody
/// chose.
const ALL: [(Column, &str, Text, bool); 12] = [
    (Column::Placed, "placed", orders::C_TIME, true),
    (Column::PaidAt, "paid_at", find::C_PAID_AT, false),
    (Column::User, "user", orders::C_USER, true),
    (Column::Amount, "amount", orders::C_AMOUNT, true),
    (Column::Bonus, "bonus", find::C_BONUS, false),
    (Column::Credit, "credit", orders::C_CREDIT, true),
    (Column::Refunded, "refunded", find::C_REFUNDED, false),
    (Column::State, "state", orders::C_STATE, true),
    (Column::Channel, "channel", orders::C_CHANNEL, true),
    (Column::Proof, "proof", orders::C_PROOF, false),
    (Column::Transaction, "transaction", orders::C_TRANSACTION, true),
    (Column::Reference, "reference", find::C_REFERENCE, false),
];

/// What an operator chose, or what is seen where nobody chose. A name that this version does not know is left out.
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

impl Column {
    fn is_number(self) -> bool {
        matches!(self, Column::Amount | Column::Bonus | Column::Credit | Column::Refunded)
    }

    /// On a phone only these stay.
    fn is_narrow(self) -> bool {
        matches!(self, Column::Amount | Column::State)
    }
}

pub fn heads(lang: Lang, columns: &[Column]) -> impl IntoView + use<> {
    let label = |column: &Column| {
        let (_, _, label, _) = ALL.iter().find(|(known, ..)| known == column).unwrap_or(&ALL[0]);
        lang.t(*label)
    };
    let heads: Vec<_> = columns
        .iter()
        .map(|column| {
            view! {
                <th scope="col" data-num=column.is_number().then_some("") data-wide=(!column.is_narrow()).then_some("")>{label(column)}</th>
            }
        })
        .collect();
    view! { <tr><th scope="col">{lang.t(orders::C_ORDER)}</th>{heads}</tr> }
}

pub fn row(lang: Lang, columns: &[Column], listed: &Listed) -> impl IntoView + use<> {
    let order = &listed.order;
    let at = order.created_at;
    let cells: Vec<_> = columns.iter().map(|column| cell(lang, *column, listed)).collect();
    let copied = order.out_trade_no.to_string();
    view! {
        <tr>
            <th scope="row">
                <span class="with-copy">
                    <a class="mono" href=links::order(&order.out_trade_no)>{copied.clone()}</a>
                    {super::list_parts::copy(lang, copied)}
                </span>
                <time class="note only-phone" datetime=at.to_beijing_rfc3339()>{components::time_text(at, Clock::NoYear)}</time>
                <span class="note only-phone">{order.user.shown_name().to_owned()}</span>
            </th>
            {cells}
        </tr>
    }
}

fn cell(lang: Lang, column: Column, listed: &Listed) -> AnyView {
    let order = &listed.order;
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    };
    let none = || "–".to_owned();
    let returned = || RefundSummary::of(order, &listed.refunds);
    match column {
        Column::Placed => view! { <td data-wide="">{components::time(order.created_at, Clock::NoYear)}</td> }.into_any(),
        Column::PaidAt => {
            let at = paid.map(|paid| components::time(paid.paid_at, Clock::NoYear));
            view! { <td data-wide="">{at}</td> }.into_any()
        }
        Column::User => view! {
            <td data-wide="" class="user"><a href=links::account(&order.user.id)>{order.user.shown_name().to_owned()}</a></td>
        }
        .into_any(),
        Column::Amount => view! { <td data-num="">{money(order.total_fee)}</td> }.into_any(),
        Column::Bonus => view! { <td data-num="" data-wide="">{money(order.bonus)}</td> }.into_any(),
        Column::Credit => {
            let credited = paid.and_then(|paid| paid.credited_at).filter(|_| order.raises_balance());
            let credited = credited.and_then(|_| order.credit()).map_or_else(none, money);
            view! { <td data-num="" data-wide="">{credited}</td> }.into_any()
        }
        Column::Refunded => {
            let returned = returned();
            let text = if returned.is_any() { money(returned.amount) } else { none() };
            view! { <td data-num="" data-wide="">{text}</td> }.into_any()
        }
        Column::State => {
            let found: Vec<_> = listed.exceptions.iter().collect();
            view! { <td>{components::operator_pills(lang, order, &found, returned())}</td> }.into_any()
        }
        Column::Channel => view! {
            <td data-wide="">{lang.t(channel_word(order.door()))}" "<span class="note">{order.signed.protocol().to_string()}</span></td>
        }
        .into_any(),
        Column::Proof => {
            let proof = paid.map_or_else(none, |paid: &Paid| lang.t(proof_word(paid.proof)).to_owned());
            view! { <td data-wide="">{proof}</td> }.into_any()
        }
        Column::Transaction => match paid {
            Some(paid) => view! {
                <td data-wide=""><span class="with-copy">{number(lang, paid.transaction_id.to_string())}</span></td>
            }
            .into_any(),
            None => view! { <td data-wide="">"–"</td> }.into_any(),
        },
        Column::Reference => {
            let reference = order.reference().map_or_else(none, |reference| reference.as_str().to_owned());
            view! { <td data-wide="" class="mono">{reference}</td> }.into_any()
        }
    }
}

/// The states that lists choose by, with their words.
pub const STATES: [(State, Text); 4] = [
    (State::Created, state::CREATED),
    (State::Pending, state::PENDING),
    (State::Paid, state::PAID),
    (State::Closed, state::CLOSED),
];

/// The operator's word for how a payer came.
pub fn channel_word(channel: OrderChannel) -> Text {
    match channel {
        OrderChannel::Native => orders::BY_CODE,
        OrderChannel::Static => orders::BY_STATIC,
        OrderChannel::Jsapi => orders::BY_JSAPI,
        OrderChannel::Mweb => orders::BY_MWEB,
        OrderChannel::App => orders::BY_APP,
    }
}

/// The operator's word for how a payment became known.
pub fn proof_word(proof: Proof) -> Text {
    match proof {
        Proof::Notice => orders::BY_NOTICE,
        Proof::Query => orders::BY_QUERY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_columns_stand_in_their_own_order_and_unknown_names_are_left_out() {
        let names = ["amount", "rumour", "placed"].map(str::to_owned);
        assert_eq!(chosen(Some(&names)), [Column::Placed, Column::Amount]);
        assert_eq!(chosen(Some(&[])), []);
        assert_eq!(chosen(None).len(), 7);
        assert_eq!(known("amount"), Some("amount"));
        assert_eq!(known("rumour"), None);
    }
}
