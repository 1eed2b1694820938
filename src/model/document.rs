//! A document: registered once, printed by its number as often as it is kept.

use super::id::DocumentId;
use super::job::Submitter;
use super::time::WallTime;

/// The largest body that is written into the journal together with its job, in bytes. A larger one is a
/// file of its own.
pub const INLINE_BYTES_MAX: u64 = 64 * 1024;

/// What the store knows of a document besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub id: DocumentId,
    pub submitter: Submitter,
    /// The name that the submitter gave: a file name or a title; printable, at most 255 bytes.
    pub name: String,
    pub format: Format,
    pub bytes: u64,
    /// CRC-32C of the whole body.
    pub crc: u32,
    pub place: BodyPlace,
    pub created_at: WallTime,
}

/// Where the bytes of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyPlace {
    /// In the journal, in the same frame as the commit that brought the document.
    Inline,
    /// In a file of the document directory, named by the document's number.
    File,
}

/// The format of a document, as a media type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Pdf,
    PostScript,
    Pcl,
    PclXl,
    Pwg,
    Urf,
    Jpeg,
    Png,
    Text,
    /// Bytes of which nothing is known. They are sent as they are.
    Unknown,
    /// A media type that `spool` knows nothing about but what the submitter said.
    Other(String),
}

impl Format {
    /// The media type, as HTTP and IPP write it.
    pub fn media_type(&self) -> &str {
        match self {
            Format::Pdf => "application/pdf",
            Format::PostScript => "application/postscript",
            Format::Pcl => "application/vnd.hp-PCL",
            Format::PclXl => "application/vnd.hp-PCLXL",
            Format::Pwg => "image/pwg-raster",
            Format::Urf => "image/urf",
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Text => "text/plain",
            Format::Unknown => "application/octet-stream",
            Format::Other(media_type) => media_type,
        }
    }

    /// The extension of a file of this format, without the dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Format::Pdf => "pdf",
            Format::PostScript => "ps",
            Format::Pcl => "pcl",
            Format::PclXl => "pxl",
            Format::Pwg => "pwg",
            Format::Urf => "urf",
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Text => "txt",
            Format::Unknown | Format::Other(_) => "prn",
        }
    }

    /// The format that a media type names. Parameters (`; charset=…`) are not looked at; upper and lower
    /// case are one.
    pub fn from_media_type(media_type: &str) -> Format {
        const KNOWN: [Format; 10] = [
            Format::Pdf,
            Format::PostScript,
            Format::Pcl,
            Format::PclXl,
            Format::Pwg,
            Format::Urf,
            Format::Jpeg,
            Format::Png,
            Format::Text,
            Format::Unknown,
        ];
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        KNOWN
            .into_iter()
            .find(|format| format.media_type().eq_ignore_ascii_case(essence))
            .unwrap_or_else(|| Format::Other(essence.to_ascii_lowercase()))
    }

    /// The format that the beginning of a document shows; the first KiB is enough.
    pub fn detect(head: &[u8]) -> Format {
        let head = &head[..head.len().min(1024)];
        let holds = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
        let begins = |mark: &[u8]| head.starts_with(mark);
        if holds(b"%PDF-") {
            Format::Pdf
        } else if begins(b"\x1b%-12345X") {
            language_after_pjl(head)
        } else if begins(b"%!") || begins(b"\x04%!") {
            Format::PostScript
        } else if begins(b"\xff\xd8\xff") {
            Format::Jpeg
        } else if begins(b"\x89PNG\r\n\x1a\n") {
            Format::Png
        } else if begins(b"RaS2") {
            Format::Pwg
        } else if begins(b"UNIRAST\0") {
            Format::Urf
        } else if begins(b") HP-PCL XL") {
            Format::PclXl
        } else if begins(b"\x1bE") {
            Format::Pcl
        } else if is_text(head) {
            Format::Text
        } else {
            Format::Unknown
        }
    }
}

/// A document that begins with printer job language says itself what follows (`@PJL ENTER LANGUAGE=`).
fn language_after_pjl(head: &[u8]) -> Format {
    let text = String::from_utf8_lossy(head).to_ascii_uppercase();
    let language = text.split("ENTER LANGUAGE").nth(1).unwrap_or_default();
    let language = language.trim_start_matches([' ', '=']);
    if language.starts_with("PCLXL") {
        Format::PclXl
    } else if language.starts_with("PCL") {
        Format::Pcl
    } else if language.starts_with("POSTSCRIPT") {
        Format::PostScript
    } else {
        Format::Unknown
    }
}

/// UTF-8 without control characters other than those that plain text uses; a character that the cut at the
/// first KiB halved does not count against it.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && valid.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_detected_by_their_beginning() {
        let cases: [(&[u8], Format); 13] = [
            (b"%PDF-1.7\n", Format::Pdf),
            (b"junk before\n%PDF-1.4", Format::Pdf),
            (b"%!PS-Adobe-3.0", Format::PostScript),
            (b"\x1b%-12345X@PJL\r\n@PJL ENTER LANGUAGE=PCLXL\r\n", Format::PclXl),
            (b"\x1b%-12345X@PJL\r\n@PJL ENTER LANGUAGE = POSTSCRIPT\r\n", Format::PostScript),
            (b"\x1bE\x1b&l0O", Format::Pcl),
            (b"\xff\xd8\xff\xe0", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"RaS2PwgRaster", Format::Pwg),
            (b"UNIRAST\0", Format::Urf),
            ("Grüße\n".as_bytes(), Format::Text),
            (b"Gr\xc3", Format::Text),
            (b"\x00\x01\x02", Format::Unknown),
        ];
        for (head, format) in cases {
            assert_eq!(Format::detect(head), format, "{head:?}");
        }
        assert_eq!(Format::detect(b""), Format::Unknown);
    }

    #[test]
    fn media_types_come_back_as_they_went() {
        for text in ["application/pdf", "image/urf", "application/vnd.hp-pcl", "text/x-odd"] {
            assert!(Format::from_media_type(text).media_type().eq_ignore_ascii_case(text));
        }
        assert_eq!(Format::from_media_type("Text/Plain; charset=utf-8"), Format::Text);
    }
}
