//! `saoma admin`: the operators, as the console changes and lists them.

use std::{
    io::{BufRead as _, IsTerminal as _},
    path::Path,
};

use cashier::{
    Db,
    db::operators::{self as rows, OperatorRow},
};
use server::operators;
use wxpay::UnixMillis;

use super::{AdminAction, Failure, open};

pub async fn admin(action: AdminAction, file: Option<&Path>) -> Result<(), Failure> {
    let (db, now) = (open(file).await?, UnixMillis::now());
    match action {
        AdminAction::Add { name } => {
            let password = Password::ask()?;
            operators::add(&db, &name, password.text(), now).await?;
            password.report(&name);
        }
        AdminAction::Passwd { name } => {
            let password = Password::ask()?;
            operators::set_password(&db, &name, password.text(), now).await?;
            password.report(&name);
        }
        AdminAction::List => list(&db, now).await?,
        AdminAction::Remove { name, force } => {
            operators::remove(&db, &name, force, now).await?;
            println!("the operator {name} is removed and signed out everywhere");
        }
    }
    Ok(())
}

async fn list(db: &Db, now: UnixMillis) -> Result<(), Failure> {
    let operators = rows::list(db, now).await?;
    let day = |at: UnixMillis| at.to_beijing_text();
    println!(
        "{:32}  {:19}  {:19}  {:>8}  {:>13}",
        "name", "password set", "last sign-in", "sessions", "failed in 24 h"
    );
    for OperatorRow { name, password_at, signed_in_at, sessions, failures, .. } in operators {
        let signed_in = signed_in_at.map_or_else(|| "not in 30 days".to_owned(), day);
        println!("{name:32}  {:19}  {signed_in:19}  {sessions:>8}  {failures:>13}", day(password_at));
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
            Password::Made(operators::new_password())
        } else {
            Password::Typed(line.to_owned())
        })
    }

    fn text(&self) -> &str {
        let (Password::Typed(text) | Password::Made(text)) = self;
        text
    }

    fn report(&self, name: &str) {
        match self {
            Password::Made(password) => println!("name: {name}  password: {password}"),
            Password::Typed(_) => println!("the password of {name} is set"),
        }
    }
}
