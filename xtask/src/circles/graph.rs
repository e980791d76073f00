//! Which file of a crate uses which, and the circles in that.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Import, Module, Named, Source};

/// One use of another file: from, to, and an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub path: String,
    pub line: usize,
}

/// The files of one crate by their modules.
#[derive(Debug, Default)]
pub struct Files {
    /// Inline modules stand here too, with the file that has them.
    file_of: BTreeMap<Module, Module>,
    sources: BTreeMap<Module, Source>,
}

/// From each file to those it uses.
pub type Uses = BTreeMap<Module, BTreeMap<Module, Use>>;

/// What a path leads to: a module, or an item of one.
enum Target {
    Module(Module),
    Item(Module),
}

/// Longest chain of re-exports that is followed.
const MAX_HOPS: usize = 16;

impl Files {
    pub fn add(&mut self, module: Module, source: Source) {
        for inline in &source.inline {
            self.file_of.insert(inline.clone(), module.clone());
        }
        self.file_of.insert(module.clone(), module.clone());
        self.sources.insert(module, source);
    }

    /// Each use of a file by another. A file's own folder belongs to it: from there up is a use, from it down is none.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (file, source) in &self.sources {
            let imports = source.imports.iter().map(|import| (&import.named, import.name == "*"));
            for (named, is_glob) in imports.chain(source.paths.iter().map(|named| (named, false))) {
                let to = match self.resolve(named, 0) {
                    Some(Target::Item(module)) => module,
                    Some(Target::Module(module)) if is_glob => module,
                    // What is used of an imported module is a path of its own.
                    _ => continue,
                };
                let to = &self.file_of[&to];
                if to != file && !to.starts_with(file) {
                    let example = Use { path: named.path.join("::"), line: named.line };
                    uses.entry(file.clone()).or_default().entry(to.clone()).or_insert(example);
                }
            }
        }
        uses
    }

    fn resolve(&self, named: &Named, hops: usize) -> Option<Target> {
        let first = named.path.first()?;
        let (mut module, mut rest) = match first.as_str() {
            "crate" => (Module::new(), &named.path[1..]),
            "self" | "super" => (named.module.clone(), &named.path[..]),
            name => match self.inside(&named.module, name, hops)? {
                Target::Module(module) => (module, &named.path[1..]),
                item @ Target::Item(_) => return Some(item),
            },
        };
        while let Some(step) = rest.first() {
            rest = &rest[1..];
            match step.as_str() {
                "self" => {}
                "super" => _ = module.pop(),
                name => match self.inside(&module, name, hops) {
                    Some(Target::Module(inner)) => module = inner,
                    Some(item) => return Some(item),
                    // A name that a macro makes, most likely.
                    None => return Some(Target::Item(module)),
                },
            }
        }
        Some(Target::Module(module))
    }

    /// What a name is within a module: a module below it, an item, or something that it imports from elsewhere.
    fn inside(&self, module: &Module, name: &str, hops: usize) -> Option<Target> {
        let mut child = module.clone();
        child.push(name.to_owned());
        if self.file_of.contains_key(&child) {
            return Some(Target::Module(child));
        }
        let source = &self.sources[self.file_of.get(module)?];
        if source.items.contains(&(module.clone(), name.to_owned())) {
            return Some(Target::Item(module.clone()));
        }
        if hops == MAX_HOPS {
            return None;
        }
        let here = || source.imports.iter().filter(|import| import.named.module == *module);
        if let Some(import) = here().find(|import| import.name == name) {
            return self.imported(import, hops);
        }
        here().filter(|import| import.name == "*").find_map(|glob| match self.imported(glob, hops)? {
            Target::Module(from) if from != *module => self.inside(&from, name, hops + 1),
            _ => None,
        })
    }

    fn imported(&self, import: &Import, hops: usize) -> Option<Target> {
        // `use serde::Serialize` in a crate without a module of that name: the name would lead to itself.
        let own = import
            .named
            .path
            .first()
            .is_some_and(|first| *first == import.name && import.named.path.len() == 1);
        if own { None } else { self.resolve(&import.named, hops + 1) }
    }
}

/// Every set of files of which each uses each, directly or by way of others.
pub fn circles(uses: &Uses) -> Vec<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        uses.keys().map(|file| (file, reach(uses, file))).collect();
    let mut found = Vec::<BTreeSet<Module>>::new();
    for (file, to) in &reached {
        let back = to.iter().filter(|other| reached.get(*other).is_some_and(|to| to.contains(file)));
        let circle: BTreeSet<Module> = back.map(|other| (*other).clone()).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn reach<'a>(uses: &'a Uses, from: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = uses.get(from).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(uses.get(file).into_iter().flat_map(BTreeMap::keys));
        }
    }
    reached
}

/// A shortest way round within a circle: each file with the next one that it uses.
pub fn shortest(uses: &Uses, circle: &BTreeSet<Module>) -> Vec<(Module, Module, Use)> {
    circle.iter().filter_map(|start| way_back(uses, start)).min_by_key(Vec::len).unwrap_or_default()
}

fn way_back(uses: &Uses, start: &Module) -> Option<Vec<(Module, Module, Use)>> {
    let mut came_from = BTreeMap::<&Module, (&Module, &Use)>::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for (to, example) in uses.get(file).into_iter().flatten() {
            if !came_from.contains_key(to) {
                came_from.insert(to, (file, example));
                queue.push_back(to);
            }
        }
        if let Some(mut at) = came_from.get_key_value(start).map(|(to, _)| *to) {
            let mut way = Vec::new();
            loop {
                let (from, example) = came_from[at];
                way.push((from.clone(), at.clone(), example.clone()));
                if from == start {
                    way.reverse();
                    return Some(way);
                }
                at = from;
            }
        }
    }
    None
}
