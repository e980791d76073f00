//! Embeds the files of `migrations/` as lists of version, description and text, one list for each engine.
//!
//! `sqlx::migrate!` does the same, but its macro crate compiles SQLite and both drivers a second time, for itself.

use std::{env, fs, path::Path};

fn main() {
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("migrations");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("migrations.rs");
    let lists = ["sqlite", "postgres"].map(|engine| list(engine, &source.join(engine)));
    fs::write(&out, lists.concat()).expect("OUT_DIR is writable");
    println!("cargo::rerun-if-changed=build.rs");
}

/// `const SQLITE: &[(i64, &str, &str)] = …`, in the order of the versions. The name is `0001_what_it_makes.sql`.
fn list(engine: &str, folder: &Path) -> String {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("migrations are there")
        .map(|file| file.expect("readable").path())
        .collect();
    files.sort();
    let mut text = format!("pub(super) const {}: &[(i64, &str, &str)] = &[\n", engine.to_uppercase());
    for file in files {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name in ASCII");
        let (version, description) = stem.split_once('_').expect("a version before the first underscore");
        let version: i64 = version.parse().expect("the version is a number");
        let description = description.replace('_', " ");
        text +=
            &format!("    ({version}, {description:?}, include_str!({:?})),\n", file.display().to_string());
    }
    text + "];\n"
}
