//! What can be set of a printer, key by key, as `spool.toml` names it. One line here is a new setting.

use serde_json::{Map, Value};

use crate::model::document::Format;
use crate::model::id::QueueName;
use crate::model::intake::Refusal;
use crate::model::options::Options;
use crate::model::printer::{CancelPrinting, Closes, Printer, Reroute, Scheduling, Stream, WhenInDoubt};
use crate::model::text::printable;

/// The longest line of information on a printer, bytes (RFC 8011 section 5.4.9: text(127)).
const INFO_BYTES_MAX: usize = 127;
/// The longest URI, bytes (RFC 8011 section 5.1.6: 1023 octets).
const URI_BYTES_MAX: usize = 1023;

/// Sets everything in `wanted`, or refuses and names the key. Null is the default of its key (RFC 7396).
pub fn apply(printer: &mut Printer, wanted: &Map<String, Value>) -> Result<(), Refusal> {
    wanted.iter().try_for_each(|(key, value)| set(printer, key, value))
}

fn set(printer: &mut Printer, key: &str, value: &Value) -> Result<(), Refusal> {
    let field = Field { key, value };
    match key {
        "uri" => printer.uri = field.line(URI_BYTES_MAX)?,
        "scheduling" => {
            printer.scheduling =
                field.word(&[("server", Scheduling::Server), ("device", Scheduling::Device)])?
        }
        "format" => {
            printer.format = field.or_default("auto or a media type such as application/pdf", format)?
        }
        "options" => printer.defaults = options(&printer.defaults, &field)?,
        "mac" => printer.mac = field.optional("a hardware address such as 00:11:22:33:44:55", mac)?,
        "credentials_file" => printer.credentials_file = field.optional("the name of a file", file)?,
        "when_in_doubt" => {
            let words = [
                ("print-again", WhenInDoubt::PrintAgain),
                ("hold", WhenInDoubt::Hold),
                ("continue", WhenInDoubt::Continue),
            ];
            printer.when_in_doubt = field.word(&words)?;
        }
        "cancel_printing" => {
            printer.cancel_printing =
                field.word(&[("auto", CancelPrinting::Auto), ("refuse", CancelPrinting::Refuse)])?;
        }
        "reroute" => {
            printer.reroute = field.or_default("pool, never or the name of another queue", reroute)?
        }
        "closes" => {
            printer.closes =
                field.word(&[("auto", Closes::Auto), ("yes", Closes::Yes), ("no", Closes::No)])?
        }
        "stream" => printer.stream = field.word(&[("never", Stream::Never), ("large", Stream::Large)])?,
        "share" => printer.share = field.flag(false)?,
        "info" => printer.info = field.line_or_nothing()?,
        "location" => printer.location = field.line_or_nothing()?,
        "paused" => printer.paused = field.flag(false)?,
        "accepting" => printer.accepting = field.flag(true)?,
        _ => return Err(field.bad(format!("a printer has no such setting; it has {KEYS}"))),
    }
    Ok(())
}

const KEYS: &str = "uri, scheduling, format, options, mac, credentials_file, when_in_doubt, cancel_printing, \
     reroute, closes, stream, share, info, location, paused, accepting";

/// A key with what was written for it.
struct Field<'a> {
    key: &'a str,
    value: &'a Value,
}

impl Field<'_> {
    fn bad(&self, why: impl Into<String>) -> Refusal {
        Refusal::BadPrinter { key: self.key.chars().take(40).collect(), why: why.into() }
    }

    fn text(&self) -> Result<&str, Refusal> {
        self.value.as_str().ok_or_else(|| self.bad("expected a text"))
    }

    fn text_as<T>(&self, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Refusal> {
        parse(self.text()?).ok_or_else(|| self.bad(format!("expected {expected}")))
    }

    fn or_default<T: Default>(
        &self,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Refusal> {
        if self.value.is_null() { Ok(T::default()) } else { self.text_as(expected, parse) }
    }

    fn optional<T>(&self, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        self.or_default(expected, |text| parse(text).map(Some))
    }

    fn word<T: Copy + Default>(&self, words: &[(&str, T)]) -> Result<T, Refusal> {
        if self.value.is_null() {
            return Ok(T::default());
        }
        let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| self.bad(format!("expected one of {}", all())))
    }

    fn flag(&self, default: bool) -> Result<bool, Refusal> {
        if self.value.is_null() {
            return Ok(default);
        }
        self.value.as_bool().ok_or_else(|| self.bad("expected true or false"))
    }

    fn line(&self, bytes_max: usize) -> Result<String, Refusal> {
        printable(self.text()?, bytes_max).map_err(|why| self.bad(why.to_string()))
    }

    fn line_or_nothing(&self) -> Result<String, Refusal> {
        if self.value.is_null() || self.text()?.is_empty() {
            Ok(String::new())
        } else {
            self.line(INFO_BYTES_MAX)
        }
    }
}

/// Options are set and taken away one by one; null takes all of them away.
fn options(before: &Options, field: &Field<'_>) -> Result<Options, Refusal> {
    if field.value.is_null() {
        return Ok(Options::default());
    }
    let wanted = field.value.as_object().ok_or_else(|| field.bad("expected an object of options"))?;
    let mut options = before.clone();
    for (name, value) in wanted {
        let text = match value {
            Value::Null => {
                options.remove(name).map_err(|why| field.bad(why.to_string()))?;
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(field.bad(format!("expected a text for {name:?}"))),
        };
        options.set(name, &text).map_err(|why| field.bad(why.to_string()))?;
    }
    Ok(options)
}

fn format(text: &str) -> Option<Option<Format>> {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c))
    };
    match text.split_once('/') {
        None if text == "auto" => Some(None),
        Some((kind, name)) if token(kind) && token(name) && text.len() <= 127 => {
            Some(Some(Format::from_media_type(text)))
        }
        _ => None,
    }
}

fn reroute(text: &str) -> Option<Reroute> {
    match text {
        "pool" => Some(Reroute::Pool),
        "never" => Some(Reroute::Never),
        name => QueueName::new(name).ok().map(Reroute::To),
    }
}

fn file(text: &str) -> Option<String> {
    printable(text, URI_BYTES_MAX).ok()
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let byte = |part: &str| hex::decode(part).ok().filter(|bytes| bytes.len() == 1).map(|bytes| bytes[0]);
    let bytes: Option<Vec<u8>> = text.split([':', '-']).map(byte).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::PrinterId;
    use crate::model::printer::Origin;
    use serde_json::json;

    fn printer() -> Printer {
        let name = QueueName::new("office").expect("a name");
        Printer::new(PrinterId(1), name, "sim:".to_owned(), Origin::Api)
    }

    #[test]
    fn what_is_set_is_set_and_nothing_else() {
        let wanted = json!({"uri": "socket://10.0.0.20:9100", "options": {"copies": 2, "sides": "one-sided"},
            "mac": "00:11:22:33:44:55", "share": true, "format": "application/pdf", "reroute": "lab", "info": ""});
        let mut printer = printer();
        apply(&mut printer, wanted.as_object().expect("an object")).expect("good settings");
        assert_eq!((printer.share, printer.mac), (true, Some([0, 0x11, 0x22, 0x33, 0x44, 0x55])));
        assert_eq!((printer.defaults.copies(), &printer.format), (2, &Some(Format::Pdf)));
        // Options are set one by one, and nothing else is forgotten.
        let wanted = json!({"options": {"copies": null, "media": "iso_a4_210x297mm"}});
        apply(&mut printer, wanted.as_object().expect("an object")).expect("good settings");
        let options: Vec<_> = printer.defaults.iter().collect();
        assert_eq!(options, [("media", "iso_a4_210x297mm"), ("sides", "one-sided")]);
    }

    #[test]
    fn null_is_the_default_of_every_key_that_has_one() {
        let wanted = json!({"scheduling": "device", "format": "application/pdf", "options": {"copies": 2},
            "mac": "00:11:22:33:44:55", "credentials_file": "x", "when_in_doubt": "hold",
            "cancel_printing": "refuse", "reroute": "never", "closes": "no", "stream": "large", "share": true,
            "info": "i", "location": "l", "paused": true, "accepting": false});
        let wanted = wanted.as_object().expect("an object");
        let mut changed = printer();
        apply(&mut changed, wanted).expect("good settings");
        assert_ne!(changed, printer());
        let nothing = wanted.keys().map(|key| (key.clone(), Value::Null)).collect();
        apply(&mut changed, &nothing).expect("defaults");
        assert_eq!(changed, printer());
        // Every key that is told is taken, and every key that is taken is told.
        for key in KEYS.split(", ").filter(|key| *key != "uri") {
            assert!(wanted.contains_key(key), "{key}");
        }
        assert!(set(&mut printer(), "uri", &Value::Null).is_err());
    }

    #[test]
    fn a_bad_value_names_its_key() {
        for (key, value) in [
            ("name", json!("other")),
            ("id", json!(3)),
            ("uri", json!(3)),
            ("uri", json!("a\nb")),
            ("scheduling", json!("both")),
            ("format", json!("pdf")),
            ("options", json!({"frobnicate": "1"})),
            ("options", json!("sides")),
            ("mac", json!("00:11:22:33:44")),
            ("mac", json!("00:11:22:33:44:5é")),
            ("share", json!("yes")),
            ("info", json!("x".repeat(128))),
            ("reroute", json!("a b")),
        ] {
            let refusal = set(&mut printer(), key, &value).expect_err(key);
            assert!(
                matches!(&refusal, Refusal::BadPrinter { key: named, .. } if named == key),
                "{refusal:?}"
            );
        }
    }
}
