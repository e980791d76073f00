//! What the browser says of the page and of the network.

use super::{Command, Model};

impl Model {
    /// Nobody sees the page any more.
    pub fn hid(&mut self) {
        if let Some(poll) = &mut self.poll {
            poll.hide();
        }
    }

    /// The browser says that there is no network.
    pub fn cut(&mut self, now: i64) {
        self.has_network = false;
        if let Some(poll) = &mut self.poll {
            poll.cut(now);
        }
    }

    /// The tab became visible, or the network came back. What was not ordered is not ordered by this.
    pub fn woke(&mut self, now: i64) -> Command {
        if let Some(poll) = &mut self.poll {
            poll.wake(now);
        }
        self.tick(now)
    }
}
