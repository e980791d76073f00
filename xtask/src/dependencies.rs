//! Dependencies that nothing uses, found as cargo-machete finds them: the name stands nowhere in the crate's source.

use std::fs;

use crate::workspace::{self, Crate};

/// # Errors
/// One line for each dependency that a crate names and its source does not, or that only `[workspace.dependencies]` names.
pub fn check() -> Result<(), String> {
    let (root, crates) = workspace::crates()?;
    let mut unused = Vec::new();
    for one in &crates {
        unused.extend(unused_in(one)?.into_iter().map(|name| format!("{}: nothing uses {name}", one.name)));
    }
    let manifest =
        fs::read_to_string(root.join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    for name in shared(&manifest) {
        if !crates.iter().any(|one| one.dependencies.contains(&name)) {
            unused.push(format!("workspace: no crate depends on {name}"));
        }
    }
    if unused.is_empty() { Ok(()) } else { Err(unused.join("\n")) }
}

fn unused_in(one: &Crate) -> Result<Vec<String>, String> {
    let mut source = String::new();
    for file in workspace::rust_files(&one.folder)? {
        source += &fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let words: std::collections::HashSet<&str> =
        source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut names = one.dependencies.clone();
    names.sort();
    names.dedup();
    // Most are imported with an underscore for the dash; `md-5` and its like without it.
    names.retain(|name| !["_", ""].iter().any(|dash| words.contains(name.replace('-', dash).as_str())));
    Ok(names)
}

/// The names that stand in `[workspace.dependencies]`.
fn shared(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    section.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_whose_name_stands_nowhere_is_unused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lib.rs"), "use first_one::Thing;\nfn f() { ::second::g() + md5::h() }")
            .unwrap();
        let dependencies = ["first-one", "second", "third", "g2", "md-5"].map(str::to_owned).to_vec();
        let one = Crate { name: "one".into(), folder: folder.path().into(), dependencies };
        assert_eq!(unused_in(&one).unwrap(), ["g2", "third"]);
    }

    #[test]
    fn only_the_section_of_shared_dependencies_is_read() {
        let manifest = "[workspace]\na = 1\n[workspace.dependencies]\n# words\nb = \"1\"\nc-d = { path = \"x\" }\n\n[profile.dev]\ne = 1\n";
        assert_eq!(shared(manifest), ["b", "c-d"]);
    }
}
