//! The two languages of the pages, a text in both, and the macro that defines texts.

use serde::{Deserialize, Serialize};

/// The language of a page. Chinese unless the reader asks for English.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    #[default]
    Zh,
    En,
}

/// One text in both languages; `{name}` marks what the page fills in, and `{name:one|many}` is the first word where that
/// value is `1`, else the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub zh: &'static str,
    pub en: &'static str,
}

impl Lang {
    pub fn t(self, text: Text) -> &'static str {
        match self {
            Lang::Zh => text.zh,
            Lang::En => text.en,
        }
    }

    /// The text with each `{name}` replaced. Values are not escaped: that is the view's work.
    pub fn fill(self, text: Text, values: &[(&str, &str)]) -> String {
        fill(self.t(text), values)
    }

    /// For the `lang` attribute.
    pub fn code(self) -> &'static str {
        match self {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// For `?lang=` and the cookie.
    pub fn short(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }

    pub fn other(self) -> Lang {
        match self {
            Lang::Zh => Lang::En,
            Lang::En => Lang::Zh,
        }
    }

    /// From `?lang=`, a cookie, or one entry of `Accept-Language`.
    pub fn parse(name: &str) -> Option<Lang> {
        let primary = name.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Lang::Zh)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Lang::En)
        } else {
            None
        }
    }
}

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (mark, tail) = after.split_once('}').unwrap_or((after, ""));
        let (name, forms) = mark.split_once(':').unwrap_or((mark, ""));
        if let Some((_, value)) = values.iter().find(|(key, _)| *key == name) {
            out.push_str(match forms.split_once('|') {
                Some((one, _)) if *value == "1" => one,
                Some((_, many)) => many,
                None => value,
            });
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A module of texts: `NAME = "中文", "English";`.
macro_rules! texts {
    (pub mod $group:ident { $($name:ident = $zh:literal, $en:literal;)* }) => {
        pub mod $group {
            use $crate::lang::Text;
            $(pub const $name: Text = Text { zh: $zh, en: $en };)*
            /// For tests that look at all of them.
            #[cfg(test)]
            pub const EVERY: &[(&str, Text)] = &[$((stringify!($name), $name)),*];
        }
    };
}
pub(crate) use texts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_braces_is_not_filled_again() {
        let text = Text { zh: "{a}-{b}", en: "{b}" };
        assert_eq!(Lang::Zh.fill(text, &[("a", "{b}"), ("b", "2")]), "{b}-2");
    }

    #[test]
    fn one_is_told_from_many() {
        let text = Text { zh: "{n} 笔", en: "{n} {n:order is|orders are} open" };
        assert_eq!(Lang::En.fill(text, &[("n", "1")]), "1 order is open");
        assert_eq!(Lang::En.fill(text, &[("n", "21")]), "21 orders are open");
        assert_eq!(Lang::Zh.fill(text, &[("n", "1")]), "1 笔");
    }

    #[test]
    fn a_language_is_known_by_its_primary_tag() {
        assert_eq!(Lang::parse("zh-Hant-TW"), Some(Lang::Zh));
        assert_eq!(Lang::parse("EN_us"), Some(Lang::En));
        assert_eq!(Lang::parse("fr"), None);
    }
}
