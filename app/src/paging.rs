//! Keyset pagination: cursors of lists, in addresses.

use std::fmt::Display;

use cashier::db::walk::Cursor;
use wxpay::{OutRefundNo, OutTradeNo, UnixMillis};

use crate::request::PageRequest;

/// A cursor's position in an address: `1763630126000-SM20261121…`.
pub fn cursor_text(at: UnixMillis, number: impl Display) -> String {
    format!("{}-{number}", at.get())
}

/// Where in a list an address points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<N> {
    /// The first page.
    First,
    At(Cursor<N>),
    /// What stands there is no place.
    Unknown(String),
}

impl<N> Place<N> {
    pub fn cursor(self) -> Option<Cursor<N>> {
        match self {
            Place::At(cursor) => Some(cursor),
            Place::First | Place::Unknown(_) => None,
        }
    }
}

/// The place of `?before=` or `?after=` in a list of orders.
pub fn order_cursor(request: &PageRequest) -> Place<OutTradeNo> {
    place(request, |number| OutTradeNo::parse(number).ok())
}

/// The same in a list of refunds.
pub fn refund_cursor(request: &PageRequest) -> Place<OutRefundNo> {
    place(request, |number| OutRefundNo::parse(number).ok())
}

fn place<N>(request: &PageRequest, number: impl Fn(&str) -> Option<N>) -> Place<N> {
    let read = |text: &str| {
        let (at, rest) = text.split_once('-')?;
        Some((UnixMillis::new(at.parse().ok()?), number(rest)?))
    };
    let (text, found) = match (request.get("before"), request.get("after")) {
        (Some(text), _) => (text, read(text).map(|(at, number)| Cursor::Before(at, number))),
        (None, Some(text)) => (text, read(text).map(|(at, number)| Cursor::After(at, number))),
        (None, None) => return Place::First,
    };
    found.map_or_else(|| Place::Unknown(text.chars().take(40).collect()), Place::At)
}

/// The address of the page at a cursor, with the filter kept.
pub fn cursor_href<N: Display>(request: &PageRequest, cursor: &Cursor<N>) -> String {
    match cursor {
        Cursor::Before(at, number) => {
            request.with(&[("after", ""), ("said", ""), ("before", &cursor_text(*at, number))])
        }
        Cursor::After(at, number) => {
            request.with(&[("before", ""), ("said", ""), ("after", &cursor_text(*at, number))])
        }
    }
}
