//! The table, and what stands behind its numbers.

use std::fmt::Write as _;

use crate::Failure;
use crate::drive::Driven;
use crate::machine::Machine;
use crate::numbers::{Spread, grouped, millis, percentile};
use crate::process::own_cpu_ms;
use crate::sites::Site;

/// A side that used so much of its core was the limit.
const SATURATED: u64 = 90;

/// One line of the table.
#[derive(Debug, Default)]
pub struct Row {
    measure: String,
    saoma: String,
    beside: String,
    ratio: String,
    goal: String,
}

impl Row {
    pub fn ratio(&mut self, ratio: String) -> &mut Row {
        self.ratio = ratio;
        self
    }

    pub fn goal(&mut self, goal: &str, is_met: bool) -> &mut Row {
        self.goal = format!("{goal}: {}", if is_met { "met" } else { "missed" });
        self
    }
}

/// What one kind of measurement found.
#[derive(Debug)]
pub struct Rows {
    title: &'static str,
    rows: Vec<Row>,
    rounds: String,
    notes: Vec<String>,
}

impl Rows {
    pub fn new(title: &'static str) -> Rows {
        Rows { title, rows: Vec::new(), rounds: String::new(), notes: Vec::new() }
    }

    pub fn row(&mut self, measure: &str, saoma: String, beside: &str) -> &mut Row {
        self.rows.push(Row {
            measure: measure.to_owned(),
            saoma,
            beside: beside.to_owned(),
            ..Row::default()
        });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// A line of the details, also shown while the rest is still being measured.
    pub fn note(&mut self, note: String) {
        eprintln!("  {note}");
        self.notes.push(note);
    }

    pub fn spread(&mut self, name: &str, Spread { least, median, most }: Spread) {
        self.note(format!(
            "{name}: least {}, median {}, most {}.",
            grouped(least),
            grouped(median),
            grouped(most)
        ));
    }

    pub fn round(&mut self, name: &str, round: u32, driven: &Driven, share: &Used) {
        let at = |per_mille| millis(percentile(&driven.waits_us, per_mille));
        let line = format!(
            "| {name} | {round} | {} | {} | {} / {} / {} | {} % | {} µs | {} % | {} |",
            grouped(driven.good.len() as u64),
            grouped(driven.per_second()),
            at(500),
            at(990),
            at(999),
            share.server,
            share.server_ms * 1000 / (driven.good.len() as u64).max(1),
            share.load,
            share.limit(),
        );
        eprintln!("  {}: {line}", self.title);
        self.rounds.push_str(&line);
        self.rounds.push('\n');
    }
}

/// Processor time of both sides since a moment.
#[derive(Debug)]
pub struct Share {
    server_ms: u64,
    load_ms: u64,
}

/// The server's processor time, and how much of a core each side used, in percent.
#[derive(Debug)]
pub struct Used {
    server_ms: u64,
    server: u64,
    load: u64,
}

impl Share {
    pub fn begin(site: &Site) -> Result<Share, Failure> {
        Ok(Share { server_ms: site.process.cpu_ms()?, load_ms: own_cpu_ms()? })
    }

    pub fn end(self, site: &Site, driven: &Driven) -> Result<Used, Failure> {
        let wall_ms = u64::try_from(driven.elapsed.as_millis())?.max(1);
        let server_ms = site.process.cpu_ms()? - self.server_ms;
        let load_ms = own_cpu_ms()? - self.load_ms;
        let idle_ms = u64::try_from(driven.idle.as_millis())?;
        Ok(Used {
            server_ms,
            server: server_ms * 100 / wall_ms,
            load: load_ms.saturating_sub(idle_ms) * 100 / wall_ms,
        })
    }
}

impl Used {
    fn limit(&self) -> &'static str {
        if self.load >= SATURATED {
            "the load"
        } else if self.server >= SATURATED {
            "the server"
        } else {
            "neither: waiting"
        }
    }
}

#[derive(Debug)]
pub struct Report {
    machine: Machine,
    parts: Vec<Rows>,
}

impl Report {
    pub fn new(machine: Machine) -> Report {
        Report { machine, parts: Vec::new() }
    }

    pub fn add(&mut self, rows: Rows) {
        self.parts.push(rows);
    }

    /// Markdown.
    pub fn text(&self) -> String {
        let rows = self.parts.iter().flat_map(|part| &part.rows);
        let rows = rows
            .map(|row| [&row.measure, &row.saoma, &row.beside, &row.ratio, &row.goal].map(String::as_str));
        let mut text = table(&[["measure", "Saoma", "beside it", "ratio", "goal"]], rows.collect());
        let _ = write!(text, "\n{}", self.machine);
        for Rows { title, rounds, notes, .. } in &self.parts {
            let _ = write!(text, "\n## {title}\n\n");
            if !rounds.is_empty() {
                text.push_str("| server | round | answered | per second | p50 / p99 / p99.9 | server's core | per answer | load's core | limit |\n");
                text.push_str("|---|---|---|---|---|---|---|---|---|\n");
                let _ = writeln!(text, "{rounds}");
            }
            for note in notes {
                let _ = writeln!(text, "- {note}");
            }
        }
        text
    }
}

/// Columns as wide as their widest cell, so that it reads well in a terminal too.
fn table(head: &[[&str; 5]; 1], rows: Vec<[&str; 5]>) -> String {
    let mut widths = [0; 5];
    for row in head.iter().chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[&str; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule = widths.map(|width| "-".repeat(width + 2)).join("|");
    let mut text = line(&head[0]);
    let _ = writeln!(text, "|{rule}|");
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}
