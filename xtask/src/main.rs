//! Steps of `make` that need more than a shell: `cargo run -p xtask -- COMMAND`.
//!
//! - `bindgen WASM FOLDER`: the module for the browser and its JavaScript glue, as `wasm-bindgen --target web` writes them
//! - `circles`: fails when modules of a crate import each other in a circle
//! - `dependencies`: fails when a crate names a dependency that its source does not use

use std::path::Path;
use std::process::ExitCode;

mod circles;
mod dependencies;
mod workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["bindgen", wasm, folder] => bindgen(wasm.as_ref(), folder.as_ref()),
        ["circles"] => circles::check(),
        ["dependencies"] => dependencies::check(),
        _ => Err("usage: xtask bindgen WASM FOLDER | circles | dependencies".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The library has the version in Cargo.lock that `wasm-bindgen` itself has, which must be the same.
fn bindgen(wasm: &Path, folder: &Path) -> Result<(), String> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .input_path(wasm)
        .out_name("saoma")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let generated = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    generated.map_err(|error| format!("wasm-bindgen: {error:#}"))
}
