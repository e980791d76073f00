//! The order page: polls the order's status and reloads the page when it has changed.

use std::cell::RefCell;

use wasm_bindgen_futures::spawn_local;

use super::calls::Poller;
use super::clock::{next_tick, now};
use super::dom::{document, listen, window};
use super::messages::read_props;
use crate::poll::{HOLD_S, POLL_FOR_S, Poll, Step};
use crate::props::FOLLOWED;
use crate::protocol::Followed;
use crate::protocol::error::ErrorCode;

/// What the listeners and the loop share; lives as long as the page.
struct Shared {
    poll: RefCell<Poll>,
    poller: Poller,
}

impl Shared {
    /// The page is seen again, or the network is back: asks anew.
    fn wake(&self) {
        self.poll.borrow_mut().wake(now());
        self.poller.end();
    }
}

/// Takes up the page if it shows an order that may still change.
pub fn start() {
    let Some(followed) = read_props::<Followed>(FOLLOWED) else { return };
    let poll = RefCell::new(Poll::start(now(), followed.poll_for_s));
    let shared: &'static Shared = Box::leak(Box::new(Shared { poll, poller: Poller::default() }));
    listen(&document(), "visibilitychange", |_| match document().hidden() {
        true => shared.poll.borrow_mut().hide(),
        false => shared.wake(),
    });
    listen(&window(), "online", |_| shared.wake());
    spawn_local(follow(shared, followed));
}

async fn follow(shared: &'static Shared, followed: Followed) {
    let Followed { out_trade_no: number, token, .. } = &followed;
    let shown = (followed.state, followed.code_version, followed.cancelled);
    let expires_at = (followed.expires_in_s > 0).then(|| now() + followed.expires_in_s * 1000 + 1000);
    let mut version = followed.version;
    loop {
        if expires_at.is_some_and(|at| now() >= at) {
            return reload();
        }
        let step = shared.poll.borrow_mut().step(now());
        let wait_s = match step {
            // A page that shows a code goes on for as long as the order is open.
            Step::Stop => {
                shared.poll.borrow_mut().extend(now(), POLL_FOR_S);
                continue;
            }
            Step::Wait => {
                next_tick().await;
                continue;
            }
            Step::Ask(wait_s) => wait_s,
        };
        // So that the page says in time that the time is over.
        let left_s = expires_at.map_or(HOLD_S, |at| u32::try_from((at - now()) / 1000).unwrap_or(0));
        let order = (number.as_str(), token.as_deref());
        let Some(answer) = shared.poller.order_status(order, version, wait_s.min(left_s)).await else {
            // The page was seen again: it asks anew.
            continue;
        };
        match answer {
            Ok(view) if (view.state, view.code_version, view.cancelled) != shown => return reload(),
            Ok(view) => {
                version = view.version;
                shared.poll.borrow_mut().answered(now(), view.next_ms);
            }
            // The link ends with its order: the page says what became of it.
            Err(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::Session) => return reload(),
            Err(error) => shared.poll.borrow_mut().lost(now(), error.retry_after_s),
        }
    }
}

fn reload() {
    let _ = window().location().reload();
}
