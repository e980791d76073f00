//! The self-check's step: what moved is looked at every five minutes and everything once a day, each by one instance.

use crate::Cashier;
use crate::db::DbError;
use crate::db::check::{self, Findings};
use crate::db::self_checks::{self, Scope};

/// How far behind the beginning of the last run one begins to look, in milliseconds: clocks of instances differ, and what a batch
/// writes bears the time at which its commands came.
const OVERLAP_MS: i64 = 120_000;

/// How far the first run of all looks back, in milliseconds; all that is older the first look at everything sees.
const FIRST_MS: i64 = 600_000;

impl Cashier {
    /// Looks at what moved, or at all data, if that is due and no other instance is at it; `None` if not. Afterwards
    /// [`Health`](crate::Health) has what the last runs of all instances counted.
    ///
    /// # Errors
    /// [`DbError`]; what was found until then is not reported, and the run is due again when its claim ends.
    pub async fn check_due(&self, scope: Scope) -> Result<Option<Findings>, DbError> {
        let (db, instance, now) = (self.inner.db.clone(), self.inner.instance.clone(), self.now());
        let claiming = async move { self_checks::claim(&db, scope, &instance, now).await };
        let Some(claim) = self.inner.db.run_to_completion(claiming).await? else {
            self.inner.health.checked(self_checks::violations(&self.inner.db).await?);
            return Ok(None);
        };
        let findings = match scope {
            Scope::Moved => {
                let last = claim.last_began_at.unwrap_or(now.plus_ms(-FIRST_MS)).min(now);
                check::moved(&self.inner.db, last.plus_ms(-OVERLAP_MS)).await?
            }
            Scope::Whole => check::whole(&self.inner.db).await?,
        };
        let (db, violations, ended_at) = (self.inner.db.clone(), findings.violations, self.now());
        let ending = async move { self_checks::ended(&db, &claim, violations, ended_at).await };
        self.inner.db.run_to_completion(ending).await?;
        self.inner.health.checked(self_checks::violations(&self.inner.db).await?);
        Ok(Some(findings))
    }
}
