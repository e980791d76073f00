//! The order page's island: polls the order's status and reloads the page when it has changed.

use gloo_timers::future::TimeoutFuture;
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::clock::now;
use crate::island_props::read_props;
use crate::poll::{POLL_FOR_S, Poll, Step};
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
        let Followed { out_trade_no: number, token, state, code_version, poll_for_s, .. } = followed;
        let poll = StoredValue::new(Poll::start(now(), poll_for_s));
        let wake = move || {
            poll.update_value(|poll| poll.wake(now()));
        };
        let visible = window_event_listener(ev::visibilitychange, move |_| wake());
        let online = window_event_listener(ev::online, move |_| wake());
        on_cleanup(move || {
            visible.remove();
            online.remove();
        });
        spawn_local(async move {
            loop {
                match poll.try_update_value(|poll| poll.step(now())) {
                    None => return,
                    // A page that shows a code goes on for as long as the order is open.
                    Some(Step::Stop) => poll.update_value(|poll| poll.extend(now(), POLL_FOR_S)),
                    Some(Step::Wait) => TimeoutFuture::new(TICK_MS).await,
                    Some(Step::Ask) => match api::order_status(number.clone(), token.clone()).await {
                        Ok(view) if (view.state, view.code_version) != (state, code_version) => {
                            return reload();
                        }
                        Ok(view) => {
                            poll.update_value(|poll| poll.answered(now(), view.next_ms));
                        }
                        // The link ends with its order: the page says what became of it.
                        Err(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::Session) => {
                            return reload();
                        }
                        Err(error) => {
                            poll.update_value(|poll| poll.lost(now(), error.retry_after_s));
                        }
                    },
                }
            }
        });
    });
}

fn reload() {
    let _ = window().location().reload();
}
