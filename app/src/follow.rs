//! The order page's island: polls the order's status and reloads the page when it has changed.

use futures_util::future::{AbortHandle, abortable};
use gloo_timers::future::TimeoutFuture;
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::clock::now;
use crate::island_props::read_props;
use crate::poll::{HOLD_S, POLL_FOR_S, Poll, Step};
use crate::protocol::Followed;
use crate::protocol::error::ErrorCode;

/// Milliseconds between two looks at the clock.
const TICK_MS: u32 = 250;

/// The id of the element with the island's [`Followed`].
pub const PROPS_ID: &str = "followed";

/// Polls for the page around it; renders nothing.
#[island]
pub fn Follow() -> impl IntoView {
    Effect::new(move || {
        let Some(followed) = read_props::<Followed>(PROPS_ID) else { return };
        let Followed { out_trade_no: number, token, poll_for_s, .. } = followed.clone();
        let shown = (followed.state, followed.code_version, followed.cancelled);
        let expires_at = (followed.expires_in_s > 0).then(|| now() + followed.expires_in_s * 1000 + 1000);
        let poll = StoredValue::new(Poll::start(now(), poll_for_s));
        let asking = StoredValue::new(None::<AbortHandle>);
        let wake = move || {
            poll.update_value(|poll| poll.wake(now()));
            if let Some(handle) = asking.try_update_value(Option::take).flatten() {
                handle.abort();
            }
        };
        let visible = window_event_listener(ev::visibilitychange, move |_| match document().hidden() {
            true => poll.update_value(Poll::hide),
            false => wake(),
        });
        let online = window_event_listener(ev::online, move |_| wake());
        on_cleanup(move || {
            visible.remove();
            online.remove();
        });
        let mut version = followed.version;
        spawn_local(async move {
            loop {
                if expires_at.is_some_and(|at| now() >= at) {
                    return reload();
                }
                match poll.try_update_value(|poll| poll.step(now())) {
                    None => return,
                    // A page that shows a code goes on for as long as the order is open.
                    Some(Step::Stop) => poll.update_value(|poll| poll.extend(now(), POLL_FOR_S)),
                    Some(Step::Wait) => TimeoutFuture::new(TICK_MS).await,
                    Some(Step::Ask(wait_s)) => {
                        // So that the page says in time that the time is over.
                        let left_s =
                            expires_at.map_or(HOLD_S, |at| u32::try_from((at - now()) / 1000).unwrap_or(0));
                        let wait_s = wait_s.min(left_s);
                        let asked =
                            api::order_status(number.clone(), token.clone(), Some(version), Some(wait_s));
                        let (asked, handle) = abortable(asked);
                        asking.set_value(Some(handle));
                        match asked.await {
                            // The page was seen again: it asks anew.
                            Err(_) => {}
                            Ok(Ok(view)) if (view.state, view.code_version, view.cancelled) != shown => {
                                return reload();
                            }
                            Ok(Ok(view)) => {
                                version = view.version;
                                poll.update_value(|poll| poll.answered(now(), view.next_ms));
                            }
                            // The link ends with its order: the page says what became of it.
                            Ok(Err(error))
                                if matches!(error.code, ErrorCode::NotFound | ErrorCode::Session) =>
                            {
                                return reload();
                            }
                            Ok(Err(error)) => {
                                poll.update_value(|poll| poll.lost(now(), error.retry_after_s));
                            }
                        }
                    }
                }
            }
        });
    });
}

fn reload() {
    let _ = window().location().reload();
}
