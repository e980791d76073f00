//! The crates of this workspace, as cargo names them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// One crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    pub name: String,
    pub folder: PathBuf,
    /// Names under which its source sees its dependencies, of every kind.
    pub dependencies: Vec<String>,
}

/// Every crate of the workspace, and the names in `[workspace.dependencies]`.
///
/// # Errors
/// What cargo or the file system said.
pub fn crates() -> Result<(PathBuf, Vec<Crate>), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--locked", "--offline"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let one = |package: &serde_json::Value| {
        let manifest = PathBuf::from(text(&package["manifest_path"])?);
        let named = |dependency: &serde_json::Value| {
            text(&dependency["rename"]).or_else(|| text(&dependency["name"]))
        };
        Some(Crate {
            name: text(&package["name"])?,
            folder: manifest.parent()?.to_owned(),
            dependencies: list(&package["dependencies"]).iter().filter_map(named).collect(),
        })
    };
    let root = text(&metadata["workspace_root"]).ok_or("cargo metadata: no workspace_root")?;
    Ok((root.into(), list(&metadata["packages"]).iter().filter_map(one).collect()))
}

/// Every Rust file below a folder, in a fixed order.
///
/// # Errors
/// What the file system said.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
