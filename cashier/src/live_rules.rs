//! The rules of orders and refunds, of which one thing may change while the program runs: which protocols can be spoken, because a
//! certificate was renewed.

use std::sync::{Arc, PoisonError, RwLock};

use recharge::order::Rules;
use recharge::protocols::Protocols;

/// All clones are the same rules.
#[derive(Debug, Clone)]
pub struct LiveRules(Arc<RwLock<Arc<Rules>>>);

impl From<Arc<Rules>> for LiveRules {
    fn from(rules: Arc<Rules>) -> Self {
        LiveRules(Arc::new(RwLock::new(rules)))
    }
}

impl LiveRules {
    /// As they are now; a decision is made by one look at them.
    pub fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these protocols can be spoken.
    pub(crate) fn set_protocols(&self, protocols: Protocols) {
        let mut rules = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *rules = Arc::new(Rules { protocols, ..Rules::clone(&rules) });
    }
}
