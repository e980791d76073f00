//! What one file declares, imports and names, with its tests left out.

use std::collections::BTreeSet;

use super::tokens::{Token, tokens};

/// A module: `[]` is the root of the crate, `["db", "orders"]` is `crate::db::orders`.
pub type Module = Vec<String>;

/// A path as it stands in the source, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The module it stands in: the file's own or one written inside the file.
    pub module: Module,
    pub path: Vec<String>,
    pub line: usize,
}

/// One name that a `use` brings in; a glob brings in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    pub named: Named,
}

#[derive(Debug, Default)]
pub struct Source {
    /// Modules that are files of their own.
    pub children: Vec<Module>,
    /// Modules that are written inside this file.
    pub inline: Vec<Module>,
    /// Items, each with the module that declares it.
    pub items: BTreeSet<(Module, String)>,
    pub imports: Vec<Import>,
    pub paths: Vec<Named>,
}

/// What the file of `module` says.
pub fn read(module: &Module, text: &str) -> Source {
    let tokens = tokens(text);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        module: module.clone(),
        opened: Vec::new(),
        depth: 0,
        found: Source::default(),
    };
    reader.read();
    reader.found
}

const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    module: Module,
    /// The depth of braces outside of each module that is open.
    opened: Vec<usize>,
    depth: usize,
    found: Source,
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn read(&mut self) {
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "#" if self.is_test_attribute() => self.skip_item(),
                "#" => self.at = self.after_attribute(self.at),
                "mod" if is_name(self.text(self.at + 1)) => self.open_module(),
                "use" => self.read_use(),
                "{" => {
                    self.depth += 1;
                    self.at += 1;
                }
                "}" => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.opened.last() == Some(&self.depth) {
                        self.opened.pop();
                        self.module.pop();
                    }
                    self.at += 1;
                }
                word if is_name(word) || word == "::" => self.read_path(),
                _ => self.at += 1,
            }
        }
    }

    /// `#[cfg(test)]` or `#[cfg(all(test, …))]`.
    fn is_test_attribute(&self) -> bool {
        let words: Vec<&str> = (1..8).map(|next| self.text(self.at + next)).collect();
        words.starts_with(&["[", "cfg", "(", "test", ")"])
            || words.starts_with(&["[", "cfg", "(", "all", "(", "test"])
    }

    /// Behind `#[…]` or `#![…]`. What an attribute names (derives, mostly) is named by a `use` as well.
    fn after_attribute(&self, at: usize) -> usize {
        let open = if self.text(at + 1) == "!" { at + 2 } else { at + 1 };
        if self.text(open) == "[" { self.after_brackets(open) } else { at + 1 }
    }

    fn after_brackets(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..self.tokens.len() {
            match self.text(at) {
                "[" | "(" | "{" => depth += 1,
                "]" | ")" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    /// Goes behind an item with its attributes. A field or an arm ends with a comma.
    fn skip_item(&mut self) {
        while self.text(self.at) == "#" {
            self.at = self.after_attribute(self.at);
        }
        let first = self.text(self.at);
        let is_item = ITEMS.contains(&first)
            || ["pub", "mod", "use", "impl", "async", "unsafe", "extern"].contains(&first);
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "{" if first != "use" => return self.at = self.after_brackets(self.at),
                "[" | "(" | "{" => self.at = self.after_brackets(self.at),
                ";" => return self.at += 1,
                "," if !is_item => return self.at += 1,
                "}" => return,
                _ => self.at += 1,
            }
        }
    }

    fn open_module(&mut self) {
        let mut module = self.module.clone();
        module.push(self.text(self.at + 1).to_owned());
        match self.text(self.at + 2) {
            ";" => self.found.children.push(module),
            "{" => {
                self.found.inline.push(module.clone());
                self.opened.push(self.depth);
                self.module = module;
                self.depth += 1;
            }
            _ => {}
        }
        self.at += 3;
    }

    fn read_use(&mut self) {
        self.at += 1;
        self.read_tree(&[]);
        while !matches!(self.text(self.at), ";" | "") {
            self.at += 1;
        }
    }

    /// One tree of a `use`, after what stands before its brace.
    fn read_tree(&mut self, before: &[String]) {
        let line = self.line();
        let mut path = before.to_vec();
        if self.text(self.at) == "::" && path.is_empty() {
            // `use ::name` is another crate.
            path.push(String::new());
            self.at += 1;
        }
        loop {
            match self.text(self.at) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | ";" | "") {
                        self.read_tree(&path);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    return self.at += usize::from(self.text(self.at) == "}");
                }
                "*" => {
                    self.at += 1;
                    return self.import("*".to_owned(), path, line);
                }
                word if is_name(word) => path.push(word.to_owned()),
                // Not Rust as we know it: go on, so that it ends.
                _ => return self.at += 1,
            }
            self.at += 1;
            if self.text(self.at) != "::" {
                break;
            }
            self.at += 1;
        }
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if self.text(self.at) == "as" {
            name = self.text(self.at + 1).to_owned();
            self.at += 2;
        }
        self.import(name, path, line);
    }

    fn import(&mut self, name: String, path: Vec<String>, line: usize) {
        self.found.imports.push(Import { name, named: Named { module: self.module.clone(), path, line } });
    }

    /// A path, or the name of an item that is declared here.
    fn read_path(&mut self) {
        let (start, line) = (self.at, self.line());
        let before = if start == 0 { "" } else { self.text(start - 1) };
        let declares =
            ITEMS.contains(&before) || (before == "!" && start > 1 && self.text(start - 2) == "macro_rules");
        if self.text(start) == "::" {
            // `::name::…` is another crate, and what follows `>::` belongs to a type.
            self.at += 1;
            while is_name(self.text(self.at)) && self.text(self.at + 1) == "::" {
                self.at += 2;
            }
            return self.at += usize::from(is_name(self.text(self.at)));
        }
        let mut path = vec![self.text(start).to_owned()];
        self.at += 1;
        while self.text(self.at) == "::" && is_name(self.text(self.at + 1)) {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        if declares && path.len() == 1 {
            self.found.items.insert((self.module.clone(), path.remove(0)));
        } else if path.len() > 1 && before != "." {
            self.found.paths.push(Named { module: self.module.clone(), path, line });
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str) -> Module {
        path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn imports(text: &str) -> Vec<String> {
        let found = read(&module("here"), text).imports;
        found.iter().map(|one| format!("{} {}", one.name, one.named.path.join("::"))).collect()
    }

    #[test]
    fn every_name_of_a_nested_use_is_imported() {
        assert_eq!(
            imports("use crate::{a::{self, B as C, d::*}, e}; pub(crate) use super::f; use ::g::h;"),
            ["a crate::a", "C crate::a::B", "* crate::a::d", "e crate::e", "f super::f", "h ::g::h"],
        );
    }

    #[test]
    fn what_only_tests_use_is_left_out() {
        let text = "
            #[cfg(test)] mod tests { use crate::a; fn f() { crate::b::c() } }
            #[cfg(test)] #[allow(x)] pub mod fixtures;
            #[cfg(test)] use crate::d::{e, f};
            #[cfg(all(test, unix))] impl A { fn g() { crate::h::i() } }
            struct S { #[cfg(test)] j: crate::k::L, m: crate::n::O }
            use crate::last;";
        assert_eq!(imports(text), ["last crate::last"]);
        let found = read(&module("here"), text);
        assert!(found.children.is_empty());
        let paths: Vec<_> = found.paths.iter().map(|one| one.path.join("::")).collect();
        assert_eq!(paths, ["crate::n::O"]);
    }

    #[test]
    fn paths_are_found_in_bodies_and_macros_with_the_module_they_stand_in() {
        let text = "mod child; mod inner { fn f() { super::a::b(); } } fn g() { view! { <c::D x=$crate::e::f/> } x.h::<u8>() }";
        let found = read(&module("here"), text);
        assert_eq!(found.children, [module("here::child")]);
        let paths: Vec<_> =
            found.paths.iter().map(|one| (one.module.join("::"), one.path.join("::"))).collect();
        let expected = [("here::inner", "super::a::b"), ("here", "c::D"), ("here", "crate::e::f")];
        assert_eq!(paths, expected.map(|(module, path)| (module.to_owned(), path.to_owned())));
        assert!(found.items.contains(&(module("here::inner"), "f".to_owned())));
        assert!(found.items.contains(&(module("here"), "g".to_owned())));
    }
}
