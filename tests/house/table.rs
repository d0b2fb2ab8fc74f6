//! The table of rooms in ARCHITECTURE.md.

use std::fmt;

/// The heading that the table is known by.
const HEADING: [&str; 3] = ["room", "holds", "may use"];

/// What a row lets its rooms import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MayUse {
    /// Every room below.
    Everything,
    /// These rooms, and the ground.
    Rooms(Vec<String>),
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Line in the document.
    pub line: usize,
    /// Its rooms: `chain/`, `error.rs`.
    pub rooms: Vec<String>,
    /// Whether every room above may use it without saying so.
    pub ground: bool,
    /// What the room is for.
    pub holds: String,
    /// What it may import.
    pub may_use: MayUse,
}

/// All rows, the top floor first.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// In the document's order.
    pub rows: Vec<Row>,
}

impl Table {
    /// Finds the table in `document`, the text of `name`.
    pub fn read(name: &str, document: &str) -> Result<Self, String> {
        let mut lines = document.lines().enumerate();
        let found = lines.any(|(_, line)| cells(line).is_some_and(|cells| cells == HEADING));
        if !found {
            return Err(format!("{name}:1: there is no table `| {} |`", HEADING.join(" | ")));
        }
        let mut table = Self::default();
        for (at, line) in lines.skip(1) {
            let Some(cells) = cells(line) else { break };
            let wrong = |what: &str| format!("{name}:{}: {what}", at + 1);
            let [rooms, holds, may_use] = cells.as_slice() else {
                return Err(wrong("a row has three cells"));
            };
            let (rooms, ground) = match rooms.strip_suffix("(ground)") {
                Some(rooms) => (rooms.trim_end(), true),
                None => (*rooms, false),
            };
            let may_use = match *may_use {
                "—" => MayUse::Rooms(Vec::new()),
                "everything" if table.rows.iter().all(|row| row.may_use == MayUse::Everything) => MayUse::Everything,
                "everything" => return Err(wrong("only the rows at the top may use `everything`")),
                list => MayUse::Rooms(listed(list).map_err(|error| wrong(&error))?),
            };
            table.rows.push(Row {
                line: at + 1,
                rooms: listed(rooms).map_err(|error| wrong(&error))?,
                ground,
                holds: (*holds).to_owned(),
                may_use,
            });
        }
        Ok(table)
    }

    /// The room that a file lies in, `src/` not written: the longest that is named.
    pub fn room_of(&self, path: &str) -> Option<(usize, &str)> {
        let path = path.strip_prefix("src/").unwrap_or(path);
        let rooms = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(row, there)| there.rooms.iter().map(move |room| (row, room.as_str())));
        rooms
            .filter(|(_, room)| path == *room || room.ends_with('/') && path.starts_with(room))
            .max_by_key(|(_, room)| room.len())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ground = if self.ground { " (ground)" } else { "" };
        let may_use = match &self.may_use {
            MayUse::Everything => "everything".to_owned(),
            MayUse::Rooms(rooms) if rooms.is_empty() => "—".to_owned(),
            MayUse::Rooms(rooms) => list(rooms),
        };
        write!(f, "| {}{ground} | {} | {may_use} |", list(&self.rooms), self.holds)
    }
}

fn list(rooms: &[String]) -> String {
    let rooms: Vec<String> = rooms.iter().map(|room| format!("`{room}`")).collect();
    rooms.join(", ")
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

fn listed(cell: &str) -> Result<Vec<String>, String> {
    cell.split(',')
        .map(|name| {
            let name = name.trim();
            let room = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            room.filter(|room| room.ends_with('/') || room.ends_with(".rs"))
                .map(str::to_owned)
                .ok_or_else(|| {
                    format!("expected rooms such as `chain/`, `error.rs`, separated by commas, found {name}")
                })
        })
        .collect()
}
