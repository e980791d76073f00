//! Where pages may lead back to.

use crate::{problem::Problem, state::Server};

/// The page as a browser reads its address.
///
/// # Errors
/// 422 unless it is on one of the sites that the settings name: a link on a page of ours must not lead anybody elsewhere.
pub(super) fn check(server: &Server, url: &str) -> Result<String, Problem> {
    let wrong = || {
        let text = "must be a page of the site, whose address SAOMA_SITE_URL or SAOMA_FRAME_ANCESTORS names, such as \
                    \"https://www.example.com/account\"; at most 1024 bytes";
        Problem::in_body("/return_url", text)
    };
    server.ways_back.page(url).ok_or_else(wrong)
}
