//! Modules of one crate that import each other in a circle: neither can be read, tested or moved without the other.
//!
//! It reads `use`, paths in bodies and macros, re-exports and globs, and leaves out what only tests see. A file may use what
//! lies in its own folder, and is used from there: that alone is no circle.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

mod graph;
mod source;
mod tokens;

use graph::{Files, circles, shortest};
use source::{Module, read};

/// Circles that are still there: crate and files. Take an entry out with its circle; add none.
const KNOWN: &[(&str, &[&str])] = &[];

/// # Errors
/// Each circle with the files and lines that close it, and each entry of [`KNOWN`] that is gone.
pub fn check() -> Result<(), String> {
    let (_, crates) = workspace::crates()?;
    let mut wrong = Vec::new();
    for one in &crates {
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| one.folder.join(root));
        let known: Vec<_> =
            KNOWN.iter().filter(|(name, _)| *name == one.name).map(|(_, files)| *files).collect();
        wrong.extend(check_crate(&roots, &one.name, &known)?);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// A crate with a library and a program has a root for each.
fn check_crate(roots: &[PathBuf], name: &str, known: &[&[&str]]) -> Result<Vec<String>, String> {
    let mut stale: Vec<&[&str]> = known.to_vec();
    let mut wrong = Vec::new();
    for root in roots.iter().filter(|root| root.exists()) {
        let mut files = Files::default();
        add(&mut files, root, Module::new())?;
        let uses = files.uses();
        for circle in circles(&uses) {
            let names: BTreeSet<String> = circle.iter().map(file_name).collect();
            let covers = |entry: &[&str]| names.iter().all(|name| entry.contains(&name.as_str()));
            if let Some(entry) = known.iter().find(|entry| covers(entry)) {
                stale.retain(|other| other != entry);
                continue;
            }
            let names = names.into_iter().collect::<Vec<_>>().join(" ");
            wrong.push(format!("{name}: a circle of modules: {names}"));
            for (from, to, example) in shortest(&uses, &circle) {
                let (from, to) = (file_name(&from), file_name(&to));
                wrong.push(format!("    {from}:{} uses {to} ({})", example.line, example.path));
            }
        }
    }
    let gone =
        |entry: &&[&str]| format!("{name}: no circle any more, take it out of KNOWN: {}", entry.join(" "));
    wrong.extend(stale.iter().map(gone));
    Ok(wrong)
}

/// `db::orders` is `db/orders.rs`, below `src`; the root of a crate is `lib.rs` (or `main.rs`).
fn file_name(module: &Module) -> String {
    if module.is_empty() { "lib.rs".to_owned() } else { format!("{}.rs", module.join("/")) }
}

/// Reads a file, and each file that it declares as a module.
fn add(files: &mut Files, path: &Path, module: Module) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let source = read(&module, &text);
    let folder = if module.is_empty() { path.with_file_name("") } else { path.with_extension("") };
    for child in &source.children {
        let inner = &child[module.len()..];
        let file: PathBuf = folder.join(inner.join("/")).with_extension("rs");
        add(files, &file, child.clone())?;
    }
    files.add(module, source);
    Ok(())
}

#[cfg(test)]
mod tests;
