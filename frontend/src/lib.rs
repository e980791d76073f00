//! The browser's module: links `app`, so that its islands are in the bundle, and hydrates them.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by Leptos' hydration script once the module is loaded; the script then starts each island of the page.
#[wasm_bindgen]
pub fn hydrate() {
    // The linker leaves out a crate that nobody names.
    #[expect(unused_imports, reason = "naming the crate is what links it")]
    use app::*;
    leptos::mount::hydrate_islands();
}
