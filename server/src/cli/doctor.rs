//! `saoma doctor`: looks at settings, machine, credentials and addresses, and prints what to do.

use std::{path::Path, process::ExitCode, sync::Arc};

use cashier::error_chain::error_chain;
use server::{
    config,
    doctor::{self, Finding, Patient, Verdict},
};

use super::Failure;

/// Exit status 0 if all is well, 1 with a warning, 2 with something that does not work.
pub(super) async fn doctor(file: Option<&Path>, json: bool) -> Result<ExitCode, Failure> {
    let findings = match config::load(file) {
        Ok(config) => {
            let mut findings = vec![settings(Verdict::Good, "all settings are usable".to_owned(), None)];
            let patient = match Patient::of(config).await {
                Ok(patient) => Arc::new(patient),
                Err(error) => {
                    findings.push(Finding {
                        id: "start",
                        verdict: Verdict::Bad,
                        text: error_chain(&error),
                        hint: Some("the server does not start either: correct this first".to_owned()),
                    });
                    return show(&findings, json);
                }
            };
            if !json {
                print(findings.iter());
            }
            for looking in doctor::begin(&patient) {
                findings.push(looking.await?);
                if !json {
                    print(findings.last().into_iter());
                }
            }
            findings
        }
        Err(error) => {
            let hint = "correct it in the environment or in the settings file";
            return show(&[settings(Verdict::Bad, error.to_string(), Some(hint.to_owned()))], json);
        }
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    }
    Ok(ExitCode::from(doctor::exit_status(&findings)))
}

fn show(findings: &[Finding], json: bool) -> Result<ExitCode, Failure> {
    if json {
        println!("{}", serde_json::to_string_pretty(findings)?);
    } else {
        print(findings.iter());
    }
    Ok(ExitCode::from(doctor::exit_status(findings)))
}

fn settings(verdict: Verdict, text: String, hint: Option<String>) -> Finding {
    Finding { id: "settings", verdict, text, hint }
}

fn print<'a>(findings: impl Iterator<Item = &'a Finding>) {
    for Finding { id, verdict, text, hint } in findings {
        let mark = match verdict {
            Verdict::Good => "✓",
            Verdict::Skipped => "-",
            Verdict::Warning => "!",
            Verdict::Bad => "✗",
        };
        println!("{mark} {id}: {text}");
        if let Some(hint) = hint {
            println!("  → {hint}");
        }
    }
}
