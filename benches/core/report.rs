//! What was measured, what was wanted, and whether it was reached.

use std::time::Duration;

/// A figure of each of the two, or of this program alone.
#[derive(Clone, Debug)]
pub struct Both<T> {
    pub spool: T,
    pub cups: Option<T>,
}

impl<T> Both<T> {
    pub fn map<U>(&self, figure: impl Fn(&T) -> U) -> Both<U> {
        Both { spool: figure(&self.spool), cups: self.cups.as_ref().map(figure) }
    }
}

/// What this program is to reach.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// So many times what CUPS does, or more.
    TimesAtLeast(f64),
    /// So many times what CUPS takes, or less.
    TimesAtMost(f64),
    /// So much, or less, whatever CUPS does.
    AtMost(f64),
    /// It is shown and not judged.
    Shown,
}

struct Row {
    what: String,
    unit: &'static str,
    figures: Both<f64>,
    target: Target,
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Notes a figure and shows it at once.
    pub fn add(&mut self, what: impl Into<String>, unit: &'static str, figures: Both<f64>, target: Target) {
        let row = Row { what: what.into(), unit, figures, target };
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// The whole as a table of Markdown.
    pub fn print(&self) {
        if self.rows.is_empty() {
            println!("no case has such a name");
            return;
        }
        println!("\n| figure | unit | spool | cupsd | spool / cupsd | target | reached |");
        println!("|---|---|---|---|---|---|---|");
        self.rows.iter().for_each(|row| println!("{}", row.line()));
    }
}

impl Row {
    fn line(&self) -> String {
        let Row { what, unit, figures, .. } = self;
        let spool = short(figures.spool);
        let cups = figures.cups.map_or("-".to_owned(), short);
        let ratio = self.ratio().map_or("-".to_owned(), short);
        format!(
            "| `{what}` | {unit} | {spool} | {cups} | {ratio} | {} | {} |",
            self.target.told(),
            self.verdict()
        )
    }

    /// Nothing where there is no peer, or where it has nothing to be compared with.
    fn ratio(&self) -> Option<f64> {
        let cups = self.figures.cups.filter(|cups| *cups > 0.0)?;
        Some(self.figures.spool / cups)
    }

    fn verdict(&self) -> &'static str {
        let reached = match self.target {
            Target::TimesAtLeast(times) => self.ratio().map(|ratio| ratio >= times),
            Target::TimesAtMost(times) => self.ratio().map(|ratio| ratio <= times),
            Target::AtMost(most) => Some(self.figures.spool <= most),
            Target::Shown => None,
        };
        reached.map_or("", |reached| if reached { "yes" } else { "**no**" })
    }
}

impl Target {
    fn told(self) -> String {
        match self {
            Target::TimesAtLeast(times) => format!(">= {} x", short(times)),
            Target::TimesAtMost(times) => format!("<= {} x", short(times)),
            Target::AtMost(most) => format!("<= {}", short(most)),
            Target::Shown => String::new(),
        }
    }
}

/// Three digits that mean something, and no less than the whole.
fn short(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The time below which this share of all lie, in milliseconds.
pub fn percentile_ms(times: &[Duration], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() as f64 * share) as usize;
    times[at.min(times.len() - 1)].as_secs_f64() * 1000.0
}
