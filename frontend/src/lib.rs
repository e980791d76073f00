//! What the browser loads: names `app`, so that its islands are in the bundle, and brings them to life.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by leptos' hydration script once the wasm is there; the script then starts each island of the page.
#[wasm_bindgen]
pub fn hydrate() {
    // An island that nobody names is missing from the bundle.
    #[expect(unused_imports, reason = "naming the crate is what links it")]
    use app::*;
    leptos::mount::hydrate_islands();
}
