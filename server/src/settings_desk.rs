//! The doctor's checks as the settings page runs them.

use std::sync::Arc;

use app::{
    access::{Caller, Limit, Permission, Routes},
    links,
    service::report::{Finding, Verdict},
};
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use cashier::error_chain::error_chain;

use crate::{
    config::Config,
    doctor::{self, Patient},
    state::Server,
};

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().post(links::SETTINGS_CHECK, Caller::Operator(Permission::Owner), Limit::Operator, check)
}

/// Runs all checks, each at most 15 s and all at the same time, and keeps what they find for the page.
async fn check(State(server): State<Server>) -> Response {
    let findings = match Patient::of(Config::clone(&server.config())).await {
        Ok(patient) => looked_at(Arc::new(patient)).await,
        Err(error) => {
            let text = error_chain(&error);
            vec![Finding { id: "start", verdict: Verdict::Bad, text, hint: None }]
        }
    };
    server.pages.report.found(server.now(), findings);
    Redirect::to(&format!("{}#do-t", links::SETTINGS)).into_response()
}

async fn looked_at(patient: Arc<Patient>) -> Vec<Finding> {
    let mut found = Vec::new();
    for looking in doctor::begin(&patient) {
        found.extend(looking.await.ok().map(shown));
    }
    found
}

fn shown(found: doctor::Finding) -> Finding {
    let verdict = match found.verdict {
        doctor::Verdict::Good => Verdict::Good,
        doctor::Verdict::Skipped => Verdict::Skipped,
        doctor::Verdict::Warning => Verdict::Warning,
        doctor::Verdict::Bad => Verdict::Bad,
    };
    Finding { id: found.id, verdict, text: found.text, hint: found.hint }
}
