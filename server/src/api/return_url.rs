//! Where a recharge's pages may lead back to.

use crate::{problem::Problem, state::Server};

/// # Errors
/// 422 unless the address is on one of the sites that the settings name: a link on a page of ours must not lead anybody elsewhere.
pub(super) fn check(server: &Server, url: &str) -> Result<(), Problem> {
    let site = &server.pages.site;
    let origins = site.frame_ancestors.iter();
    let is_on = |origin: &String| {
        let rest = url.strip_prefix(origin.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    };
    match origins.clone().any(is_on) {
        true => Ok(()),
        false => {
            let example = origins.clone().next().map_or("https://www.example.com", String::as_str);
            let text = format!(
                "must be an address on a site that the settings name (frame_ancestors), such as {example}/thanks"
            );
            Err(Problem::in_body("/return_url", text))
        }
    }
}
