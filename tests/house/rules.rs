//! What must hold of the rooms and of the files in them. Every finding begins with a file and a line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::digest::{self, STAGES};
use super::source::{Files, Import, SourceFile, Tree};
use super::table::{MayUse, Row, Table};

/// Lines of a file.
pub const FILE_LINES: usize = 660;

/// A room holds at most one in so many lines of the house.
pub const ROOM_SHARE: usize = 10;

/// The document with the table.
pub const DOCUMENT: &str = "ARCHITECTURE.md";

/// Everything that does not hold.
pub fn findings(tree: &Tree, table: &Table, files: &Files) -> Vec<String> {
    let mut found = rooms(tree, table);
    found.extend(permissions(tree, table));
    found.extend(circles(tree));
    found.extend(sizes(tree));
    found.extend(lists(tree));
    found.extend(libraries(tree, files));
    found.extend(entries(tree));
    found
}

/// Rooms without a row, and rows without a room.
fn rooms(tree: &Tree, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.files.values().filter(|file| !file.test) {
        if table.room_of(&file.path).is_none() {
            found.push(format!(
                "{}:1: no row of {DOCUMENT} names the room {}",
                file.path,
                top(&file.path)
            ));
        }
    }
    for row in &table.rows {
        let named = match &row.may_use {
            MayUse::Everything => &[],
            MayUse::Rooms(rooms) => rooms.as_slice(),
        };
        for room in row.rooms.iter().chain(named) {
            let there = |path: &String| table.room_of(path).is_some_and(|(_, of)| of == room);
            if !tree.files.keys().any(there) {
                found.push(format!("{DOCUMENT}:{}: there is no room `{room}`", row.line));
            }
        }
    }
    found
}

/// Imports that no row allows, that run upwards, and permissions that nobody uses. Of a file's imports from one room the first
/// is told.
fn permissions(tree: &Tree, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    let mut told = BTreeSet::new();
    for (file, import) in imports(tree) {
        let (Some((from, room)), Some((to, target))) = (table.room_of(&file.path), table.room_of(&import.file)) else {
            continue;
        };
        if room == target || from == to {
            continue;
        }
        used.insert((from, target));
        if !told.insert((&file.path, target)) {
            continue;
        }
        let place = place(file, import);
        if to < from {
            found.push(format!("{place} runs upwards, from `{room}` to `{target}`"));
        }
        let row = &table.rows[from];
        let allowed = match &row.may_use {
            MayUse::Everything => true,
            MayUse::Rooms(rooms) => rooms.iter().any(|room| room == target) || table.rows[to].ground && !row.ground,
        };
        if !allowed {
            found.push(format!(
                "{place}: `{room}` may not use `{target}` ({DOCUMENT}:{})",
                row.line
            ));
        }
    }
    for (at, row) in table.rows.iter().enumerate() {
        let MayUse::Rooms(rooms) = &row.may_use else { continue };
        for room in rooms {
            if !used.contains(&(at, room.as_str())) {
                let of = row.rooms.join(", ");
                found.push(format!("{DOCUMENT}:{}: {of} may use `{room}`, and does not", row.line));
            }
        }
    }
    found
}

/// Files that import each other, the shortest way round for each knot.
fn circles(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for start in tree.files.keys() {
        if known.contains(start.as_str()) {
            continue;
        }
        if let Some(round) = round(tree, start) {
            known.extend(knot(tree, start));
            let steps: Vec<String> = round
                .iter()
                .map(|(file, import)| format!("  {} → {}", place(file, import), import.file))
                .collect();
            found.push(format!(
                "{start}:1: files import each other in a circle:\n{}",
                steps.join("\n")
            ));
        }
    }
    found
}

/// The shortest circle through a file.
fn round<'a>(tree: &'a Tree, start: &str) -> Option<Vec<(&'a SourceFile, &'a Import)>> {
    let mut from: BTreeMap<&str, (&SourceFile, &Import)> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(path) = open.pop_front() {
        let Some(file) = tree.files.get(path) else { continue };
        for import in &file.imports {
            if from.contains_key(import.file.as_str()) {
                continue;
            }
            from.insert(&import.file, (file, import));
            if import.file == start {
                let mut steps = Vec::new();
                let mut at = start;
                while let Some(&(file, import)) = from.get(at) {
                    steps.push((file, import));
                    at = &file.path;
                    if at == start {
                        break;
                    }
                }
                steps.reverse();
                return Some(steps);
            }
            open.push_back(&import.file);
        }
    }
    None
}

/// All files that `start` reaches and that reach it.
fn knot<'a>(tree: &'a Tree, start: &str) -> BTreeSet<&'a str> {
    let reached = tree.reached(start);
    reached
        .into_iter()
        .filter(|path| tree.reached(path).contains(start))
        .collect()
}

/// Files and rooms that are too long; tests in files of their own do not count.
fn sizes(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut rooms: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = 0;
    for file in tree.files.values() {
        if !file.test {
            all += file.lines;
            *rooms.entry(top(&file.path)).or_default() += file.lines;
        }
        if file.lines > FILE_LINES {
            let path = &file.path;
            found.push(format!(
                "{path}:{}: the file is longer than {FILE_LINES} lines",
                file.lines
            ));
        }
    }
    for (room, lines) in rooms {
        if room.ends_with('/') && lines * ROOM_SHARE > all {
            found.push(format!(
                "src/{room}mod.rs:1: the room has {lines} of {all} lines, more than one in {ROOM_SHARE}"
            ));
        }
    }
    found
}

/// A `mod.rs` says what is in a room.
fn lists(tree: &Tree) -> Vec<String> {
    let lists = tree
        .files
        .values()
        .filter(|file| file.path.ends_with("/mod.rs") && !file.test);
    lists
        .filter_map(|file| {
            let (line, what) = file.logic.as_ref()?;
            Some(format!(
                "{}:{line}: a mod.rs names what is in its room and holds nothing itself, but here is `{what}`",
                file.path
            ))
        })
        .collect()
}

/// Libraries that a digest could forget.
fn libraries(tree: &Tree, files: &Files) -> Vec<String> {
    let mut found: Vec<String> = digest::unknown_crates(tree)
        .into_iter()
        .map(|(name, path, line)| format!("{path}:{line}: build/digest.rs does not say whether `{name}` computes"))
        .collect();
    let manifest = files.text("Cargo.toml").unwrap_or_default();
    let depends = |name: &str| {
        let key = name.replace('_', "-");
        manifest
            .lines()
            .any(|line| [name, &key].iter().any(|name| line.starts_with(&format!("{name} ="))))
    };
    let named = digest::FAMILIES
        .iter()
        .flat_map(|family| family.named)
        .chain(&digest::OTHERS);
    for name in named.filter(|name| !depends(name)) {
        found.push(format!(
            "build/digest.rs:1: it lists `{name}`, which Cargo.toml does not"
        ));
    }
    found
}

/// Stages whose files are not there.
fn entries(tree: &Tree) -> Vec<String> {
    let paths = STAGES.iter().flat_map(|stage| {
        stage
            .entries
            .iter()
            .chain(stage.alone)
            .map(move |path| (stage.name, path))
    });
    paths
        .filter(|(_, path)| !tree.files.contains_key(**path))
        .map(|(stage, path)| format!("build/digest.rs:1: the stage {stage} begins at {path}, which is not there"))
        .collect()
}

/// What the table must say for the imports as they are, with the words of the rows that are there already.
pub fn measured(tree: &Tree, table: &Table) -> Vec<Row> {
    let room_of = |path: &str| {
        table
            .room_of(path)
            .map_or_else(|| top(path).to_owned(), |(_, room)| room.to_owned())
    };
    let old = |room: &str| table.rows.iter().find(|row| row.rooms.iter().any(|one| one == room));
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tree.files.values() {
        uses.entry(room_of(&file.path)).or_default();
    }
    for (file, import) in imports(tree) {
        let (from, to) = (room_of(&file.path), room_of(&import.file));
        if from != to {
            uses.entry(from).or_default().insert(to);
        }
    }
    let floors = floors(&uses);
    let mut rooms: Vec<&String> = uses.keys().collect();
    rooms.sort_by_key(|room| (std::cmp::Reverse(floors[*room]), (*room).clone()));
    let ground = |room: &str| old(room).is_some_and(|row| row.ground);
    rooms
        .into_iter()
        .map(|room| Row {
            line: floors[room],
            rooms: vec![room.clone()],
            ground: ground(room),
            holds: old(room).map(|row| row.holds.clone()).unwrap_or_default(),
            may_use: MayUse::Rooms(
                uses[room]
                    .iter()
                    .filter(|used| ground(room) || !ground(used))
                    .cloned()
                    .collect(),
            ),
        })
        .collect()
}

/// A room stands above all that it uses. Where rooms use each other, the one that is used more than it uses goes below.
fn floors(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<&String, usize> {
    let mut floors = BTreeMap::new();
    for floor in 0..uses.len() {
        let open: Vec<&String> = uses.keys().filter(|room| !floors.contains_key(room)).collect();
        let above = |room: &String| uses[room].iter().filter(|used| open.contains(used)).count();
        let mut next: Vec<&String> = open.iter().copied().filter(|room| above(room) == 0).collect();
        if next.is_empty() {
            let below = |room: &String| open.iter().filter(|one| uses[**one].contains(room)).count();
            next.extend(
                open.iter()
                    .copied()
                    .max_by_key(|room| below(room) as isize - above(room) as isize),
            );
        }
        floors.extend(next.into_iter().map(|room| (room, floor)));
    }
    floors
}

/// All imports, each file's from its top down.
fn imports(tree: &Tree) -> impl Iterator<Item = (&SourceFile, &Import)> {
    tree.files.values().flat_map(|file| {
        let mut imports: Vec<&Import> = file.imports.iter().collect();
        imports.sort_by_key(|import| import.line);
        imports.into_iter().map(move |import| (file, import))
    })
}

fn place(file: &SourceFile, import: &Import) -> String {
    format!("{}:{}: `{}`", file.path, import.line, import.name)
}

/// The folder under `src` that a file lies in, or the file itself.
fn top(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    path.find('/').map_or(path, |at| &path[..=at])
}
