//! What the settings page shows of this process: each setting with where it came from, and what the doctor found last. The server
//! fills it in.

use std::sync::{PoisonError, RwLock};

use wxpay::UnixMillis;

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Environment,
    File,
    /// A credential of systemd.
    Credential,
    Default,
    /// It is not set, and there is no default.
    Unset,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingLine {
    /// The variable of the environment.
    pub variable: &'static str,
    pub source: Source,
    /// The value; `None` for a secret, and for one that is not set.
    pub value: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Skipped,
    Warning,
    Bad,
}

/// What one of the doctor's checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub id: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What the page shows.
#[derive(Debug, Default)]
pub struct Report {
    read: RwLock<Vec<SettingLine>>,
    findings: RwLock<Option<(UnixMillis, Vec<Finding>)>>,
}

impl Report {
    pub fn new(settings: Vec<SettingLine>) -> Report {
        Report { read: RwLock::new(settings), findings: RwLock::default() }
    }

    pub fn settings(&self) -> Vec<SettingLine> {
        self.read.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Secrets and certificates were read again.
    pub fn read_again(&self, settings: Vec<SettingLine>) {
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// What the doctor found last, and when.
    pub fn findings(&self) -> Option<(UnixMillis, Vec<Finding>)> {
        self.findings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn found(&self, at: UnixMillis, findings: Vec<Finding>) {
        *self.findings.write().unwrap_or_else(PoisonError::into_inner) = Some((at, findings));
    }
}
