//! `saoma admin`: the operators, as the console changes and lists them.

use std::{
    io::{BufRead as _, IsTerminal as _},
    path::Path,
};

use cashier::{
    Random,
    db::operators::OperatorRow,
    operators::{Accounts, FactorError, Given, new_password},
};
use recharge::audit::Acting;
use wxpay::UnixMillis;

use super::{AdminAction, Failure, open};

pub async fn admin(action: AdminAction, file: Option<&Path>) -> Result<(), Failure> {
    let (accounts, now) = (Accounts::new(open(file).await?, None), UnixMillis::now());
    // The audit names the operator who is concerned: the console does not know who sits there.
    let by = |name: &str| Acting::operator(name, "console");
    match action {
        AdminAction::Add { name, role } => {
            let password = Password::ask()?;
            accounts.add(&name, role, password.given(), &by(&name), now).await?;
            password.report(&name);
        }
        AdminAction::Passwd { name } => {
            let password = Password::ask()?;
            accounts.set_password(&name, password.given(), &by(&name), now).await?;
            password.report(&name);
        }
        AdminAction::Role { name, role } => {
            let seen = accounts.named(&name, now).await?.map_or(0, |operator| operator.version);
            accounts.set_role(&name, role, seen, &by(&name), now).await?;
            println!("{name} is {} now", role.name());
        }
        AdminAction::ResetFactor { name } => {
            accounts.remove_factor(&name, &by(&name), now).await.map_err(|error| match error {
                FactorError::Changed => format!("{name} has no second factor").into(),
                error => Failure::from(error),
            })?;
            println!("{name} signs in with the password alone, until a second factor is set up again");
        }
        AdminAction::List => list(&accounts, now).await?,
        AdminAction::Remove { name, force } => {
            accounts.remove(&name, None, force, &by(&name), now).await?;
            println!("the operator {name} is removed and signed out everywhere");
        }
    }
    Ok(())
}

async fn list(accounts: &Accounts, now: UnixMillis) -> Result<(), Failure> {
    let operators = accounts.list(now).await?;
    let day = |at: UnixMillis| at.to_beijing_text();
    println!(
        "{:32}  {:7}  {:19}  {:19}  {:>8}  {:>13}",
        "name", "role", "password set", "last sign-in", "sessions", "failed in 24 h"
    );
    for OperatorRow { name, role, password_at, signed_in_at, sessions, failures, .. } in operators {
        let signed_in = signed_in_at.map_or_else(|| "not in 30 days".to_owned(), day);
        let role = role.name();
        println!(
            "{name:32}  {role:7}  {:19}  {signed_in:19}  {sessions:>8}  {failures:>13}",
            day(password_at)
        );
    }
    Ok(())
}

/// A password for an operator.
enum Password {
    Typed(String),
    /// There was nothing on standard input.
    Made(String),
}

impl Password {
    /// A line from standard input; an empty one means that a password is made.
    fn ask() -> Result<Password, Failure> {
        let stdin = std::io::stdin();
        let mut line = String::new();
        if stdin.is_terminal() {
            line = rpassword::prompt_password("Password (empty: one is made): ")?;
        } else {
            stdin.lock().read_line(&mut line)?;
        }
        let line = line.trim_end_matches(['\r', '\n']);
        Ok(if line.is_empty() {
            Password::Made(new_password(&Random::system()))
        } else {
            Password::Typed(line.to_owned())
        })
    }

    fn given(&self) -> Given<'_> {
        match self {
            Password::Typed(text) => Given::Chosen(text),
            Password::Made(text) => Given::Made(text),
        }
    }

    fn report(&self, name: &str) {
        match self {
            Password::Made(password) => {
                println!("name: {name}  password: {password}  (it is changed at the first sign-in)");
            }
            Password::Typed(_) => println!("the password of {name} is set"),
        }
    }
}
