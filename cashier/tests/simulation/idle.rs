//! A runtime that detects when it is idle: every task waits for WeChat, for a clock, or for a step to the database. It does not
//! depend on the machine's clock, so a slow machine changes nothing.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use cashier::db::{Fate, Turnstile};
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Clone)]
pub struct Idle {
    turnstile: Turnstile,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waker: Option<Waker>,
    /// Nothing goes on, and no step is at the database.
    idle: bool,
    /// After so many waits the process dies, if it is to die.
    left: Option<usize>,
}

impl Idle {
    pub fn new(turnstile: Turnstile) -> Idle {
        Idle { turnstile, state: Arc::default() }
    }

    /// A runtime that is watched from here. Tokio looks at tasks that another thread woke, and at the future of `block_on`, after
    /// every so many tasks that it ran: then the order of tasks depends on how many times an answer of the database, which comes from
    /// a thread, woke one. Here it looks at them only when no other task can run.
    pub fn runtime(&self) -> Runtime {
        let idle = self.clone();
        Builder::new_current_thread()
            .enable_all()
            .event_interval(u32::MAX)
            .global_queue_interval(u32::MAX)
            .on_thread_park(move || idle.parks())
            .build()
            .unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The runtime has nothing left to do but wait.
    fn parks(&self) {
        let mut state = self.state();
        let dies = match &mut state.left {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        };
        // Who is to die after so many waits really waits at each, also for WeChat.
        state.idle =
            self.turnstile.inside() == 0 && (state.left.is_none() || !self.turnstile.waiting().is_empty());
        if (state.idle || dies)
            && let Some(waker) = state.waker.take()
        {
            waker.wake();
        }
    }

    /// Runs `what` until it ends or nothing goes on any more: then `None`.
    pub fn until_idle<T>(&self, runtime: &Runtime, what: impl Future<Output = T>) -> Option<T> {
        *self.state() = State::default();
        let mut what = pin!(what);
        let done = runtime.block_on(poll_fn(|context| {
            if let Poll::Ready(done) = what.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if self.took_idle(context) { Poll::Ready(None) } else { Poll::Pending }
        }));
        self.forget();
        done
    }

    /// Runs `what` until the process has waited `most` times: then `None`. Nothing is held up meanwhile.
    pub fn until_waited<T>(
        &self,
        runtime: &Runtime,
        most: usize,
        what: impl Future<Output = T>,
    ) -> Option<T> {
        *self.state() = State { left: Some(most), ..State::default() };
        // What is given up halfway still finds its runtime.
        let _inside = runtime.enter();
        let mut what = pin!(what);
        let done = runtime.block_on(poll_fn(|context| {
            if let Poll::Ready(done) = what.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if self.state().left == Some(0) {
                return Poll::Ready(None);
            }
            while self.took_idle(context) {
                let waiting = self.turnstile.waiting();
                waiting.into_iter().for_each(|step| self.turnstile.let_in(step.number, Fate::Done));
            }
            Poll::Pending
        }));
        self.forget();
        done
    }

    /// The waker has a hold of the runtime, which has one of this.
    fn forget(&self) {
        *self.state() = State::default();
    }

    /// Whether it was idle; to be woken when it is.
    fn took_idle(&self, context: &mut Context<'_>) -> bool {
        let mut state = self.state();
        state.waker = Some(context.waker().clone());
        std::mem::take(&mut state.idle)
    }
}
