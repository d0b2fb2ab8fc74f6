//! Reads a package's source as a tree of modules: which file imports which, item by item, through aliases and re-exports to
//! the file that defines what is named, and the code of each file as text that comments, docs, tests and formatting do not
//! change. What a build digests and what the test of the house checks are both taken from here.

pub mod files;
mod outline;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use files::Files;
use outline::{Implementation, Outline, Use};
use tokens::Written;

/// Outlines of files that were read before, by path and text.
pub type Cache = HashMap<(String, String), Arc<Outline>>;

/// One file asks another for something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file that defines it.
    pub file: String,
    /// Its name there.
    pub item: String,
    /// Line of the first place that names it.
    pub line: usize,
    /// What is written there.
    pub name: String,
}

/// One file of the tree.
#[derive(Debug, Clone, Default)]
pub struct SourceFile {
    /// Its path below the package's root.
    pub path: String,
    /// Its module path: `["dataset", "card"]`.
    pub module: Vec<String>,
    /// Whether only tests reach it. Such a file imports nothing.
    pub test: bool,
    /// Lines, comments and tests among them.
    pub lines: usize,
    /// What it takes from other files, by file and item.
    pub imports: Vec<Import>,
    /// Libraries that it names, each with the first line.
    pub crates: BTreeMap<String, usize>,
    /// Files and folders that it embeds, each with its line.
    pub assets: BTreeMap<String, usize>,
    /// The first item that does more than name others, and where.
    pub logic: Option<(usize, String)>,
    /// Its code, imports as what they lead to.
    pub code: String,
    /// Names behind a dot or `::`.
    members: BTreeSet<String>,
    impls: Vec<Extension>,
}

/// A block of methods for types of other files.
#[derive(Debug, Clone)]
struct Extension {
    /// Files of the types and traits that it is about.
    about: BTreeSet<String>,
    /// Nothing for a trait, which may be called without being named.
    members: Option<Vec<String>>,
}

/// All files of a package's `src`.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// By path.
    pub files: BTreeMap<String, SourceFile>,
}

impl Tree {
    /// Reads the library and the program of the package.
    ///
    /// # Errors
    /// What is wrong, with path and line.
    pub fn read(files: &Files, cache: &mut Cache) -> Result<Self, String> {
        Linker::new(files)?.read(files, cache)
    }

    /// `entries`, everything that they import, and what that imports in turn. Methods that another file adds to a type belong to
    /// it where something calls methods of that name.
    ///
    /// # Errors
    /// If there is no such entry.
    pub fn closure(&self, entries: &[&str]) -> Result<BTreeSet<&str>, String> {
        let mut found = BTreeSet::new();
        let mut members = BTreeSet::new();
        let mut open = Vec::new();
        for &entry in entries {
            let (path, _) = self
                .files
                .get_key_value(entry)
                .ok_or_else(|| format!("{entry}: there is no such source file"))?;
            open.push(path.as_str());
        }
        loop {
            while let Some(path) = open.pop() {
                if let Some(file) = self.files.get(path)
                    && found.insert(path)
                {
                    members.extend(file.members.iter().map(String::as_str));
                    open.extend(file.imports.iter().map(|import| import.file.as_str()));
                }
            }
            let more = self.files.values().filter(|file| {
                !found.contains(file.path.as_str())
                    && file.impls.iter().any(|block| {
                        block.about.iter().all(|path| found.contains(path.as_str()))
                            && block
                                .members
                                .as_ref()
                                .is_none_or(|names| names.iter().any(|name| members.contains(name.as_str())))
                    })
            });
            open.extend(more.map(|file| file.path.as_str()));
            if open.is_empty() {
                return Ok(found);
            }
        }
    }
}

impl Tree {
    /// What a file imports, and what that imports, without methods: nothing if there is no such file.
    pub fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&SourceFile> = self.files.get(from).into_iter().collect();
        while let Some(file) = open.pop() {
            for import in &file.imports {
                if found.insert(import.file.as_str()) {
                    open.extend(self.files.get(&import.file));
                }
            }
        }
        found
    }
}

/// A module in the tree.
struct Module {
    file: usize,
    scope: usize,
    /// Root of its crate: the library or the program.
    root: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    path: Vec<String>,
    /// Folder that `mod name;` is looked for in.
    folder: String,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    Item(usize, String),
    /// A path of a library.
    Library(Vec<String>),
}

struct Linker {
    package: String,
    dependencies: BTreeSet<String>,
    modules: Vec<Module>,
    files: Vec<(String, Arc<Outline>)>,
    paths: BTreeSet<String>,
    macros: BTreeMap<String, usize>,
}

impl Linker {
    fn new(files: &Files) -> Result<Self, String> {
        let manifest = files.text("Cargo.toml")?;
        let mut linker = Self {
            package: String::new(),
            dependencies: ["std", "core", "alloc"].map(str::to_owned).into(),
            modules: Vec::new(),
            files: Vec::new(),
            paths: BTreeSet::new(),
            macros: BTreeMap::new(),
        };
        let mut section = "";
        for line in manifest.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
                if let Some((_, name)) = name.split_once("dependencies.") {
                    linker.dependencies.insert(name.replace('-', "_"));
                }
            } else if let Some((key, value)) = line.split_once('=') {
                let key = key.trim().split('.').next().unwrap_or_default().replace('-', "_");
                if section == "package" && key == "name" {
                    linker.package = value.trim().trim_matches('"').replace('-', "_");
                } else if section.ends_with("dependencies") && !key.starts_with('#') {
                    linker.dependencies.insert(key);
                }
            }
        }
        Ok(linker)
    }

    fn read(mut self, files: &Files, cache: &mut Cache) -> Result<Tree, String> {
        let mut tests = Tests::new();
        for root in ["src/lib.rs", "src/main.rs"] {
            if files.is_file(root) {
                self.open(files, cache, root, None, &[], &mut tests)?;
            }
        }
        let macros = self.modules.iter().enumerate().flat_map(|(module, place)| {
            let items = self.scope(place).items.iter().filter(|item| item.is_macro);
            items.map(move |item| (item.name.clone(), module))
        });
        self.macros = macros.collect();
        let mut tree = Tree::default();
        for (index, (path, outline)) in self.files.iter().enumerate() {
            let file = self.link(index, path, outline)?;
            tree.files.insert(path.clone(), file);
        }
        for (path, (module, lines)) in tests {
            tree.files.entry(path.clone()).or_insert(SourceFile {
                path,
                module,
                test: true,
                lines,
                ..SourceFile::default()
            });
        }
        if let Some(path) = files
            .below("src")?
            .into_iter()
            .find(|path| path.ends_with(".rs") && !tree.files.contains_key(path))
        {
            return Err(format!("{path}:1: no `mod` leads to this file"));
        }
        Ok(tree)
    }

    fn open(
        &mut self,
        files: &Files,
        cache: &mut Cache,
        path: &str,
        parent: Option<usize>,
        module: &[String],
        tests: &mut Tests,
    ) -> Result<usize, String> {
        if !self.paths.insert(path.to_owned()) {
            return Err(format!("{path}:1: two modules are made of this file"));
        }
        let outline = outline_of(files, cache, path)?;
        if outline.test {
            open_tests(files, path, module, tests)?;
            return Ok(usize::MAX);
        }
        let file = self.files.len();
        self.files.push((path.to_owned(), Arc::clone(&outline)));
        let first = self.modules.len();
        for (scope, content) in outline.scopes.iter().enumerate() {
            let index = first + scope;
            let (parent, path, folder) = match content.parent {
                None => (parent, module.to_owned(), folder_of(path)),
                Some(around) => {
                    let around = &mut self.modules[first + around];
                    around.children.insert(content.name.clone(), index);
                    let mut path = around.path.clone();
                    path.push(content.name.clone());
                    (
                        Some(first + content.parent.unwrap_or_default()),
                        path,
                        format!("{}/{}", around.folder, content.name),
                    )
                }
            };
            self.modules.push(Module {
                file,
                scope,
                root: parent.map_or(index, |parent| self.modules[parent].root),
                parent,
                children: BTreeMap::new(),
                path,
                folder,
            });
        }
        for (scope, content) in outline.scopes.iter().enumerate() {
            for declared in &content.declared {
                let here = &self.modules[first + scope];
                let inner = module_file(files, path, &here.folder, here.scope == 0, declared)?;
                let mut module = here.path.clone();
                module.push(declared.name.clone());
                if declared.test {
                    open_tests(files, &inner, &module, tests)?;
                } else {
                    let child = self.open(files, cache, &inner, Some(first + scope), &module, tests)?;
                    if child != usize::MAX {
                        self.modules[first + scope]
                            .children
                            .insert(declared.name.clone(), child);
                    }
                }
            }
        }
        Ok(first)
    }

    fn scope(&self, module: &Module) -> &outline::Scope {
        &self.files[module.file].1.scopes[module.scope]
    }

    /// What `name` means in `module`. `open` are the names that are being looked up: imports may go round.
    fn lookup(&self, module: usize, name: &str, open: &mut Vec<(usize, String)>) -> BTreeSet<Target> {
        let place = &self.modules[module];
        let scope = self.scope(place);
        let mut found = BTreeSet::new();
        if scope.items.iter().any(|item| item.name == name) {
            found.insert(Target::Item(module, name.to_owned()));
        }
        found.extend(place.children.get(name).map(|&child| Target::Module(child)));
        // `use convert::convert` asks for the module of that name while the name itself is looked up.
        let key = (module, name.to_owned());
        if open.contains(&key) {
            return found;
        }
        open.push(key);
        for import in scope.uses.iter().filter(|import| import.alias.as_deref() == Some(name)) {
            found.extend(self.import(module, import, open));
        }
        // A module hides no function of its name.
        if found.iter().all(|target| matches!(target, Target::Module(_))) {
            for import in scope.uses.iter().filter(|import| import.alias.is_none()) {
                for target in self.import(module, import, open) {
                    match target {
                        Target::Module(inner) => found.extend(self.lookup(inner, name, open)),
                        Target::Item(inner, item) => {
                            let items = &self.scope(&self.modules[inner]).items;
                            let variants = items.iter().find(|one| one.name == item).map(|one| &one.variants);
                            if variants.is_some_and(|variants| variants.iter().any(|variant| variant == name)) {
                                found.insert(Target::Item(inner, item));
                            }
                        }
                        Target::Library(_) => {}
                    }
                }
            }
        }
        open.pop();
        found
    }

    fn import(&self, module: usize, import: &Use, open: &mut Vec<(usize, String)>) -> BTreeSet<Target> {
        let found = self.resolve(module, &import.path, open);
        // What is no name of this crate can only be one of a library.
        let first = import.path.segments.first().map_or("", String::as_str);
        if found.is_empty() && open.is_empty() && !["crate", "self", "super"].contains(&first) {
            let here = self.lookup(module, first, open);
            if here.is_empty() {
                return BTreeSet::from([Target::Library(import.path.segments.clone())]);
            }
        }
        found
    }

    fn resolve(&self, module: usize, path: &Written, open: &mut Vec<(usize, String)>) -> BTreeSet<Target> {
        let mut segments = path.segments.iter().map(String::as_str).peekable();
        let mut here = module;
        let mut anchored = false;
        while let Some(&word) = segments.peek() {
            let next = match word {
                "crate" => Some(self.modules[here].root),
                "self" => Some(here),
                "super" => self.modules[here].parent,
                _ => break,
            };
            let Some(next) = next else {
                return BTreeSet::new();
            };
            here = next;
            anchored = true;
            segments.next();
        }
        let Some(first) = segments.next() else {
            return BTreeSet::from([Target::Module(here)]);
        };
        let library = || BTreeSet::from([Target::Library(path.segments.clone())]);
        let mut found = if path.global {
            BTreeSet::new()
        } else {
            self.lookup(here, first, open)
        };
        if found.is_empty() && !anchored {
            if first == self.package {
                found = BTreeSet::from([Target::Module(0)]);
            } else if path.global || self.dependencies.contains(first) {
                return library();
            }
        }
        for segment in segments {
            let mut next = BTreeSet::new();
            for target in &found {
                match target {
                    Target::Module(inner) => next.extend(self.lookup(*inner, segment, open)),
                    // What belongs to a type is in its file, or in one that adds to it.
                    Target::Item(..) => {
                        next.insert(target.clone());
                    }
                    Target::Library(path) => {
                        let mut path = path.clone();
                        path.push(segment.to_owned());
                        next.insert(Target::Library(path));
                    }
                }
            }
            // `convert::convert` goes through the module, not through the function of its name.
            if next.iter().any(|target| !found.contains(target)) {
                next.retain(|target| !found.contains(target));
            }
            found = next;
        }
        found
    }

    fn link(&self, index: usize, path: &str, outline: &Outline) -> Result<SourceFile, String> {
        let mut file = SourceFile {
            path: path.to_owned(),
            lines: outline.lines,
            logic: outline.logic.clone(),
            ..SourceFile::default()
        };
        let mut imports = BTreeMap::new();
        let mut bound = BTreeSet::new();
        for (number, module) in self
            .modules
            .iter()
            .enumerate()
            .filter(|(_, module)| module.file == index)
        {
            if module.scope == 0 {
                file.module.clone_from(&module.path);
            }
            let scope = self.scope(module);
            for import in &scope.uses {
                let targets = self.import(number, import, &mut Vec::new());
                let name = import.path.segments.join("::");
                if targets.is_empty() {
                    return Err(format!("{path}:{}: `{name}` leads to nothing", import.path.line));
                }
                for target in targets {
                    bound.insert(format!(
                        "{} {} = {}",
                        module.path.join("::"),
                        import.alias.as_deref().unwrap_or("*"),
                        self.say(&target)
                    ));
                    // A module that is named for itself is imported, whatever of it is used. `mod.rs` holds nothing.
                    let whole = match &target {
                        Target::Module(inner) if import.alias.is_some() => self.own_file(*inner),
                        _ => None,
                    };
                    let target = whole.map_or(target, |inner| Target::Item(inner, String::new()));
                    self.note(&mut file, &mut imports, &target, &import.path, import.alias.is_none());
                }
            }
            for written in &scope.scan.paths {
                let targets = self.resolve(number, written, &mut Vec::new());
                let first = written.segments.first().map_or("", String::as_str);
                if targets.is_empty() && (["crate", "self", "super"].contains(&first) || first == self.package) {
                    return Err(format!(
                        "{path}:{}: `{}` leads to nothing",
                        written.line,
                        written.segments.join("::")
                    ));
                }
                for target in targets {
                    bound.insert(format!(
                        "{} {} = {}",
                        module.path.join("::"),
                        written.segments.join("::"),
                        self.say(&target)
                    ));
                    self.note(&mut file, &mut imports, &target, written, false);
                }
            }
            let stars = scope.uses.iter().any(|import| import.alias.is_none());
            let words = scope.scan.words.iter().filter(|_| stars).chain(&scope.scan.macros);
            for (word, line) in words {
                let written = Written {
                    segments: vec![word.clone()],
                    global: false,
                    line: *line,
                };
                let mut targets = self.lookup(number, word, &mut Vec::new());
                if targets.is_empty()
                    && let Some(&module) = self.macros.get(word)
                {
                    targets.insert(Target::Item(module, word.clone()));
                }
                for target in targets {
                    self.note(&mut file, &mut imports, &target, &written, false);
                }
            }
            for block in &scope.impls {
                file.impls.extend(self.extension(number, block));
            }
            file.members.extend(scope.scan.members.iter().cloned());
            for embedded in &scope.scan.embedded {
                let asset = match embedded.path.strip_prefix("$CARGO_MANIFEST_DIR") {
                    Some(rest) => files::tidy(rest.trim_start_matches('/')),
                    None => files::tidy(&format!("{}/{}", files::parent(path), embedded.path)),
                };
                file.assets.entry(asset).or_insert(embedded.line);
            }
            file.code
                .push_str(&format!("mod {} {{ {}}}\n", module.path.join("::"), scope.scan.text));
        }
        for line in bound {
            file.code.push_str(&line);
            file.code.push('\n');
        }
        file.imports = imports.into_values().collect();
        Ok(file)
    }

    /// The module, if it is a file with code of its own.
    fn own_file(&self, module: usize) -> Option<usize> {
        let place = &self.modules[module];
        let path = &self.files[place.file].0;
        let collects = path.ends_with("/mod.rs") || place.parent.is_none();
        (place.scope == 0 && !collects).then_some(module)
    }

    /// A target as it is digested: where it lies must not depend on how it was reached.
    fn say(&self, target: &Target) -> String {
        match target {
            Target::Module(module) => format!("mod {}", self.modules[*module].path.join("::")),
            Target::Item(module, item) => format!("{}::{item}", self.modules[*module].path.join("::")),
            Target::Library(path) => path.join("::"),
        }
    }

    fn note(
        &self,
        file: &mut SourceFile,
        imports: &mut BTreeMap<(String, String), Import>,
        target: &Target,
        written: &Written,
        star: bool,
    ) {
        match target {
            Target::Module(_) => {}
            Target::Library(path) => {
                if let Some(name) = path.first()
                    && !["std", "core", "alloc"].contains(&name.as_str())
                {
                    let line = file.crates.entry(name.clone()).or_insert(written.line);
                    *line = written.line.min(*line);
                }
            }
            Target::Item(module, item) => {
                let target = &self.files[self.modules[*module].file].0;
                if *target == file.path {
                    return;
                }
                let import = Import {
                    file: target.clone(),
                    item: item.clone(),
                    line: written.line,
                    name: format!("{}{}", written.segments.join("::"), if star { "::*" } else { "" }),
                };
                imports
                    .entry((target.clone(), item.clone()))
                    .and_modify(|there| {
                        if import.line < there.line {
                            there.clone_from(&import);
                        }
                    })
                    .or_insert(import);
            }
        }
    }

    fn extension(&self, module: usize, block: &Implementation) -> Option<Extension> {
        let mut about = BTreeSet::new();
        for written in &block.header {
            for target in self.resolve(module, written, &mut Vec::new()) {
                if let Target::Item(module, _) = target {
                    about.insert(self.files[self.modules[module].file].0.clone());
                }
            }
        }
        (!about.is_empty()).then(|| Extension {
            about,
            members: (!block.of_trait).then(|| block.members.clone()),
        })
    }
}

/// Files that only tests reach, by path: module and lines.
type Tests = BTreeMap<String, (Vec<String>, usize)>;

fn open_tests(files: &Files, path: &str, module: &[String], tests: &mut Tests) -> Result<(), String> {
    let outline = outline::declared_in_tests(path, &files.text(path)?)?;
    tests.insert(path.to_owned(), (module.to_owned(), outline.lines));
    for declared in outline.scopes.iter().flat_map(|scope| &scope.declared) {
        let inner = module_file(files, path, &folder_of(path), true, declared)?;
        let mut module = module.to_owned();
        module.push(declared.name.clone());
        open_tests(files, &inner, &module, tests)?;
    }
    Ok(())
}

fn outline_of(files: &Files, cache: &mut Cache, path: &str) -> Result<Arc<Outline>, String> {
    let key = (path.to_owned(), files.text(path)?);
    if let Some(there) = cache.get(&key) {
        return Ok(Arc::clone(there));
    }
    let outline = Arc::new(Outline::read(path, &key.1)?);
    cache.insert(key, Arc::clone(&outline));
    Ok(outline)
}

/// Where the modules of a file are looked for.
fn folder_of(path: &str) -> String {
    let folder = files::parent(path);
    match path.rsplit('/').next() {
        Some("mod.rs" | "lib.rs" | "main.rs") | None => folder.to_owned(),
        Some(name) => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

/// The file of `mod name;` in `path`, in the file's own module or in one written inside it, whose modules lie in `folder`.
fn module_file(
    files: &Files,
    path: &str,
    folder: &str,
    own: bool,
    declared: &outline::Declared,
) -> Result<String, String> {
    let name = &declared.name;
    let places = match &declared.path {
        Some(given) if own => vec![files::tidy(&format!("{}/{given}", files::parent(path)))],
        Some(given) => vec![files::tidy(&format!("{folder}/{given}"))],
        None => vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")],
    };
    places
        .iter()
        .find(|place| files.is_file(place))
        .cloned()
        .ok_or_else(|| {
            format!(
                "{path}:{}: there is no file for `mod {name}`; looked for {}",
                declared.line,
                places.join(", ")
            )
        })
}
