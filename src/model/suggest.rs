//! Names for printers that were found and not yet added.

use super::id::QueueName;

/// The longest name that is suggested, in bytes, without the number that may follow: one that people type.
const NAME_BYTES: usize = 40;

/// A name for a device of this model, or at this node where it does not say its model, that nothing has yet.
pub fn name(model: Option<&str>, node: &str, is_taken: impl Fn(&str) -> bool) -> Option<QueueName> {
    let stem = [model.unwrap_or_default(), node, "printer"]
        .into_iter()
        .map(stem_of)
        .find(|stem| !stem.is_empty())?;
    let numbered = (2..10_000).map(|number| format!("{stem}-{number}"));
    let free = std::iter::once(stem.clone()).chain(numbered).find(|name| !is_taken(name))?;
    QueueName::new(&free).ok()
}

/// Letters and digits in lower case, a dash for each run of anything else.
fn stem_of(text: &str) -> String {
    let mut stem = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            stem.push(c.to_ascii_lowercase());
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    stem.truncate(NAME_BYTES);
    stem.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_model_and_is_free() {
        let taken = ["hp-laserjet-4050", "hp-laserjet-4050-2"];
        for (model, node, suggested) in [
            (Some("EPSON TM-T88V (USB)"), "lp0", "epson-tm-t88v-usb"),
            (Some("HP LaserJet 4050"), "lp0", "hp-laserjet-4050-3"),
            (Some("\u{6771}\u{829d}"), "lp3", "lp3"),
            (None, "lp1", "lp1"),
            (None, "", "printer"),
        ] {
            let name = name(model, node, |name| taken.contains(&name)).unwrap();
            assert_eq!(name.as_str(), suggested);
        }
        let long = name(Some(&"ab ".repeat(100)), "lp0", |_| false).unwrap();
        assert!(long.as_str().len() <= NAME_BYTES);
    }
}
