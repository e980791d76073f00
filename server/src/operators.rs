//! Operators: sign-in, sessions, and limits on guessing that lock no operator out.

use std::net::IpAddr;

use cashier::{
    db::{
        Db, DbError,
        operator_factors::{self, HalfSignIn, Second},
        operator_sessions::{self, NewSession, SignedIn},
        sign_in,
    },
    operators::{Accounts, Factor, FactorError, NOBODY, check_form},
    rate::Quota,
    sealing::SecretKeys,
};
use recharge::audit::AuditEntry;
use sha2::{Digest as _, Sha256};
use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, keyed_limit::KeyedLimit, log_limit::LogLimitByAddress};

mod turns;

use turns::{Asker, Turn, Turns};

/// The operator that the first start makes.
pub const FIRST: &str = "admin";

/// Ten failed tries in 15 minutes: for an address block, for a name, for an operator's own password confirmations.
const TEN: Quota = Quota { at_once: 10, each_ms: 90_000 };
/// All blocks of an IPv6 /48 together: one site may have 65,536 of them.
const SITE: Quota = Quota { at_once: 20, each_ms: 45_000 };
/// Rows of limits for names that are tried from unknown addresses. A name's hash chooses its row, whether an operator has the name
/// or not: so being limited does not tell whether the name exists, and the number of rows is bounded.
const BUCKETS: u16 = 1024;
/// Characters kept of a browser's name for itself.
const AGENT_CHARS: usize = 200;
/// Seconds to wait, as the page says, where too many passwords are being compared at once.
const CROWDED_S: u64 = 2;

/// Signs operators in and out. One for the process.
#[derive(Debug)]
pub struct Operators {
    db: Db,
    accounts: Accounts,
    turns: Turns,
    by_block: KeyedLimit<IpAddr>,
    by_site: KeyedLimit<IpAddr>,
    failed_sign_ins: LogLimitByAddress,
    refused_sign_ins: LogLimitByAddress,
    failed_confirmations: LogLimitByAddress,
}

/// The browser that signs in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browser<'a> {
    /// The token that it sent: that session ends.
    pub token: Option<&'a str>,
    /// What it calls itself.
    pub agent: &'a str,
}

/// Why nobody was signed in, or nothing confirmed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown name or wrong password; nobody is told which.
    #[error("user name and password do not match")]
    Mismatch,
    #[error("too many failed tries, {wait_s} s to wait")]
    Slow { wait_s: u64 },
    /// A code that was used before, or one of a step before it.
    #[error("this code was used before")]
    Used,
    /// The first step was too long ago, or the operator has another password by now.
    #[error("the sign-in begins anew")]
    Over,
    /// The secret of the second factor cannot be opened: a recovery code still counts.
    #[error("SAOMA_SECRET_KEY is not the one that sealed the second factor")]
    NoKey,
    #[error("database error")]
    Database(#[from] DbError),
}

/// What a right password opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// A session, by its token.
    Session(String),
    /// The second step of the sign-in, by its token.
    SecondStep(String),
}

impl LoginError {
    fn slow(wait_ms: i64) -> LoginError {
        LoginError::Slow { wait_s: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000).max(1) }
    }
}

/// The hash of a password that was right, and the bucket whose try the comparison took.
struct Proven {
    password_hash: String,
    bucket: String,
}

impl Operators {
    pub fn new(db: Db, keys: Option<&SecretKeys>) -> Self {
        Operators {
            accounts: Accounts::new(db.clone(), keys),
            db,
            turns: Turns::default(),
            by_block: KeyedLimit::new(TEN),
            by_site: KeyedLimit::new(SITE),
            failed_sign_ins: LogLimitByAddress::default(),
            refused_sign_ins: LogLimitByAddress::default(),
            failed_confirmations: LogLimitByAddress::default(),
        }
    }

    /// The token of a new session, or of the second step where the operator has a second factor, for the cookie.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        browser: Browser<'_>,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<Entered, LoginError> {
        let block = from.block();
        let proven = match self.by_block.take(block, now) {
            Ok(()) => self.prove(name, password, from, now).await,
            Err(wait_ms) => Err(LoginError::slow(wait_ms)),
        };
        if matches!(proven, Err(LoginError::Slow { .. }))
            && let Some(others) = self.refused_sign_ins.take(from, now)
        {
            tracing::warn!(others, "too many failed sign-ins from {}", from.0);
        }
        let proven = proven?;
        self.by_block.give_back(block);
        let (token, address) = (random_hex(), from.0.to_string());
        if matches!(self.accounts.factor(name).await?, Factor::On { .. }) {
            sign_in::give_back(&self.db, &proven.bucket, TEN).await?;
            let half = HalfSignIn {
                operator: name.to_owned(),
                password_hash: proven.password_hash,
                replaces: browser.token.map(hash_of).unwrap_or_default(),
                agent: agent(browser.agent),
            };
            operator_factors::begin_half(&self.db, hash_of(&token), half, now).await?;
            return Ok(Entered::SecondStep(token));
        }
        let session = NewSession {
            token_hash: hash_of(&token),
            password_hash: proven.password_hash,
            replaces: browser.token.map(hash_of),
            agent: agent(browser.agent),
            block: block.to_string(),
            tried: vec![(proven.bucket, TEN)],
            entry: AuditEntry::new(now, name, "login", name, &address),
        };
        // The operator may have been removed, or got another password, while this one was compared.
        if !operator_sessions::begin(&self.db, session).await? {
            return Err(LoginError::Mismatch);
        }
        tracing::info!("operator {name} signed in from {address}");
        Ok(Entered::Session(token))
    }

    /// The second step: a new session's token for the first step's and a code of the phone, or a recovery code. Tries are limited as those
    /// of the password are, by address and by name.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn second_step(
        &self,
        token: &str,
        code: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<String, LoginError> {
        let first = hash_of(token);
        let Some(half) = operator_factors::half(&self.db, &first, now).await? else {
            return Err(LoginError::Over);
        };
        let (name, block) = (half.operator, from.block());
        self.by_block.take(block, now).map_err(LoginError::slow)?;
        let account = sign_in::account(&self.db, &name, &block.to_string(), now).await?;
        let bucket = match account.is_some_and(|account| account.is_known_block) {
            true => format!("factor {name} {block}"),
            false => format!("factor {name}"),
        };
        if let Some(wait) = sign_in::take(&self.db, &bucket, TEN, now).await? {
            return Err(LoginError::slow(wait));
        }
        let proof = match self.accounts.proof(&name, code, now).await {
            Ok(Some(proof)) => proof,
            Ok(None) => return Err(self.wrong_code(&name, from, LoginError::Mismatch, now).await?),
            Err(FactorError::Database(error)) => return Err(error.into()),
            Err(_) => return Err(LoginError::NoKey),
        };
        let (new, address) = (random_hex(), from.0.to_string());
        let session = NewSession {
            token_hash: hash_of(&new),
            password_hash: half.password_hash,
            replaces: Some(half.replaces),
            agent: half.agent,
            block: block.to_string(),
            tried: vec![(bucket, TEN)],
            entry: AuditEntry::new(now, &name, "login", &name, &address),
        };
        match operator_factors::complete(&self.db, first, proof, session).await? {
            Second::SignedIn => {
                self.by_block.give_back(block);
                tracing::info!("operator {name} signed in from {address}, with a second factor");
                Ok(new)
            }
            Second::Used => Err(self.wrong_code(&name, from, LoginError::Used, now).await?),
            Second::Over => Err(LoginError::Over),
        }
    }

    /// Counts a code that did not let in.
    async fn wrong_code(
        &self,
        name: &str,
        from: ClientAddr,
        error: LoginError,
        now: UnixMillis,
    ) -> Result<LoginError, DbError> {
        sign_in::failed(&self.db, "factor", name, &from.block().to_string(), now).await?;
        if let Some(others) = self.failed_sign_ins.take(from, now) {
            tracing::warn!(others, "wrong second factor of {name} from {}", from.0);
        }
        Ok(error)
    }

    /// Compares a password under the limits of name and address. From an address block where this operator signed in within 30 days
    /// there are tries for that name and block alone; all other addresses share the name's. So strangers who use up their tries
    /// lock no operator out.
    async fn prove(
        &self,
        name: &str,
        password: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<Proven, LoginError> {
        let block = from.block().to_string();
        let account = match check_form(name) {
            Ok(()) => sign_in::account(&self.db, name, &block, now).await?,
            Err(_) => None,
        };
        let (asker, bucket) = match &account {
            Some(account) if account.is_known_block => (Asker::Known, format!("known {name} {block}")),
            _ => (Asker::Stranger, format!("stranger {}", bucket(name))),
        };
        let site = from.site().filter(|_| asker == Asker::Stranger);
        if let Some(site) = site {
            self.by_site.take(site, now).map_err(LoginError::slow)?;
        }
        let give_back = || {
            self.by_block.give_back(from.block());
            site.inspect(|site| self.by_site.give_back(*site));
        };
        let Some(turn) = self.turns.take(asker).await else {
            give_back();
            return Err(LoginError::Slow { wait_s: CROWDED_S });
        };
        let hash = account.as_ref().map_or(NOBODY, |account| &account.password_hash);
        if self.compare(turn, password, hash, &bucket, now).await?
            && let Some(account) = account
        {
            site.inspect(|site| self.by_site.give_back(*site));
            return Ok(Proven { password_hash: account.password_hash, bucket });
        }
        let shown = if account.is_some() { name } else { "" };
        sign_in::failed(&self.db, "login", shown, &block, now).await?;
        if let Some(others) = self.failed_sign_ins.take(from, now) {
            let name = if account.is_some() { name } else { "an unknown name" };
            tracing::warn!(others, "failed sign-in as {name} from {}", from.0);
        }
        Err(LoginError::Mismatch)
    }

    /// Takes a try of the bucket, then compares: if it were counted afterwards, many guesses at once would all pass.
    async fn compare(
        &self,
        turn: Turn,
        password: &str,
        hash: &str,
        bucket: &str,
        now: UnixMillis,
    ) -> Result<bool, LoginError> {
        if let Some(wait) = sign_in::take(&self.db, bucket, TEN, now).await? {
            return Err(LoginError::slow(wait));
        }
        Ok(turn.verify(password, hash).await)
    }

    /// Whether an operator who is signed in still knows the password: asked again where money leaves, because a browser
    /// may stand open. What that stops is in `docs/faults.md`, 28.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn confirm(
        &self,
        name: &str,
        password: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<(), LoginError> {
        let (block, bucket) = (from.block().to_string(), format!("confirm {name}"));
        let account = sign_in::account(&self.db, name, &block, now).await?;
        let Some(turn) = self.turns.take(Asker::Known).await else {
            return Err(LoginError::Slow { wait_s: CROWDED_S });
        };
        let hash = account.as_ref().map_or(NOBODY, |account| &account.password_hash);
        if self.compare(turn, password, hash, &bucket, now).await? {
            sign_in::give_back(&self.db, &bucket, TEN).await?;
            return Ok(());
        }
        sign_in::failed(&self.db, "confirm", name, &block, now).await?;
        if let Some(others) = self.failed_confirmations.take(from, now) {
            tracing::warn!(others, "wrong password in a confirmation by {name} from {}", from.0);
        }
        Err(LoginError::Mismatch)
    }

    /// The operator of a session's token, and the session's id; `None` when it ended.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn session(&self, token: &str, now: UnixMillis) -> Result<Option<(SignedIn, String)>, DbError> {
        if token.len() != 32 {
            return Ok(None);
        }
        let id = hash_of(token);
        Ok(operator_sessions::find(&self.db, &id, now).await?.map(|operator| (operator, id)))
    }

    /// # Errors
    /// [`DbError`].
    pub async fn logout(
        &self,
        token: &str,
        name: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<(), DbError> {
        let entry = AuditEntry::new(now, name, "logout", name, &from.0.to_string());
        operator_sessions::end(&self.db, &hash_of(token), entry).await.map(|_| ())
    }

    /// Forgets the addresses that have all of their tries again.
    pub fn forget_old_tries(&self, now: UnixMillis) {
        self.by_block.forget(now);
        self.by_site.forget(now);
    }

    /// Deletes old failures and limits from the database.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn prune(&self, now: UnixMillis) -> Result<(), DbError> {
        sign_in::prune(&self.db, now).await
    }
}

fn bucket(name: &str) -> u16 {
    let [first, second, ..] = <[u8; 32]>::from(Sha256::digest(name.as_bytes()));
    u16::from_be_bytes([first, second]) % BUCKETS
}

/// What is kept of a browser's name for itself.
fn agent(sent: &str) -> String {
    sent.chars().filter(|letter| !letter.is_control()).take(AGENT_CHARS).collect()
}

/// 128 random bits.
pub fn random_hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn hash_of(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
