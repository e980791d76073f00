//! Keyset pagination: cursors of lists of orders, in addresses.

use cashier::db::order_list::Cursor;
use wxpay::{OutTradeNo, UnixMillis};

use crate::request::PageRequest;

/// A cursor's position in an address: `1763630126000-SM20261121…`.
pub fn cursor_text(at: UnixMillis, number: &OutTradeNo) -> String {
    format!("{}-{number}", at.get())
}

/// The cursor of `?before=` or `?after=`; `None`, the first page, if it cannot be read.
pub fn cursor(request: &PageRequest) -> Option<Cursor> {
    let read = |name| {
        let (at, number) = request.get(name)?.split_once('-')?;
        Some((UnixMillis::new(at.parse().ok()?), OutTradeNo::parse(number).ok()?))
    };
    let before = read("before").map(|(at, number)| Cursor::Before(at, number));
    before.or_else(|| read("after").map(|(at, number)| Cursor::After(at, number)))
}

/// The address of the page at a cursor, with the filter kept.
pub fn cursor_href(request: &PageRequest, cursor: &Cursor) -> String {
    match cursor {
        Cursor::Before(at, number) => request.with(&[("after", ""), ("before", &cursor_text(*at, number))]),
        Cursor::After(at, number) => request.with(&[("before", ""), ("after", &cursor_text(*at, number))]),
    }
}
