//! A table of `spool.toml` while it is read, and the mistakes found in it.
//!
//! The tables are walked by hand rather than through serde, because serde stops at the first mistake: here
//! every key is read, every mistake is noted with its line, and reading goes on.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::units;

/// The longest piece of the file that is repeated in a message, in characters.
const QUOTE_CHARS_MAX: usize = 60;

/// One mistake, shown as one line: file, line, key, what stands there, what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    pub key: Option<String>,
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// The file, and what was found wrong in it so far.
#[derive(Debug)]
pub(super) struct Notes<'t> {
    file: String,
    text: &'t str,
    mistakes: RefCell<Vec<Mistake>>,
    /// What may be right, where the store knows more than the file.
    doubts: RefCell<Vec<Mistake>>,
}

impl<'t> Notes<'t> {
    pub(super) fn new(file: String, text: &'t str) -> Self {
        Notes { file, text, mistakes: RefCell::default(), doubts: RefCell::default() }
    }

    /// A mistake that is about the place, not about a value there.
    pub(super) fn mistake(&self, at: Range<usize>, key: Option<&str>, text: impl Into<String>) {
        self.mistakes.borrow_mut().push(self.note(at, key, text.into()));
    }

    /// A name that nothing in the file has. Something in the store may have it.
    pub(super) fn doubt(&self, at: Range<usize>, key: &str, text: impl Into<String>) {
        self.doubts.borrow_mut().push(self.note(at, Some(key), text.into()));
    }

    fn note(&self, at: Range<usize>, key: Option<&str>, text: String) -> Mistake {
        let line = self.text[..at.start.min(self.text.len())].matches('\n').count() + 1;
        Mistake { file: self.file.clone(), line, key: key.map(str::to_owned), text }
    }

    /// A mistake in the value that stands at `at`.
    pub(super) fn bad_value(&self, at: Range<usize>, key: &str, why: impl fmt::Display) {
        let quote = self.text.get(at.clone()).unwrap_or_default();
        let line = quote.lines().next().unwrap_or_default();
        let mut short: String = line.chars().take(QUOTE_CHARS_MAX).collect();
        if short.len() < quote.len() {
            short.push('…');
        }
        self.mistake(at, Some(key), format!("{short}: {why}"));
    }

    /// All mistakes and all doubts, each in the order of their lines.
    pub(super) fn into_inner(self) -> (Vec<Mistake>, Vec<Mistake>) {
        let sorted = |mut notes: Vec<Mistake>| {
            notes.sort_by_key(|note| note.line);
            notes
        };
        (sorted(self.mistakes.into_inner()), sorted(self.doubts.into_inner()))
    }
}

/// A value that was understood, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
}

/// One table. Every key is asked for by name; what nobody asked for is unknown.
pub(super) struct Section<'s, 't> {
    notes: &'s Notes<'t>,
    /// Empty for the whole file.
    name: String,
    table: &'s DeTable<'t>,
    at: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'s, 't> Section<'s, 't> {
    pub(super) fn whole_file(notes: &'s Notes<'t>, table: &'s DeTable<'t>) -> Self {
        Section { notes, name: String::new(), table, at: 0..0, asked: Vec::new() }
    }

    /// The full name of a key in this table.
    pub(super) fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Reads one key; `parse` says what was expected where the value is not it.
    pub(super) fn read<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&DeValue<'t>) -> Result<T, E>,
    ) -> Option<Found<T>> {
        self.asked.push(key);
        let found = self.table.get(key)?;
        match parse(found.get_ref()) {
            Ok(value) => Some(Found { value, at: found.span() }),
            Err(why) => {
                self.notes.bad_value(found.span(), &self.key(key), why);
                None
            }
        }
    }

    /// Reads a key whose value is a text that `parse` understands.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        self.read(key, |value| value.as_str().and_then(parse).ok_or_else(|| format!("expected {expected}")))
    }

    /// Reads a key whose value is one of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<Found<T>> {
        let expected = one_of(words.iter().map(|(word, _)| *word));
        self.text(key, &expected, |text| words.iter().find(|(word, _)| *word == text).map(|(_, t)| *t))
    }

    /// Sets `slot` to a size.
    pub(super) fn size(&mut self, key: &'static str, least: Least, slot: &mut u64) {
        let found = self.read(key, |value| match value.as_str().and_then(units::size) {
            Some(0) if least == Least::Some => Err("expected more than nothing".to_owned()),
            Some(size) => Ok(size),
            None => Err(format!("expected {}", units::SIZE)),
        });
        set(slot, found);
    }

    /// Sets `slot` to a time.
    pub(super) fn time(&mut self, key: &'static str, least: Least, slot: &mut Duration) {
        let found = self.read(key, |value| match value.as_str().and_then(units::time) {
            Some(Duration::ZERO) if least == Least::Some => Err("expected more than nothing".to_owned()),
            Some(time) => Ok(time),
            None => Err(format!("expected {}", units::TIME)),
        });
        set(slot, found);
    }

    /// Sets `slot` to a whole number within a range.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, key: &'static str, least: u64, most: u64, slot: &mut T) {
        let found = self.read(key, |value| {
            let number = whole_number(value).filter(|number| (least..=most).contains(number));
            number
                .and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| format!("expected a whole number from {least} to {most}"))
        });
        set(slot, found);
    }

    /// Reads `true` or `false`.
    pub(super) fn yes_or_no(&mut self, key: &'static str) -> Option<bool> {
        let found = self.read(key, |value| value.as_bool().ok_or("expected true or false"));
        found.map(|found| found.value)
    }

    /// Reads a list of texts, each by itself; one text alone counts as a list where `alone` allows it.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        alone: Alone,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<Found<T>>> {
        self.asked.push(key);
        let found = self.table.get(key)?;
        let name = self.key(key);
        let one = |value: &Spanned<DeValue<'t>>| match value.get_ref().as_str().and_then(&parse) {
            Some(good) => Some(Found { value: good, at: value.span() }),
            None => {
                self.notes.bad_value(value.span(), &name, format!("expected {expected}"));
                None
            }
        };
        match found.get_ref() {
            DeValue::Array(values) => Some(values.iter().filter_map(one).collect()),
            DeValue::String(_) if alone == Alone::Allowed => Some(one(found).into_iter().collect()),
            _ => {
                self.notes.bad_value(found.span(), &name, format!("expected a list, each {expected}"));
                None
            }
        }
    }

    /// The table under a key.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'s, 't>> {
        self.asked.push(key);
        let found = self.table.get(key)?;
        let name = self.key(key);
        match found.get_ref() {
            DeValue::Table(table) => {
                Some(Section { notes: self.notes, name, table, at: found.span(), asked: Vec::new() })
            }
            _ => {
                self.notes.bad_value(found.span(), &name, "expected a table");
                None
            }
        }
    }

    /// The tables of a `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'s, 't>> {
        self.asked.push(key);
        let Some(found) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(values) = found.get_ref() else {
            self.notes.mistake(found.span(), Some(key), format!("expected [[{key}]], in double brackets"));
            return Vec::new();
        };
        let one = |value: &'s Spanned<DeValue<'t>>| match value.get_ref() {
            DeValue::Table(table) => Some(Section {
                notes: self.notes,
                name: key.to_owned(),
                table,
                at: value.span(),
                asked: Vec::new(),
            }),
            _ => {
                self.notes.bad_value(value.span(), key, format!("expected a table such as [[{key}]]"));
                None
            }
        };
        values.iter().filter_map(one).collect()
    }

    /// All keys and texts of a table whose keys are not ours to list.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'s str, &'s Spanned<DeValue<'t>>)> + use<'s, 't> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// A key that must be there and is not.
    pub(super) fn missing(&self, key: &str, expected: &str) {
        if self.table.get(key).is_none() {
            self.notes.mistake(
                self.at.clone(),
                Some(&self.key(key)),
                format!("missing: expected {expected}"),
            );
        }
    }

    /// A mistake in the value of a key that is there.
    pub(super) fn bad(&self, key: &str, why: impl fmt::Display) {
        if let Some(found) = self.table.get(key) {
            self.notes.bad_value(found.span(), &self.key(key), why);
        }
    }

    /// Whether the key's value is `[]`.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        let list = self.table.get(key).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|list| list.is_empty())
    }

    /// Where the table stands.
    pub(super) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// Notes every key that was not asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let text = match nearest(name, &self.asked) {
                Some(known) => format!("unknown key: did you mean {}?", self.key(known)),
                None => format!("unknown key: expected {}", one_of(self.asked.iter().copied())),
            };
            self.notes.mistake(key.span(), Some(&self.key(name)), text);
        }
    }
}

/// Whether a size or a time may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Least {
    Zero,
    Some,
}

/// Whether one text may stand for a list of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    Allowed,
    Refused,
}

/// Puts what was found into its place.
pub(super) fn set<T>(slot: &mut T, found: Option<Found<T>>) {
    if let Some(found) = found {
        *slot = found.value;
    }
}

fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `a, b or c`, for messages.
pub(super) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut words: Vec<&str> = words.collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last.to_owned() } else { format!("{} or {last}", words.join(", ")) }
}

/// The known name that a misspelled one was most likely meant to be.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let far = (name.chars().count() / 3).max(1);
    let near = known.iter().map(|word| (slips(name, word), *word)).min()?;
    (near.0 <= far).then_some(near.1)
}

/// How many letters must be added, taken away or changed to turn one word into the other (Levenshtein).
fn slips(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
