//! No two files of `src/` import each other, however an import is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, UseTree, Visibility};

/// A path from the crate's root: `["archive", "listings", "Listing"]`.
type ModulePath = Vec<String>;

/// The files of a crate by their modules.
type Files = BTreeMap<ModulePath, File>;

/// A file, without its code for tests.
#[derive(Default)]
struct File {
    /// The paths that the file names.
    names: BTreeSet<ModulePath>,
    /// The exported names, each with the path that it stands for.
    reexports: BTreeMap<String, ModulePath>,
}

/// Collects the paths that a file names.
struct Names<'a> {
    module: &'a ModulePath,
    file: File,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (path, name) in leaves(&item.tree) {
            let is_absolute = is_absolute(&path);
            let path = absolute(&path, self.module);
            if !matches!(item.vis, Visibility::Inherited) {
                self.file.reexports.insert(name, path.clone());
            }
            if is_absolute {
                self.file.names.insert(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        if is_absolute(&segments) {
            self.file.names.insert(absolute(&segments, self.module));
        }
        visit::visit_path(self, path);
    }
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let is_test = attribute.meta.require_list();
        attribute.path().is_ident("cfg")
            && is_test.is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

fn is_absolute(path: &[String]) -> bool {
    path.len() > 1 && ["crate", "super", "self"].contains(&path[0].as_str())
}

/// The paths of a use tree, each with the name that it defines.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree)
            .into_iter()
            .map(|(mut rest, name)| {
                rest.insert(0, path.ident.to_string());
                (rest, name)
            })
            .collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Glob(_) => vec![(vec!["*".to_owned()], "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// The path from the crate's root for a path that is written in this module.
fn absolute(path: &[String], module: &ModulePath) -> ModulePath {
    let mut full = match path[0].as_str() {
        "crate" => Vec::new(),
        _ => module.clone(),
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(full.pop()),
            name => full.push(name.to_owned()),
        }
    }
    full
}

/// The file that defines the target of a path.
fn definition(files: &Files, path: &[String], depth: u32) -> Option<ModulePath> {
    let length = (0..=path.len())
        .rev()
        .find(|length| files.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let handed_on = rest
        .first()
        .and_then(|name| files[module].reexports.get(name));
    let handed_on = handed_on.filter(|it| depth > 0 && it.as_slice() != path);
    let deeper = handed_on.and_then(|it| definition(files, it, depth - 1));
    Some(deeper.unwrap_or_else(|| module.to_vec()))
}

/// The files that import each other. The loop removes files that no other file imports and files without imports, until
/// none is left to remove.
fn in_circles(files: &Files) -> Vec<String> {
    const LONGEST_CHAIN: u32 = 8;
    let mut imports: BTreeMap<&ModulePath, BTreeSet<ModulePath>> = BTreeMap::new();
    for (module, file) in files {
        let found = file
            .names
            .iter()
            .filter_map(|it| definition(files, it, LONGEST_CHAIN));
        // The root declares the modules, and defines nothing itself.
        let found = found.filter(|it| it != module && !it.is_empty());
        imports.insert(module, found.collect());
    }
    loop {
        let left: BTreeSet<ModulePath> = imports.keys().map(|it| (*it).clone()).collect();
        let imported: BTreeSet<_> = imports.values().flatten().cloned().collect();
        imports.retain(|module, _| imported.contains(*module));
        for found in imports.values_mut() {
            found.retain(|it| left.contains(it));
        }
        imports.retain(|_, found| !found.is_empty());
        if imports.len() == left.len() {
            return left.iter().map(|it| it.join("::")).collect();
        }
    }
}

/// Reads a module and the modules that it declares.
fn read(path: &Path, module: &ModulePath, files: &mut Files) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let parsed = syn::parse_file(&text).unwrap();
    for item in parsed.items.iter().filter(|item| !is_for_tests(item)) {
        if let Item::Mod(declared @ ItemMod { content: None, .. }) = item {
            let inner = [module.as_slice(), &[declared.ident.to_string()]].concat();
            read(&file_of(path, declared), &inner, files);
        }
    }
    files.insert(module.clone(), names(&parsed, module));
}

fn names(parsed: &syn::File, module: &ModulePath) -> File {
    let mut names = Names {
        module,
        file: File::default(),
    };
    names.visit_file(parsed);
    names.file
}

fn file_of(path: &Path, declared: &ItemMod) -> PathBuf {
    let name = declared.ident.to_string();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let folder = path.parent().unwrap();
    let is_root = ["lib", "main", "mod"].contains(&stem);
    let folder = if is_root {
        folder.to_owned()
    } else {
        folder.join(stem)
    };
    let beside = folder.join(format!("{name}.rs"));
    let given = declared
        .attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("path"));
    if let Some(given) = given {
        let syn::Expr::Lit(literal) = &given.meta.require_name_value().unwrap().value else {
            panic!("{path:?}: a path is a text");
        };
        let syn::Lit::Str(text) = &literal.lit else {
            panic!("{path:?}: a path is a text")
        };
        return path.with_file_name(text.value());
    }
    if beside.exists() {
        beside
    } else {
        folder.join(name).join("mod.rs")
    }
}

#[test]
fn no_two_files_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for name in ["lib.rs", "main.rs"] {
        let mut files = Files::new();
        read(&root.join(name), &Vec::new(), &mut files);
        assert!(files.len() > 20, "{name} declares no modules");
        let circles = in_circles(&files);
        assert!(circles.is_empty(), "these import each other: {circles:?}");
    }
}

/// The modules of these texts that import each other.
fn circles_of(texts: &[(&str, &str)]) -> Vec<String> {
    let file = |(module, text): &(&str, &str)| {
        let module: ModulePath = module
            .split("::")
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        let file = names(&syn::parse_str(text).unwrap(), &module);
        (module, file)
    };
    in_circles(&texts.iter().map(file).collect())
}

#[test]
fn a_circle_is_found_however_an_import_is_written() {
    let a = ("a::one", "use crate::a::two::X;");
    for import in [
        "use super::one::Y;",
        "use super::{one::{self, Y}, three};",
        "fn f() -> crate::a::one::Y { todo() }",
        "use super::super::a::one;",
        "use super::Y;",
        "use crate::Y;",
    ] {
        let texts = [
            ("", "pub use a::Y;"),
            ("a", "pub use one::Y; pub(crate) use two::X;"),
            a,
            ("a::two", import),
            ("a::three", ""),
        ];
        assert_eq!(circles_of(&texts), ["a::one", "a::two"], "{import}");
    }
}

#[test]
fn what_tests_import_and_what_a_module_hands_on_make_no_circle() {
    let texts = [
        ("a", "mod one; mod two; pub use one::Y; pub use two::X;"),
        (
            "a::one",
            "use super::X; #[cfg(test)] mod tests { use crate::b::Z; }",
        ),
        ("a::two", ""),
        ("b", "use crate::a::Y;"),
    ];
    assert_eq!(circles_of(&texts), [""; 0]);
}
