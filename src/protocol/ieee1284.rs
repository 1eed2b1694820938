//! The device ID of IEEE 1284 (section 7.6): what a printer on a parallel or USB cable says of itself, such as
//! `MFG:Acme;MDL:Laser 9;CMD:PCL,POSTSCRIPT;SN:42;`. It comes from whatever is plugged in: nothing in it is believed
//! to be short, printable or well formed.

/// The longest ID that is looked at, in bytes; longer ones are cut.
pub const ID_BYTES_MAX: usize = 1024;
/// The most command sets that are kept of one device.
pub const COMMANDS_MAX: usize = 32;
/// The longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 127;

/// What of it is of use. Everything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceId {
    /// `MFG` or `MANUFACTURER`.
    pub manufacturer: Option<String>,
    /// `MDL` or `MODEL`.
    pub model: Option<String>,
    /// `SN`, `SERN` or `SERIALNUMBER`.
    pub serial: Option<String>,
    /// `CMD` or `COMMAND SET`: the languages that it understands, as it names them.
    pub commands: Vec<String>,
}

impl DeviceId {
    /// Understands an ID without its length. What it does not understand it leaves out; where a key comes twice,
    /// the first holds.
    pub fn parse(id: &[u8]) -> DeviceId {
        let id = String::from_utf8_lossy(&id[..id.len().min(ID_BYTES_MAX)]);
        let mut found = DeviceId::default();
        for pair in id.split(';') {
            let Some((key, value)) = pair.split_once(':') else { continue };
            let place = match key.trim().to_ascii_uppercase().as_str() {
                "MFG" | "MANUFACTURER" => &mut found.manufacturer,
                "MDL" | "MODEL" => &mut found.model,
                "SN" | "SERN" | "SERIALNUMBER" => &mut found.serial,
                "CMD" | "COMMAND SET" if found.commands.is_empty() => {
                    found.commands = value.split(',').filter_map(plain).take(COMMANDS_MAX).collect();
                    continue;
                }
                _ => continue,
            };
            if place.is_none() {
                *place = plain(value);
            }
        }
        found
    }

    /// Understands an ID with its length before it, in two bytes, the higher first, themselves counted. Devices
    /// that get the length wrong are many: at most what is there is looked at.
    pub fn parse_with_length(bytes: &[u8]) -> DeviceId {
        let Some((length, id)) = bytes.split_first_chunk::<2>() else { return DeviceId::default() };
        let length = usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
        DeviceId::parse(if length == 0 { id } else { &id[..length.min(id.len())] })
    }

    /// Maker and model in one line; a model that names its maker stands alone.
    pub fn make_and_model(&self) -> Option<String> {
        match (&self.manufacturer, &self.model) {
            (Some(maker), Some(model))
                if !model.to_ascii_lowercase().starts_with(&maker.to_ascii_lowercase()) =>
            {
                Some(format!("{maker} {model}"))
            }
            (_, Some(model)) => Some(model.clone()),
            (maker, None) => maker.clone(),
        }
    }
}

/// A value without blanks around it and without control characters, cut to its bound; `None` where nothing is
/// left.
fn plain(value: &str) -> Option<String> {
    let mut plain = String::new();
    for c in value.trim().chars().filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER) {
        if plain.len() + c.len_utf8() > VALUE_BYTES_MAX {
            break;
        }
        plain.push(c);
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_understood() {
        let whole = DeviceId::parse(
            b"MFG:Hewlett-Packard;CMD:PJL,PCL , POSTSCRIPT;1284.4DL:4d;MDL:LaserJet 4050;CLS:PRINTER;SN:USB42;\n",
        );
        assert_eq!(whole.make_and_model().unwrap(), "Hewlett-Packard LaserJet 4050");
        assert_eq!(whole.serial.as_deref(), Some("USB42"));
        assert_eq!(whole.commands, ["PJL", "PCL", "POSTSCRIPT"]);
        let long = DeviceId::parse(b"manufacturer: Zebra ;Command Set:ZPL;MODEL:ZTC ZD420;SERN:9;MDL:no");
        assert_eq!(
            (long.make_and_model().unwrap(), &long.commands[..]),
            ("Zebra ZTC ZD420".into(), &["ZPL".into()][..])
        );
        let same = DeviceId::parse(b"MFG:EPSON;MDL:Epson TM-T88V");
        assert_eq!(same.make_and_model().unwrap(), "Epson TM-T88V");
    }

    #[test]
    fn a_length_before_it_is_used_and_not_believed() {
        let id = b"MDL:A;SN:1;";
        for length in [13_u16, 0, 1, 2, 11, 0xffff] {
            let bytes = [&length.to_be_bytes()[..], id].concat();
            let found = DeviceId::parse_with_length(&bytes);
            assert_eq!(found.model.as_deref(), Some("A"), "{length}");
        }
        assert_eq!(DeviceId::parse_with_length(b"\0\x08MDL:A;SN:1;").serial, None);
        for short in [&b""[..], b"\0", b"\0\x02"] {
            assert_eq!(DeviceId::parse_with_length(short), DeviceId::default());
        }
    }

    #[test]
    fn hostile_ids_are_cut_and_cleaned() {
        let escape = DeviceId::parse(b"MDL:\x1b[31mred\0\r\n;MFG:\xff\xfe;SN:   ;CMD:,,\x07,;nonsense;:;;");
        assert_eq!(escape, DeviceId { model: Some("[31mred".into()), ..DeviceId::default() });
        let long = [b"MDL:".as_slice(), "\u{e4}".repeat(5000).as_bytes()].concat();
        let model = DeviceId::parse(&long).model.unwrap();
        assert_eq!(model.len(), VALUE_BYTES_MAX - 1);
        let many = format!("CMD:{}", "A,".repeat(400));
        assert_eq!(DeviceId::parse(many.as_bytes()).commands.len(), COMMANDS_MAX);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_bounded_printable_values(bytes: Vec<u8>) {
            for found in [DeviceId::parse(&bytes), DeviceId::parse_with_length(&bytes)] {
                let values = [found.manufacturer, found.model, found.serial].into_iter().flatten();
                for value in values.chain(found.commands) {
                    assert!(!value.is_empty() && value.len() <= VALUE_BYTES_MAX);
                    assert!(!value.chars().any(char::is_control));
                }
            }
        }
    }
}
