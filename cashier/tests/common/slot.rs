//! Whom the sandbox notifies: it is made before that one.

use std::sync::{Arc, Mutex};

/// Holds the one that takes the notices. It is empty before that one is there, and after the test.
#[derive(Clone)]
pub struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot(Arc::default())
    }
}

impl<T: Clone> Slot<T> {
    pub fn fill(&self, holder: T) {
        *self.0.lock().unwrap() = Some(holder);
    }

    pub fn holder(&self) -> Option<T> {
        self.0.lock().unwrap().clone()
    }

    /// Empties it when it is dropped. The holder has the sandbox as its WeChat, and the sandbox has the holder in the slot: without
    /// this the circle keeps the database's connections open after the test, until they are too many.
    pub fn emptied_at_the_end(&self) -> Emptied<T> {
        Emptied(self.clone())
    }
}

pub struct Emptied<T>(Slot<T>);

impl<T> Drop for Emptied<T> {
    fn drop(&mut self) {
        drop(self.0.0.lock().unwrap().take());
    }
}
