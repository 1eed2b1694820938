//! What commands print: lines, tables and JSON, never a control character that came from somewhere else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::failure::Failure;
use crate::clock::Clock;
use crate::model::text::cleaned;

/// The longest text of the server's that is shown, in bytes.
const TEXT_BYTES_MAX: usize = 1000;

/// Prints one line on standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Prints a line about something that has been done. That nobody reads any more keeps nothing from being done that is
/// still to do, and is no success of that.
pub fn tell(text: &str) -> Result<(), Failure> {
    match line(text) {
        Err(Failure::ClosedPipe) => Ok(()),
        told => told,
    }
}

/// The same as a line of JSON, for programs.
pub fn tell_json(value: &Value) -> Result<(), Failure> {
    match json_line(value) {
        Err(Failure::ClosedPipe) => Ok(()),
        told => told,
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::from_output)
}

/// Prints a line on standard error. Where even that fails nobody is left to be told.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A text of the server's, made fit for a terminal.
pub fn clean(text: &str) -> String {
    cleaned(text, TEXT_BYTES_MAX)
}

/// Prints a table; where there is nothing in it, says so.
pub fn table(header: &[&str], rows: Vec<Vec<String>>, nothing: &str) -> Result<(), Failure> {
    line(&table_text(header, rows, nothing))
}

/// The same as a text of several lines.
pub fn table_text(header: &[&str], rows: Vec<Vec<String>>, nothing: &str) -> String {
    if rows.is_empty() {
        return nothing.to_owned();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.to_vec());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if let Some(width) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.add_rows(rows);
    table.trim_fmt()
}

/// Draws a whole screen over the last one, in one write: each line is overwritten and its rest erased, so that
/// nothing flickers. What does not fit is left out (ECMA-48: CUP, EL, ED).
pub fn screen(text: &str) -> Result<(), Failure> {
    let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(24, |size| usize::from(size.ws_row.max(2)));
    let lines: Vec<String> = text.lines().take(rows - 1).map(|line| format!("{line}\x1b[K\n")).collect();
    write(&format!("\x1b[H{}\x1b[J", lines.concat()))
}

/// Prints JSON on one line.
pub fn json_line(value: &Value) -> Result<(), Failure> {
    line(&safe(&value.to_string()))
}

fn terminal_width() -> Option<u16> {
    let out = io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok().filter(|_| out.is_terminal())?;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// Prints JSON, for people too.
pub fn json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format!("the answer cannot be shown: {error}")))?;
    line(&safe(&text))
}

/// JSON without control characters; they can only stand in its texts, and there they can be escaped.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && cleaned(c.encode_utf8(&mut [0; 4]), 4) == " " && c != ' ' {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A moment as people say it: `5 min ago`, `in 12 s`, or the local date where it is more than a day away.
pub fn when(rfc3339: &str) -> String {
    let Ok(at) = rfc3339.parse::<Timestamp>() else { return clean(rfc3339) };
    let now = i64::try_from(Clock::machine().now().wall.0).unwrap_or(i64::MAX);
    let away = Duration::from_millis(at.as_millisecond().abs_diff(now));
    match (away.as_secs(), at.as_millisecond() > now) {
        (86_400.., _) => local(at),
        (_, true) => format!("in {}", span(away)),
        (_, false) => format!("{} ago", span(away)),
    }
}

/// A moment as a local date and time.
pub fn local_time(rfc3339: &str) -> String {
    rfc3339.parse::<Timestamp>().map_or_else(|_| clean(rfc3339), local)
}

fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as people say it.
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Waits. Nothing can end it early: it is for the pauses between one question to the server and the next.
pub fn pause(time: Duration) {
    let _ = crossbeam_channel::never::<()>().recv_timeout(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (200_000, "2 d")] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(when("soon\x1b[2J"), "soon [2J");
        assert!(when("1999-12-31T12:00:00Z").starts_with("1999-12-31 "));
    }
}
