//! A release carries the site's files inside: it is built again when they change, and refused without those made for a release.
//! A debug build reads them from the folder `site` when asked, so it needs none of this.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed=../site/stamp");
        let stamp = std::fs::read_to_string("../site/stamp").unwrap_or_default();
        if !stamp.starts_with("release ") {
            println!(
                "cargo::error=the folder site has no files for a release: run `make build`, which makes them first"
            );
        }
    }
}
