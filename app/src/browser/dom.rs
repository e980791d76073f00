//! The page's elements: finding them, listening to them, and writing only what changes, so that a screen reader says nothing
//! twice and a focused button stays the same element.

use std::cell::RefCell;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, UnwrapThrowExt};
use web_sys::{Document, Element, Event, EventTarget, FocusOptions, HtmlElement, Window};

/// The page's window.
///
/// # Panics
/// In a worker, where the module is never loaded.
pub fn window() -> Window {
    web_sys::window().unwrap_throw()
}

/// The page's document.
///
/// # Panics
/// As [`window`].
pub fn document() -> Document {
    window().document().unwrap_throw()
}

/// The first element for a selector.
pub fn find<T: JsCast>(selector: &str) -> Option<T> {
    document().query_selector(selector).ok()??.dyn_into().ok()
}

/// The first element for a selector within another one.
pub fn find_in<T: JsCast>(root: &Element, selector: &str) -> Option<T> {
    root.query_selector(selector).ok()??.dyn_into().ok()
}

/// The element that an event happened to.
pub fn target<T: JsCast>(event: &Event) -> Option<T> {
    event.target()?.dyn_into().ok()
}

/// Calls `heard` at each such event for as long as the page is open.
pub fn listen(target: &EventTarget, event: &str, heard: impl FnMut(Event) + 'static) {
    let heard = Closure::<dyn FnMut(Event)>::new(heard).into_js_value();
    // Fails only for what cannot be called.
    let _ = target.add_event_listener_with_callback(event, heard.unchecked_ref());
}

/// Sets or removes an attribute.
pub fn set_attribute(element: &Element, name: &str, value: Option<&str>) {
    if element.get_attribute(name).as_deref() == value {
        return;
    }
    // Fails only for names that are none.
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}

/// Sets an attribute without a value, or removes it.
pub fn mark(element: &Element, name: &str, on: bool) {
    set_attribute(element, name, on.then_some(""));
}

/// Moves the focus without scrolling: in a low window that would take the code out of sight.
pub fn focus(element: &HtmlElement) {
    let still = FocusOptions::new();
    still.set_prevent_scroll(true);
    // On failure the focus stays where it was.
    let _ = element.focus_with_options(&still);
}

/// An element whose content is one piece of markup that the script makes.
#[derive(Debug)]
pub struct Part {
    pub element: Element,
    shown: RefCell<String>,
}

impl Part {
    /// The element for a selector within another one.
    pub fn find(root: &Element, selector: &str) -> Option<Part> {
        let element: Element = find_in(root, selector)?;
        Some(Part { shown: RefCell::new(element.inner_html()), element })
    }

    /// Puts markup into it, in which everything that is no constant is escaped. Answers whether it was another.
    pub fn show(&self, markup: String) -> bool {
        if *self.shown.borrow() == markup {
            return false;
        }
        self.element.set_inner_html(&markup);
        self.shown.replace(markup);
        true
    }
}
