//! Island properties: a JSON document in an attribute of an element beside the island.
//!
//! Leptos' own island properties do the same with `serde_json`, which would make the browser's module larger.

#[cfg(feature = "ssr")]
use leptos::prelude::*;

/// The element from which the island with this id reads its properties.
#[cfg(feature = "ssr")]
pub fn write_props<T: serde::Serialize>(id: &'static str, value: &T) -> impl IntoView + use<T> {
    // Plain structs of text and numbers serialise without fail.
    let value = serde_json::to_string(value).unwrap_or_default();
    view! { <div id=id data-props=value hidden=true></div> }
}

/// The island's properties. On the server they come from the context, where the page has put them.
#[cfg(feature = "ssr")]
pub fn read_props<T: Clone + Send + Sync + 'static>(_: &str) -> Option<T> {
    use_context::<T>()
}

/// The island's properties, from the element that [`write_props`] made.
#[cfg(not(feature = "ssr"))]
pub fn read_props<T: crate::protocol::codec::Message>(id: &str) -> Option<T> {
    let element = leptos::prelude::document().get_element_by_id(id)?;
    T::from_json(&crate::protocol::json::Json::parse(&element.get_attribute("data-props")?)?)
}
