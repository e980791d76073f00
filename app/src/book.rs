//! Links from the operators' pages into the book, where the site serves it (`docs_url`): what a word on a page means, and what to do.

use leptos::prelude::*;
use recharge::ExceptionKind;

use crate::service::Service;
use crate::site::SiteSettings;
use crate::text::{Lang, nav};

/// A place in the book.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    Start,
    Notice(Notice),
    Exception(ExceptionKind),
    /// What to do about a check of the doctor.
    Check(&'a str),
}

/// A notice of the desk's first page that the book has a part about.
#[derive(Debug, Clone, Copy)]
pub enum Notice {
    Ledger,
    Stopped,
    Outage,
    Differences,
    WebhookIll,
    WebhookDisabled,
    PlainHttp,
    UndeclaredProxy,
}

impl Notice {
    /// The anchor of its part.
    fn anchor(self) -> &'static str {
        match self {
            Notice::Ledger => "ledger",
            Notice::Stopped => "stopped",
            Notice::Outage => "outage",
            Notice::Differences => "differences",
            Notice::WebhookIll => "webhook-ill",
            Notice::WebhookDisabled => "webhook-disabled",
            Notice::PlainHttp => "plain-http",
            Notice::UndeclaredProxy => "undeclared-proxy",
        }
    }
}

impl Place<'_> {
    /// Below the folder of a language.
    fn path(self) -> String {
        let anchor = |name: &str| name.replace('_', "-");
        match self {
            Place::Start => "index.html".to_owned(),
            Place::Notice(notice) => format!("runbooks/desk.html#{}", notice.anchor()),
            Place::Exception(kind) => format!("runbooks/exceptions.html#{}", anchor(kind.name())),
            Place::Check(id) => format!("runbooks/doctor.html#{}", anchor(id)),
        }
    }
}

/// The address of a place, if the site serves the book.
pub fn address(site: &SiteSettings, lang: Lang, place: Place<'_>) -> Option<String> {
    let docs = site.docs_url.as_deref()?;
    Some(format!("{docs}/{}/{}", lang.short(), place.path()))
}

/// The link to a place, beside the words that it explains; nothing if the site does not serve the book.
pub fn help(lang: Lang, place: Place<'_>) -> Option<impl IntoView + use<>> {
    let href = use_context::<Service>().and_then(|service| address(&service.site, lang, place))?;
    Some(view! { <a class="note" href=href target="_blank" rel="noreferrer">{lang.t(nav::WHAT_TO_DO)}</a> })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Each place that the pages link to is there in both languages.
    #[test]
    fn every_link_leads_to_a_place_of_the_book() {
        let kinds = ExceptionKind::ALL.into_iter().map(Place::Exception);
        let notices = [
            Notice::Ledger,
            Notice::Stopped,
            Notice::Outage,
            Notice::Differences,
            Notice::WebhookIll,
            Notice::WebhookDisabled,
            Notice::PlainHttp,
            Notice::UndeclaredProxy,
        ];
        let notices = notices.into_iter().map(Place::Notice);
        for place in kinds.chain(notices).chain([Place::Start, Place::Check("database_tls")]) {
            let path = place.path();
            let (page, anchor) = path.split_once('#').unwrap_or((&path, ""));
            for lang in ["zh", "en"] {
                let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book").join(lang).join("src");
                let text = fs::read_to_string(book.join(page.replace(".html", ".md"))).unwrap();
                assert!(anchor.is_empty() || text.contains(&format!("{{#{anchor}}}")), "{lang} {path}");
            }
        }
    }

    #[test]
    fn without_an_address_there_is_no_link_and_with_one_it_is_of_the_language() {
        let mut site = crate::site::tests::site();
        assert_eq!(address(&site, Lang::Zh, Place::Start), None);
        site.docs_url = Some("https://docs.example.com/saoma".to_owned());
        let found = address(&site, Lang::En, Place::Exception(ExceptionKind::AmountMismatch));
        assert_eq!(
            found.unwrap(),
            "https://docs.example.com/saoma/en/runbooks/exceptions.html#amount-mismatch"
        );
    }
}
