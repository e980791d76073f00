//! What the site's programs may call, as OpenAPI, in Chinese and English.

use std::sync::LazyLock;

use crate::lang::Lang;

/// The contract in each language. One is made when somebody asks for it first: it takes 3 MB.
#[derive(Debug)]
pub struct Contracts {
    pub zh: LazyLock<Contract>,
    pub en: LazyLock<Contract>,
}

impl Contracts {
    pub fn written_in(&self, lang: Lang) -> &Contract {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// The contract in one language.
#[derive(Debug)]
pub struct Contract {
    pub document: serde_json::Value,
    /// The same as it is served.
    pub text: String,
}
