//! The forms of a list: a filter saved under a name or forgotten, and the columns to see.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::desk_choices::{List, SavedFilter};
use recharge::hidden::without_hidden;

use super::extract::OperatorRequest;
use super::flash::Outcome;
use super::list_parts::{names_of, path_of};
use super::{order_columns, query, refund_columns};
use crate::service::Service;
use crate::url::address;

/// Characters of a filter's name at most.
const NAME: usize = 20;
/// Longest query of a saved filter, in bytes. The form of a list makes shorter ones.
const QUERY: usize = 2_000;

/// The fields of a form, in their order.
type Fields = Vec<(String, String)>;

fn get<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

/// The list that a form is of, and the part of its address that is a filter.
fn list_and_query(fields: &Fields) -> (List, String) {
    let list = List::from_name(get(fields, "list")).unwrap_or(List::Orders);
    let pairs: Vec<(String, String)> = match get(fields, "query") {
        query if query.len() > QUERY => Vec::new(),
        query => crate::url::pairs(query),
    };
    let kept = query::kept(&pairs, names_of(list));
    (list, address("", kept).trim_start_matches('?').to_owned())
}

fn back(list: List, query: &str, said: Option<Outcome>) -> Response {
    let said = said.map(|said| format!("said={}", said.code())).unwrap_or_default();
    let parts: Vec<_> = [query, &said].into_iter().filter(|part| !part.is_empty()).collect();
    let sign = if parts.is_empty() { "" } else { "?" };
    Redirect::to(&format!("{}{sign}{}", path_of(list), parts.join("&"))).into_response()
}

/// Saves or forgets a filter.
pub async fn filter(
    State(service): State<Service>,
    OperatorRequest { operator, .. }: OperatorRequest,
    Form(fields): Form<Fields>,
) -> Response {
    let (list, query) = list_and_query(&fields);
    let forgotten = get(&fields, "forget");
    if !forgotten.is_empty() {
        let said = match service.forget_filter(&operator, list, forgotten).await {
            Ok(()) => Outcome::FilterForgotten,
            Err(_) => Outcome::ChoiceNotSaved,
        };
        return back(list, &query, Some(said));
    }
    let name = without_hidden(get(&fields, "name")).trim().to_owned();
    if query.is_empty() || name.is_empty() || name.chars().count() > NAME {
        return back(list, &query, Some(Outcome::FilterNameWrong));
    }
    let said = match service.save_filter(&operator, list, SavedFilter { name, query: query.clone() }).await {
        Ok(true) => Outcome::FilterSaved,
        Ok(false) => Outcome::TooManyFilters,
        Err(_) => Outcome::ChoiceNotSaved,
    };
    back(list, &query, Some(said))
}

/// Keeps which columns this operator wants to see.
pub async fn columns(
    State(service): State<Service>,
    OperatorRequest { operator, .. }: OperatorRequest,
    Form(fields): Form<Fields>,
) -> Response {
    let (list, query) = list_and_query(&fields);
    let known = match list {
        List::Orders => order_columns::known,
        List::Refunds => refund_columns::known,
    };
    let chosen: Vec<_> =
        fields.iter().filter(|(name, _)| name == "column").filter_map(|(_, name)| known(name)).collect();
    let said = match service.choose_columns(&operator, list, &chosen).await {
        Ok(()) => None,
        Err(_) => Some(Outcome::ChoiceNotSaved),
    };
    back(list, &query, said)
}
