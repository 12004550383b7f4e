//! The rooms of the house and the doors between them: which file names which.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

/// The stages of a request. Only the line knows what comes after what.
const STAGES: [&str; 8] = [
    "arrive",
    "present",
    "refresh",
    "revocation",
    "live",
    "guard",
    "forward",
    "leave",
];

/// What a file names, by the paths as they stand there.
#[derive(Default)]
struct Named(Vec<Vec<String>>);

impl Named {
    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.0.push(with(&name.ident)),
            UseTree::Rename(name) => self.0.push(with(&name.ident)),
            UseTree::Glob(_) => self.0.push(before.to_vec()),
            UseTree::Group(group) => {
                for item in &group.items {
                    self.add_tree(before, item);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    /// Who may see something is not what it needs.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        self.0
            .push(segments.map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The module of a file below `src`: `["handler", "line"]`.
fn module(file: &str) -> Vec<String> {
    let (_, below) = file.rsplit_once("/src/").unwrap();
    let parts = below.trim_end_matches(".rs").split('/');
    parts
        .filter(|part| !["lib", "mod"].contains(part))
        .map(str::to_owned)
        .collect()
}

/// Where a path leads that is written in `here`: to a module of the crate, as far as it names one.
fn target(
    modules: &BTreeSet<Vec<String>>,
    here: &[String],
    path: &[String],
) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let rest = path.get(ups.max(1)..).unwrap_or_default();
    let full = match path.first().map(String::as_str)? {
        "crate" => rest.to_vec(),
        "self" => [here, rest].concat(),
        "super" => [here.get(..here.len().checked_sub(ups)?)?, rest].concat(),
        _ => {
            let full = [here, path].concat();
            // Anything else begins with a name of this file, a crate's, or a module's below.
            modules.contains(full.get(..=here.len())?).then_some(full)?
        }
    };
    let ends = (1..=full.len()).rev();
    ends.filter_map(|end| full.get(..end))
        .find(|module| modules.contains(*module))
        .map(<[String]>::to_vec)
}

/// Which module names which.
fn doors() -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let texts = crate::house::texts();
    let modules: BTreeSet<Vec<String>> = texts.iter().map(|(file, _)| module(file)).collect();
    let mut doors = BTreeMap::new();
    for (file, text) in &texts {
        let here = module(file);
        let mut named = Named::default();
        named.visit_file(&syn::parse_file(text).unwrap());
        let found = named
            .0
            .iter()
            .filter_map(|path| target(&modules, &here, path));
        doors.insert(
            here.clone(),
            found.filter(|module| *module != here).collect(),
        );
    }
    assert!(
        doors.values().map(BTreeSet::len).sum::<usize>() > 200,
        "the doors were not found"
    );
    doors
}

#[test]
fn no_file_names_one_that_names_it() {
    let doors = doors();
    let reached = |from: &Vec<String>| {
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<&Vec<String>> = doors[from].iter().collect();
        while let Some(module) = ahead.pop() {
            if reached.insert(module) {
                ahead.extend(&doors[module]);
            }
        }
        reached
    };
    let circle: Vec<String> = doors
        .keys()
        .filter(|module| reached(module).contains(module))
        .map(|module| module.join("::"))
        .collect();
    assert!(circle.is_empty(), "these name each other: {circle:?}");
}

#[test]
fn no_stage_names_another() {
    let handler = |name: &str| vec!["handler".to_owned(), name.to_owned()];
    let doors = doors();
    for stage in STAGES {
        let named = &doors[&handler(stage)];
        let other = STAGES
            .into_iter()
            .find(|other| named.contains(&handler(other)));
        assert_eq!(other, None, "{stage} names another stage");
        assert!(!named.contains(&handler("line")), "{stage} names the line");
    }
    let line = &doors[&handler("line")];
    let missing = STAGES
        .into_iter()
        .find(|stage| !line.contains(&handler(stage)));
    assert_eq!(missing, None, "the line leaves a stage out");
}
