//! What a database says of itself, looked at with an operator's eyes.

use cashier::db::{Engine, inspection::Inspection};

use super::{Found, Patient, database::Database};

/// The oldest PostgreSQL that its makers still mend, as its number.
const OLDEST: i64 = 140_000;

/// How far the clocks of the database and of an instance may be apart, in ms: instances share limits by it.
const CLOCK_MS: i64 = 10_000;

pub(super) fn tls(patient: &Patient) -> Found {
    match (&patient.database, &patient.inspection) {
        (Database::Unproven(error), _) => Found::bad(error),
        (_, Some(Ok(found))) => match found.is_encrypted {
            None => Found::skipped("SQLite is a file of this machine"),
            Some(true) => Found::good("the connection to PostgreSQL is encrypted"),
            Some(false) if patient.is_database_here() => Found::good("PostgreSQL is on this machine"),
            Some(false) => Found::warning("what is sent to PostgreSQL can be read and changed on the way"),
        },
        _ => Found::skipped("see database"),
    }
}

pub(super) fn pooler(patient: &Patient) -> Found {
    match &patient.database {
        Database::Pooler(error) => Found::bad(error),
        Database::Found { db, .. } if db.engine() == Engine::Postgres => {
            Found::good("no pooler in transaction mode stands in between")
        }
        _ => Found::skipped("there is no PostgreSQL to look at"),
    }
}

/// A check of what the database said; the others say why it said nothing.
fn inspected(patient: &Patient, look: impl FnOnce(&Inspection) -> Found) -> Found {
    match &patient.inspection {
        Some(Ok(found)) => look(found),
        Some(Err(error)) => Found::warning(format!("the database does not tell: {error}")),
        None => Found::skipped("see database"),
    }
}

pub(super) fn version(patient: &Patient) -> Found {
    inspected(patient, |found| match found.postgres {
        Some(number) if number < OLDEST => {
            Found::warning(format!("{} gets no mends any more", found.version))
        }
        _ => Found::good(&found.version),
    })
}

pub(super) fn writes(patient: &Patient) -> Found {
    inspected(patient, |found| match found.refuses_writes {
        Some(why) => Found::bad(format!("the database takes no writes: {why}")),
        None if found.postgres.is_some() => Found::good("it is no standby, and takes writes"),
        None => Found::skipped("SQLite has no standby"),
    })
}

pub(super) fn rights(patient: &Patient) -> Found {
    let found = inspected(patient, |found| match found.closed_tables.as_slice() {
        [] => Found::good("this user may read and write all tables"),
        closed => Found::bad(format!("this user may not read, or not write to {}", closed.join(", "))),
    });
    let closed: Vec<_> = patient.closed_files().iter().map(|path| path.display().to_string()).collect();
    match closed.is_empty() {
        true => found,
        false => Found::bad(format!("this user may not write to {}", closed.join(", ")))
            .hint("run the doctor as the user of the server, who must own the file and its folder"),
    }
}

pub(super) fn clock(patient: &Patient) -> Found {
    inspected(patient, |found| match found.ahead_ms {
        None => Found::skipped("SQLite has this machine's clock"),
        Some(ahead) => {
            let text = format!("the database's clock is {} ms ahead of ours", ahead);
            if ahead.abs() > CLOCK_MS { Found::bad(text) } else { Found::good(text) }
        }
    })
}
