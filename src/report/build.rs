//! From statistics to the files of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use minijinja::{Value as Json, context};
use serde::Serialize;

use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::naming;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Table, Value, csv_line, plain};
use crate::there;

use super::catalog::{Chart, Entry, EntryKind, ReportFiles};
use super::cells::{self, Shown};
use super::config::{ReportConfig, ReportOptions};
use super::explorer::collect::{Wanted, collect};
use super::explorer::sprites;
use super::figure::canvas::{self, Picture, Rendered};
use super::figure::{self, ContactRow, Panel};
use super::page::{self, fill, serial};
use super::statistics::{EXPLORER, Statistic, Statistics, compute};
use super::tile::Tile;
use super::{answer, escape, provenance};

/// SQL by the name of its file.
type Statements = Vec<(String, String)>;

/// How much of a run the explorer of its page shows.
const OF_A_PAGE: Wanted = Wanted {
    support: 8,
    issues: 300,
    others: 0,
    unmapped: 2000,
};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPaths {
    /// The self-contained page.
    pub html: PathBuf,
    /// Pages of their own beside it: all panels of a figure that shows the first ones.
    pub pages: Vec<PathBuf>,
    /// The same in Markdown.
    pub markdown: PathBuf,
    /// A LaTeX document with all tables and figures.
    pub latex: PathBuf,
    /// The tables, as CSV and as LaTeX.
    pub tables: Vec<PathBuf>,
    /// The figures, as SVG and as a bitmap: PNG, or JPEG where they hold photographs.
    pub figures: Vec<PathBuf>,
    /// What could not be shown, and folders that were passed over.
    pub warnings: Vec<String>,
    /// Pictures that the pages should have and could not read.
    pub lacking: usize,
}

/// Builds the report of all runs at or below `runs` in the folder `out`.
///
/// The same runs give the same bytes.
///
/// # Errors
/// [`Error::Data`] if there is no run or a table of a run cannot be read; [`Error::Usage`] if a file of the reports
/// folder is wrong; [`Error::Io`] if something cannot be written.
pub fn build(runs: &[PathBuf], out: &Path, options: &ReportOptions) -> Result<ReportPaths> {
    compute(runs, options)?.report(out)
}

pub(crate) struct Builder<'a> {
    pub(crate) assets: ReportFiles,
    pub(crate) labels: BTreeMap<String, String>,
    /// Names of the runs whose faces were generated.
    pub(crate) stand_ins: BTreeSet<String>,
    pub(crate) query: QueryContext,
    pub(crate) out: &'a Path,
    pub(crate) config: ReportConfig,
    pub(crate) options: &'a ReportOptions,
    pub(crate) paths: ReportPaths,
}

/// One table or figure as the templates see it.
#[derive(Debug, Serialize)]
pub(crate) struct Block {
    id: String,
    section: String,
    title: String,
    caption: String,
    kind: &'static str,
    /// Its number among the tables, or among the figures.
    number: usize,
    /// What the paper calls it.
    paper: Option<String>,
    /// The block behind which it is folded away.
    behind: Option<String>,
    /// Whether any run in it is a stand-in.
    stand_in: bool,
    table: Option<Shown>,
    figures: Vec<FigureFile>,
    sql_name: String,
    sql: String,
    /// The derived views that the SQL is made from, however deep.
    views: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FigureFile {
    /// The run, where there are several.
    run: String,
    alt: String,
    /// File name without ending.
    file: String,
    /// Endings of its bitmaps, that for LaTeX first.
    endings: Vec<&'static str>,
    /// Share of the text's width, for LaTeX.
    wide: bool,
    /// The drawing, for the page.
    svg: String,
    /// The contact sheet, which the page shows as a grid of images.
    sheet: Vec<ContactRow>,
    /// Panels, which the page shows as two groups of images each.
    panels: Vec<Panel>,
    /// The page that has all panels.
    page: Option<PanelPage>,
}

/// A page of its own with all panels of a figure.
#[derive(Debug, Serialize)]
pub(crate) struct PanelPage {
    /// Its name beside the report.
    file: String,
    /// How many panels it has.
    panels: usize,
}

impl Builder<'_> {
    /// Lays out every statistic and writes the pages.
    pub(crate) fn lay_out(mut self, results: Vec<Statistic>) -> Result<ReportPaths> {
        self.paths.warnings.extend(self.query.warnings().iter().cloned());
        let mut blocks = Vec::new();
        let mut absent = Vec::new();
        let catalogued: Vec<Entry> = self.assets.catalog()?.entry;
        let bar = self
            .options
            .progress
            .bar("report", results.len() as u64, "tables and figures");
        for statistic in results {
            bar.inc(1);
            self.options.interrupt.check()?;
            let title = statistic.entry.title.clone();
            match self.block(statistic)? {
                Some(block) => blocks.push(block),
                None => absent.push(title),
            }
        }
        // The page is divided by section: numbers follow the order in which it is read.
        let mut sections: Vec<String> = Vec::new();
        for block in &blocks {
            if !sections.contains(&block.section) {
                sections.push(block.section.clone());
            }
        }
        blocks.sort_by_key(|block| sections.iter().position(|section| *section == block.section));
        let shown: BTreeSet<String> = blocks.iter().map(|block| block.id.clone()).collect();
        let mut numbers = BTreeMap::new();
        for block in &mut blocks {
            block.behind = block.behind.take().filter(|id| shown.contains(id));
            let number = numbers.entry(block.kind).or_insert(0);
            *number += 1;
            block.number = *number;
        }
        self.page(&blocks, &absent)?;
        self.tidy(&catalogued)?;
        Ok(self.paths)
    }

    /// Takes away figures and pages that an earlier report left here and this one has not: who leaves images out must not pass on
    /// those of before. Only names that the catalogue gives are looked at.
    fn tidy(&self, catalog: &[Entry]) -> Result<()> {
        let of = |stem: &str, id: &str| {
            stem.strip_prefix(id)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let figures = self.out.join("figures");
        let figure = |stem: &str| catalog.iter().any(|entry| entry.chart.is_some() && of(stem, &entry.id));
        let page = |stem: &str| {
            catalog
                .iter()
                .filter_map(|entry| entry.page.as_deref())
                .any(|name| of(stem, name))
        };
        let made = |path: &PathBuf| self.paths.figures.contains(path) || self.paths.pages.contains(path);
        for (folder, endings, known) in [
            (
                figures.as_path(),
                &["svg", "png", "jpg", "tex"][..],
                &figure as &dyn Fn(&str) -> bool,
            ),
            (self.out, &["html"][..], &page),
        ] {
            if !there::is_dir(folder)? {
                continue;
            }
            for found in std::fs::read_dir(folder).at("read", folder)? {
                let path = found.at("read", folder)?.path();
                let named = path
                    .file_stem()
                    .zip(path.extension())
                    .and_then(|(stem, end)| stem.to_str().zip(end.to_str()));
                if named.is_some_and(|(stem, end)| endings.contains(&end) && known(stem)) && !made(&path) {
                    atomic::remove(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the files of one statistic; nothing if the runs have nothing to show for it.
    fn block(&mut self, statistic: Statistic) -> Result<Option<Block>> {
        let Statistic {
            entry,
            name,
            sql,
            table,
        } = statistic;
        if table.rows.is_empty() {
            return Ok(None);
        }
        let mut block = Block {
            id: entry.id.clone(),
            section: entry.section.clone(),
            title: entry.title.clone(),
            caption: entry.caption.clone(),
            kind: match entry.kind {
                EntryKind::Table => "table",
                EntryKind::Figure => "figure",
            },
            stand_in: table.rows.iter().any(|row| self.stand_in(&table, row)),
            number: 0,
            paper: entry.paper.clone(),
            behind: entry.behind.clone(),
            table: None,
            figures: Vec::new(),
            views: self.query.behind(&[&sql])?.into_keys().collect(),
            sql_name: name,
            sql,
        };
        match entry.chart {
            Some(chart) if entry.kind == EntryKind::Figure => {
                block.figures = self.figures(&entry, chart, &table, &block)?;
            }
            _ => {
                self.write_csv(&entry, &table)?;
                block.table = Some(cells::show(&table, &entry.columns, &self.labels, entry.rows));
            }
        }
        Ok((block.table.is_some() || !block.figures.is_empty()).then_some(block))
    }

    /// Whether a row shows a stand-in: the result says so itself where a row is made of several runs.
    fn stand_in(&self, table: &Table, row: &[Value]) -> bool {
        if let Value::Bool(stand_in) = table.get(row, "stand_in") {
            return *stand_in;
        }
        table
            .get(row, "run")
            .as_str()
            .is_some_and(|run| self.stand_ins.contains(run))
    }

    /// All columns and rows of the result, with a last column that says which rows are of stand-ins.
    fn write_csv(&mut self, entry: &Entry, table: &Table) -> Result<()> {
        let mut text = String::new();
        let own = table.column("stand_in");
        let others = |i: &usize| Some(*i) != own;
        let places: Vec<usize> = (0..table.columns.len()).filter(others).collect();
        let names = places.iter().map(|i| table.columns[*i].name.clone());
        csv_line(&mut text, names.chain(["stand_in".to_owned()]));
        for row in &table.rows {
            let stand_in = self.stand_in(table, row).to_string();
            let cells = places.iter().map(|i| plain(&row[*i], ""));
            csv_line(&mut text, cells.chain([stand_in]));
        }
        let path = self.out.join("tables").join(format!("{}.csv", entry.id));
        atomic::write(&path, text.as_bytes())?;
        self.paths.tables.push(path);
        Ok(())
    }

    fn figures(&mut self, entry: &Entry, chart: Chart, table: &Table, block: &Block) -> Result<Vec<FigureFile>> {
        let mut out = Vec::new();
        let several = self.query.runs().len() > 1;
        let mut used = BTreeSet::new();
        let runs: Vec<FoundRun> = self.query.runs().to_vec();
        for run in &runs {
            let rows: Vec<&Vec<Value>> = table
                .rows
                .iter()
                .filter(|row| table.get(row, "run").as_str() == Some(run.run.as_str()))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let stand_in = run.manifest.stand_in;
            let mut sheet = Vec::new();
            let mut all_panels = Vec::new();
            let mut shown_panels: Vec<Panel> = Vec::new();
            let rendered = match chart {
                Chart::Curves => draw(figure::curves(table, &rows), stand_in)?,
                Chart::Confusion => draw(figure::confusion(table, &rows), stand_in)?,
                Chart::Bars => draw(figure::bars(table, &rows), stand_in)?,
                Chart::ClassMaps => draw(figure::class_maps(table, &rows), stand_in)?,
                Chart::ScoreMaps => draw(figure::score_maps(table, &rows), stand_in)?,
                Chart::Reliability => draw(figure::reliability(table, &rows, &self.labels), stand_in)?,
                Chart::Forest => draw(figure::forest(table, &rows, &self.labels), stand_in)?,
                Chart::Usage => draw(figure::usage(table, &rows), stand_in)?,
                Chart::Contact => {
                    let root = self.data_root(run)?;
                    let found = figure::contact_rows(table, &rows, root.as_deref());
                    self.lack(run, entry, found.iter().flat_map(|row| &row.tiles));
                    let drawn = draw(figure::contact(&found), stand_in)?;
                    sheet = found;
                    drawn
                }
                Chart::Panels => {
                    let root = self.data_root(run)?;
                    all_panels = figure::panel_rows(table, &rows, root.as_deref());
                    self.lack(run, entry, all_panels.iter().flat_map(Panel::all_tiles));
                    let ReportConfig {
                        panels, panel_images, ..
                    } = self.config;
                    let first = all_panels.iter().take(panels);
                    shown_panels = first.map(|panel| panel.first(panel_images)).collect();
                    draw(figure::panels(&shown_panels), stand_in)?
                }
            };
            let Some(rendered) = rendered else {
                self.paths.warnings.push(format!(
                    "{}: the figure `{}` cannot be drawn from its data",
                    run.run, entry.id
                ));
                continue;
            };
            let mut suffix = if several {
                format!("-{}", escape::slug(&run.run))
            } else {
                String::new()
            };
            while !used.insert(suffix.clone()) {
                suffix.push('x');
            }
            let file = format!("{}{suffix}", entry.id);
            let page = match &entry.page {
                None => None,
                Some(name) => Some(self.panel_page(block, run, &all_panels, &format!("{name}{suffix}.html"))?),
            };
            let bitmaps = rendered.bitmaps(entry.paper.is_some())?;
            let drawing = [("svg", rendered.svg.as_bytes())].into_iter();
            for (ending, bytes) in drawing.chain(bitmaps.iter().map(|(ending, bytes)| (*ending, bytes.as_slice()))) {
                let path = self.out.join("figures").join(format!("{file}.{ending}"));
                atomic::write(&path, bytes)?;
                self.paths.figures.push(path);
            }
            out.push(FigureFile {
                run: if several { run.run.clone() } else { String::new() },
                alt: rendered.alt,
                file,
                endings: bitmaps.iter().map(|(ending, _)| *ending).collect(),
                wide: matches!(
                    chart,
                    Chart::Contact | Chart::Panels | Chart::ClassMaps | Chart::ScoreMaps | Chart::Forest
                ),
                svg: if sheet.is_empty() && shown_panels.is_empty() {
                    inline(&rendered.svg)
                } else {
                    String::new()
                },
                sheet,
                panels: shown_panels,
                page,
            });
        }
        Ok(out)
    }

    /// Says which pictures of a figure could not be read.
    fn lack<'t>(&mut self, run: &FoundRun, entry: &Entry, tiles: impl Iterator<Item = &'t Tile>) {
        let lacking: BTreeSet<(&str, &str)> = tiles
            .filter(|tile| tile.picture.is_lacking())
            .filter_map(|tile| Some((tile.sample_id.as_str(), tile.picture.missing?)))
            .collect();
        let Some((sample, why)) = lacking.first() else { return };
        self.paths.lacking += lacking.len();
        self.paths.warnings.push(format!(
            "{}: pictures of the figure `{}` could not be read: {}, the first of sample {sample} ({why}); the page is made again by \
             the next call",
            run.run,
            entry.id,
            lacking.len()
        ));
    }

    fn data_root(&self, run: &FoundRun) -> Result<Option<PathBuf>> {
        if !self.config.images {
            return Ok(None);
        }
        Ok(match (&self.options.data_root, &run.manifest.data_root) {
            (Some(root), _) => Some(root.clone()),
            (None, Some(root)) => Some(PathBuf::from(root)),
            // Features made elsewhere: there are images only where somebody put them.
            (None, None) => {
                let root = run.path.join("data");
                there::is_dir(&root)?.then_some(root)
            }
        })
    }

    /// Writes the page `file` that has all panels of a figure.
    fn panel_page(&mut self, block: &Block, run: &FoundRun, panels: &[Panel], file: &str) -> Result<PanelPage> {
        let env = page::environment(
            &self.assets,
            &["head.html", "provenance.html", "tiles.html", "panels.html"],
        )?;
        let mut sql = vec![(block.sql_name.clone(), block.sql.as_str())];
        for (view, text) in self.query.behind(&[&block.sql])? {
            sql.push((format!("sql/views/{view}.sql"), text));
        }
        let content = context! {
            title => format!("{}: {}", block.title, run.run),
            block => serial(block),
            stand_in => run.manifest.stand_in,
            panels => serial(panels),
            sql => serial(sql),
            provenance => serial(provenance::block(std::slice::from_ref(run))),
            ..page::frame(&self.assets)?
        };
        let path = self.out.join(file);
        atomic::write(&path, fill(&env, "panels.html", &content)?.as_bytes())?;
        self.paths.pages.push(path);
        Ok(PanelPage {
            file: file.to_owned(),
            panels: panels.len(),
        })
    }

    /// Terms of the databases whose images the pages hold.
    fn licences(&self) -> BTreeSet<&str> {
        let runs = self.query.runs().iter().filter(|_| self.config.images);
        runs.filter_map(|run| run.manifest.licence.as_deref()).collect()
    }

    /// The explorer of the only run, as JSON, with the statements behind it; nothing for several runs, whose archetypes have nothing
    /// to do with each other.
    fn explorer(&mut self) -> Result<Option<(Json, Statements)>> {
        let [run] = self.query.runs() else { return Ok(None) };
        if self.config.leave_out.iter().any(|id| id == EXPLORER) {
            return Ok(None);
        }
        let run = run.clone();
        let mut collected = collect(&self.query, &run, &self.assets, OF_A_PAGE)?;
        let root = self.data_root(&run)?;
        let ReportOptions {
            progress, interrupt, ..
        } = self.options;
        let lacking = sprites::fill(&mut collected, root.as_deref(), *progress, interrupt)?;
        if let Some((sample, why)) = lacking.first() {
            self.paths.lacking += lacking.len();
            self.paths.warnings.push(format!(
                "{}: pictures of the explorer could not be read: {}, the first of sample {sample} ({why}); the page is made again \
                 by the next call",
                run.run,
                lacking.len()
            ));
        }
        let json = Json::from_safe_string(collected.data.to_json());
        Ok(Some((json, collected.sql)))
    }

    fn page(&mut self, blocks: &[Block], absent: &[String]) -> Result<()> {
        let env = page::environment(
            &self.assets,
            &[
                "report.html",
                "head.html",
                "tiles.html",
                "explorer.html",
                "report.md",
                "report.tex",
                "table.tex",
                "figure.tex",
            ],
        )?;
        let (explorer, explorer_sql) = self.explorer()?.unzip();
        // Beyond so many runs the page says what they share.
        let answers = if self.query.runs().len() > provenance::COLUMNS {
            Vec::new()
        } else {
            answer::answers(&self.query, &self.assets, &self.labels)?
        };
        // The first block of each name: Table 1 of a run has one over its seeds and one behind it.
        let mut paper: Vec<(&str, &str)> = Vec::new();
        for block in blocks {
            if let Some(name) = block
                .paper
                .as_deref()
                .filter(|name| paper.iter().all(|(known, _)| known != name))
            {
                paper.push((name, &block.id));
            }
        }
        paper.sort_unstable();
        let runs = self.query.runs();
        let stand_in = runs.iter().filter(|run| run.manifest.stand_in).count();
        let mut protocols: Vec<&str> = runs.iter().map(|run| run.manifest.protocol_digest.as_str()).collect();
        protocols.sort_unstable();
        protocols.dedup();
        let names: Vec<&str> = runs.iter().map(|run| run.run.as_str()).collect();
        let title = if self.config.title.is_empty() {
            match names[..] {
                [only] => format!("Report of {only}"),
                _ => format!("Report of {} runs", names.len()),
            }
        } else {
            self.config.title.clone()
        };
        // One column a run is readable up to here; beyond, the page says what all runs share and a file says the rest.
        let many = runs.len() > provenance::COLUMNS;
        let facts = provenance::block(runs);
        let columns = if many { vec!["all runs"] } else { names.clone() };
        if many {
            let path = self.out.join("tables").join("provenance.csv");
            atomic::write(&path, provenance::csv(&facts).as_bytes())?;
            self.paths.tables.push(path);
        }
        let mut sections: Vec<&str> = Vec::new();
        for block in blocks {
            if !sections.contains(&block.section.as_str()) {
                sections.push(&block.section);
            }
        }
        let page = context! {
            title, runs => serial(&names),
            answers => serial(&answers),
            paper => serial(&paper),
            explorer,
            explorer_sql => serial(&explorer_sql),
            licences => serial(self.licences()),
            explorer_css => page::raw(&self.assets, "css/explorer.css")?,
            explorer_js => page::script(&self.assets)?,
            columns => serial(&columns),
            sections => serial(&sections),
            blocks => serial(blocks),
            absent => serial(absent),
            stand_in => match stand_in { 0 => "none", n if n == runs.len() => "all", _ => "some" },
            stand_in_runs => serial(
                runs.iter().filter(|run| run.manifest.stand_in).map(|run| run.run.as_str()).collect::<Vec<_>>(),
            ),
            random_runs => serial(
                runs.iter()
                    .filter(|run| naming::is_random(&run.manifest.encoder))
                    .map(|run| run.run.as_str())
                    .collect::<Vec<_>>(),
            ),
            run_warnings => serial(provenance::warnings(runs)),
            protocols => protocols.len(),
            provenance => serial(if many { provenance::merged(facts) } else { facts }),
            stages => serial(if many { Vec::new() } else { provenance::stages(runs) }),
            warnings => serial(&self.paths.warnings),
            views => serial(self.query.behind(&blocks.iter().map(|block| block.sql.as_str()).collect::<Vec<_>>())?),
            ..page::frame(&self.assets)?
        };
        for (template, path) in [
            ("report.html", &self.paths.html),
            ("report.md", &self.paths.markdown),
            ("report.tex", &self.paths.latex),
        ] {
            atomic::write(path, fill(&env, template, &page)?.as_bytes())?;
        }
        for block in blocks {
            for figure in &block.figures {
                let path = self.out.join("figures").join(format!("{}.tex", figure.file));
                let content = context! { block => serial(block), figure => serial(figure) };
                atomic::write(&path, fill(&env, "figure.tex", &content)?.as_bytes())?;
                self.paths.figures.push(path);
            }
        }
        for block in blocks.iter().filter(|block| block.table.is_some()) {
            let path = self.out.join("tables").join(format!("{}.tex", block.id));
            atomic::write(
                &path,
                fill(&env, "table.tex", &context! { block => serial(block) })?.as_bytes(),
            )?;
            self.paths.tables.push(path);
        }
        self.paths.tables.sort();
        Ok(())
    }
}

pub(crate) fn draw<P: Picture>(picture: Option<P>, stand_in: bool) -> Result<Option<Rendered>> {
    picture.map(|picture| canvas::render(&picture, stand_in)).transpose()
}

/// The drawing as part of the page: its ink follows the page's light or dark theme.
pub(crate) fn inline(svg: &str) -> String {
    svg.replace("\"#1B1F24\"", "\"var(--ink)\"")
        .replace("\"#5A6470\"", "\"var(--muted)\"")
        .replace("\"#DDE1E6\"", "\"var(--rule)\"")
        .replace("\"#FEFEFE\"", "\"var(--paper)\"")
}

impl Statistics<'_> {
    /// Lays them out in the folder `out`.
    ///
    /// # Errors
    /// As [`build`].
    pub fn report(self, out: &Path) -> Result<ReportPaths> {
        let Self {
            assets,
            labels,
            query,
            config,
            options,
            results,
            notes,
        } = self;
        let builder = Builder {
            assets,
            labels,
            stand_ins: query
                .runs()
                .iter()
                .filter(|run| run.manifest.stand_in)
                .map(|run| run.run.clone())
                .collect(),
            query,
            out,
            config,
            options,
            paths: ReportPaths {
                html: out.join("report.html"),
                pages: Vec::new(),
                markdown: out.join("report.md"),
                latex: out.join("report.tex"),
                tables: Vec::new(),
                figures: Vec::new(),
                warnings: notes,
                lacking: 0,
            },
        };
        builder.lay_out(results)
    }
}
