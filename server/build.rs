//! A release carries the site's files inside: it is built again when they change, and refused when there are none.
//! A debug build reads them from the folder `site` when asked, so it needs neither.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed=../site/stamp");
        if !std::path::Path::new("../site/names").exists() {
            println!("cargo::error=the folder site is missing: run `make build`, which makes it first");
        }
    }
}
