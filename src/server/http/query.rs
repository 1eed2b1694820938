//! The part of a request's target behind the question mark. Every parameter is known or the request is refused:
//! a misspelt `copeis=2` must not print one copy.

use std::str::FromStr;

use percent_encoding::percent_decode;

use super::problem::Problem;
use crate::model::id::QueueName;
use crate::model::text::{NAME_BYTES_MAX, printable};

/// Parameters in one request.
const PARAMETERS_MAX: usize = 128;
/// Rows of a list where nothing is said.
const LIMIT: usize = 100;

/// Decoded parameters that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Query {
    left: Vec<(String, String)>,
}

impl Query {
    /// Every name at most once, all of it valid UTF-8.
    pub fn parse(text: &str) -> Result<Query, Problem> {
        let mut query = Query { left: Vec::new() };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.add(decoded(name)?, decoded(value)?)?;
        }
        Ok(query)
    }

    /// One parameter more.
    pub fn add(&mut self, name: String, value: String) -> Result<(), Problem> {
        if self.left.iter().any(|(known, _)| *known == name) {
            let detail = format!("the parameter {} is there twice", shown(&name));
            return Err(Problem::bad("repeated_parameter", detail));
        }
        if self.left.len() == PARAMETERS_MAX {
            let detail = format!("more than {PARAMETERS_MAX} parameters");
            return Err(Problem::bad("too_many_parameters", detail));
        }
        self.left.push((name, value));
        Ok(())
    }

    /// The value of a parameter, which stays.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.left.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a parameter. An empty one counts as not given.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        Some(self.left.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    /// All parameters whose names begin with `prefix`, without it.
    pub fn take_all(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) =
            std::mem::take(&mut self.left).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.left = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect()
    }

    /// A number, or anything else that is written one way.
    pub fn take_parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let bad = || bad_parameter(name, &value, expected);
        value.parse().map(Some).map_err(|_| bad())
    }

    /// A name that can be shown to people.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        checked_text(name, &value).map(Some)
    }

    pub fn take_queue(&mut self, name: &str) -> Result<Option<QueueName>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        QueueName::new(&value).map(Some).map_err(|why| bad_parameter(name, &value, &why.to_string()))
    }

    pub fn take_flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(bad_parameter(name, other, "true or false")),
        }
    }

    /// How many rows are wanted, 1 to `most`.
    pub fn take_limit(&mut self, most: usize) -> Result<usize, Problem> {
        let expected = format!("a whole number from 1 to {most}");
        let limit = self.take_parsed("limit", &expected)?.unwrap_or(LIMIT);
        if (1..=most).contains(&limit) {
            Ok(limit)
        } else {
            Err(bad_parameter("limit", &limit.to_string(), &expected))
        }
    }

    /// Where the page begins: what an earlier page gave as `next_cursor`.
    pub fn take_cursor(&mut self) -> Result<Option<u64>, Problem> {
        let Some(value) = self.take("cursor") else { return Ok(None) };
        let bad = || Problem::bad("bad_cursor", "this cursor is not one of ours; begin again without it");
        let good =
            value.len() == CURSOR_CHARS && value.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if !good {
            return Err(bad());
        }
        u64::from_str_radix(&value, 16).map(Some).map_err(|_| bad())
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), Problem> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::bad(
                "unknown_parameter",
                format!("this request has no parameter {}", shown(name)),
            )),
        }
    }
}

const CURSOR_CHARS: usize = 16;

/// A place in a list as clients carry it. They are not to look inside.
pub fn cursor(place: u64) -> String {
    format!("{place:016x}")
}

/// A text for people, or 400 that names it.
pub fn checked_text(name: &str, value: &str) -> Result<String, Problem> {
    printable(value, NAME_BYTES_MAX).map_err(|why| Problem::bad("bad_text", format!("{name}: {why}")))
}

pub fn bad_parameter(name: &str, value: &str, expected: &str) -> Problem {
    Problem::bad("bad_parameter", format!("{name} cannot be {}: expected {expected}", shown(value)))
}

/// What came from outside, fit for a message.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// A plus is a space, as forms and most clients write it.
fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::bad("invalid_utf8", "a parameter is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<impl std::fmt::Debug, Problem>) -> String {
        result.expect_err("a problem").code().to_owned()
    }

    #[test]
    fn parameters_are_decoded_and_every_one_must_be_known() {
        let mut query =
            Query::parse("title=Bericht+f%C3%BCr%20M%C3%A4rz&option.media=a4&option.sides=one-sided&user=")
                .unwrap();
        assert_eq!(query.take_text("title").unwrap().as_deref(), Some("Bericht für März"));
        assert_eq!(query.take("user"), None);
        assert_eq!(query.take_all("option.").len(), 2);
        query.finish().unwrap();

        let unknown = Query::parse("copeis=2").unwrap().finish().expect_err("unknown");
        assert!(unknown.to_string().contains("copeis"), "{unknown}");
        assert_eq!(code(Query::parse("a=1&a=2")), "repeated_parameter");
        assert_eq!(code(Query::parse("title=%ff")), "invalid_utf8");
        assert_eq!(code(Query::parse("title=a%0ab").unwrap().take_text("title")), "bad_text");
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=")).collect();
        assert_eq!(code(Query::parse(&many.join("&"))), "too_many_parameters");
    }

    #[test]
    fn numbers_have_bounds() {
        for bad in ["limit=0", "limit=1001", "limit=-1", "limit=99999999999999999999999", "limit=x"] {
            assert_eq!(code(Query::parse(bad).unwrap().take_limit(1000)), "bad_parameter", "{bad}");
        }
        assert_eq!(Query::parse("").unwrap().take_limit(1000).unwrap(), LIMIT);
        assert_eq!(Query::parse(&format!("cursor={}", cursor(77))).unwrap().take_cursor().unwrap(), Some(77));
        for bad in ["cursor=1", "cursor=zzzzzzzzzzzzzzzz", "cursor=00000000000000000"] {
            assert_eq!(code(Query::parse(bad).unwrap().take_cursor()), "bad_cursor", "{bad}");
        }
    }
}
