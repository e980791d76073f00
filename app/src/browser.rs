//! What runs in the browser: takes up the server's markup, which it finds by id, and needs nothing of Leptos for that. Each
//! page has the JSON of what its script needs beside the markup (see [`crate::props`]); a page without it is left alone.

mod calls;
mod checkout;
mod clock;
mod dialog;
mod dom;
mod figures;
mod follow;
mod json;
mod messages;
mod pay_in_wechat;
mod rehearsal;
mod sheet;

/// Takes up the page that the module was loaded by.
pub fn start() {
    checkout::start();
    follow::start();
    pay_in_wechat::start();
}
