use super::*;

/// What the check says of a crate with these files.
fn check_files(files: &[(&str, &str)], known: &[&[&str]]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    check_crate(&["lib.rs", "main.rs"].map(|root| folder.path().join(root)), "planted", known).unwrap()
}

#[test]
fn two_files_that_use_each_other_are_named_with_their_lines() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "\nuse crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;\nfn f(_: crate::a::A) {}"),
    ];
    assert_eq!(
        check_files(&files, &[]),
        [
            "planted: a circle of modules: a.rs b.rs",
            "    a.rs:2 uses b.rs (crate::b::B)",
            "    b.rs:2 uses a.rs (crate::a::A)",
        ],
    );
}

#[test]
fn a_circle_is_seen_through_super_braces_globs_renames_reexports_and_modules() {
    let closing = [
        "use super::b::B;",
        "use super::{b::{self, B as C}, c};",
        "use crate::b::*;",
        "use crate::{b};\nfn f() -> b::B { b::B }",
        "use crate::b as other;\nfn f() -> other::B { other::B }",
        "use crate::B;",
        "use crate::inner::again::B;",
        "fn f() { view! { <crate::b::B/> } }",
        "mod inside { fn f() -> super::super::b::B { super::super::b::B } }",
    ];
    for text in closing {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod inner; pub use b::B;"),
            ("a.rs", &format!("pub struct A;\n{text}")),
            ("b.rs", "pub struct B; use crate::a::A;"),
            ("c.rs", ""),
            ("inner.rs", "pub mod again { pub use crate::b::*; }"),
        ];
        let said = check_files(&files, &[]);
        assert_eq!(
            said.first().map(String::as_str),
            Some("planted: a circle of modules: a.rs b.rs"),
            "{text}"
        );
    }
}

#[test]
fn a_longer_circle_is_found_by_way_of_a_folder() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::inner::I; pub struct A;"),
        ("b.rs", "pub mod inner; pub struct B(crate::a::A);"),
        ("b/inner.rs", "pub struct I(super::B);"),
    ];
    assert_eq!(check_files(&files, &[])[0], "planted: a circle of modules: a.rs b.rs b/inner.rs");
}

#[test]
fn a_file_and_its_folder_tests_and_one_way_are_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A; pub struct Root;"),
        ("a.rs", "mod inner; use crate::b::B; pub struct A(B, inner::I, crate::Root);"),
        ("a/inner.rs", "use super::A; pub struct I(Box<A>);"),
        ("b.rs", "/// Made of [`crate::a::A`].\npub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
    ];
    assert_eq!(check_files(&files, &[]), [""; 0]);
}

#[test]
fn a_known_circle_may_shrink_but_not_grow_or_stay_listed() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", ""),
    ];
    assert_eq!(check_files(&files, &[&["a.rs", "b.rs", "c.rs"]]), [""; 0]);
    assert_eq!(check_files(&files, &[&["a.rs", "c.rs"]]).len(), 4);
    let program = [&files[..], &[("main.rs", "fn main() {}")]].concat();
    assert_eq!(check_files(&program, &[&["a.rs", "b.rs"]]), [""; 0]);
    let gone = check_files(&[("lib.rs", "")], &[&["a.rs", "b.rs"]]);
    assert_eq!(gone, ["planted: no circle any more, take it out of KNOWN: a.rs b.rs"]);
}
