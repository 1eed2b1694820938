//! Forms whole, in pieces of every size, and broken.

use actix_web::http::header::HeaderValue;
use proptest::prelude::*;

use super::*;

/// What a form of boundary `b` says, when it comes in pieces of this size; contents are joined.
fn read(form: &[u8], piece: usize) -> Result<Vec<Event>, BadForm> {
    let mut parser = Parser::new("b");
    let mut events: Vec<Event> = Vec::new();
    for piece in form.chunks(piece.max(1)) {
        parser.push(piece);
        while let Some(event) = parser.next()? {
            match (events.last_mut(), event) {
                (_, Event::End) => return Ok(events),
                (Some(Event::Content(sum)), Event::Content(more)) => *sum = [&sum[..], &more].concat().into(),
                (_, event) => events.push(event),
            }
        }
        assert!(parser.buffer.len() <= HEAD_BYTES_MAX + piece.len() + 80, "bounded memory");
    }
    parser.finish().map(|()| events)
}

fn part(name: &str, head: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{head}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn named(name: &str, file_name: Option<&str>, content_type: Option<&str>) -> Event {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Event::Part(Head {
        name: name.to_owned(),
        file_name: owned(file_name),
        content_type: owned(content_type),
    })
}

#[test]
fn parts_come_out_as_they_went_in_whatever_the_pieces() {
    let tricky: &[u8] = b"\r\n--\r\n-b\r\n--a\r\r\n--";
    let form = [
        &b"preamble\r\n"[..],
        &part("title", "", "M\u{e4}rz".as_bytes()),
        &part("file", "; filename=\"a.pdf\"\r\nContent-Type: application/pdf", tricky),
        &part("empty", "", b""),
        b"--b--\r\nepilogue",
    ]
    .concat();
    let expected = [
        named("title", None, None),
        Event::Content("M\u{e4}rz".into()),
        Event::EndOfPart,
        named("file", Some("a.pdf"), Some("application/pdf")),
        Event::Content(Bytes::from_static(tricky)),
        Event::EndOfPart,
        named("empty", None, None),
        Event::EndOfPart,
    ];
    for piece in 1..=form.len() {
        assert_eq!(read(&form, piece).as_deref(), Ok(&expected[..]), "in pieces of {piece}");
    }
}

#[test]
fn names_are_read_as_clients_write_them() {
    let cases = [
        ("form-data; name=\"file\"; filename=\"a b.pdf\"", Some(("file", Some("a b.pdf")))),
        ("form-data; name=file; filename=a.pdf", Some(("file", Some("a.pdf")))),
        ("Form-Data; filename=\"a;b=c\"; NAME=\"file\"", Some(("file", Some("a;b=c")))),
        ("form-data; name=\"file\"; filename=\"\\\"q\\\".txt\"", Some(("file", Some("\"q\".txt")))),
        ("form-data; name=\"file\"; filename=\"%22q%22.txt\"", Some(("file", Some("\"q\".txt")))),
        ("form-data; name=\"file\"; filename=\"C:\\dir\\a.txt\"", Some(("file", Some("C:\\dir\\a.txt")))),
        ("form-data; name=\"file\"; filename=\"\"", Some(("file", Some("")))),
        ("form-data; filename=\"a\"", None),
        ("attachment; name=\"file\"", None),
        ("form-data; name=\"file", None),
        ("form-data", None),
    ];
    for (disposition, expected) in cases {
        let form = format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b--");
        let found = read(form.as_bytes(), 1000);
        match expected {
            Some((name, file)) => assert_eq!(found.expect(disposition)[0], named(name, file, None)),
            None => assert_eq!(found, Err(BadForm::NoName), "{disposition}"),
        }
    }
}

#[test]
fn what_is_broken_is_said_to_be() {
    let long = format!("--b\r\nX: {}\r\n\r\nx\r\n--b--", "x".repeat(HEAD_BYTES_MAX));
    let fields = format!("--b\r\n{}\r\nx\r\n--b--", "X: y\r\n".repeat(FIELDS_MAX + 1));
    let preamble = "x".repeat(2 * HEAD_BYTES_MAX);
    let blanks = format!("--b{}", " ".repeat(2 * HEAD_BYTES_MAX));
    let cases = [
        ("", BadForm::CutShort),
        ("--b", BadForm::CutShort),
        ("--b\r\n", BadForm::CutShort),
        ("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nwords", BadForm::CutShort),
        ("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nwords\r\n--b", BadForm::CutShort),
        ("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nwords\r\n--bc\r\n", BadForm::BrokenBoundary),
        ("--b\n", BadForm::BrokenBoundary),
        ("--b\r\n\r\nwords\r\n--b--", BadForm::NoName),
        ("--b\r\nno field\r\n\r\nwords\r\n--b--", BadForm::BrokenHead),
        (&long, BadForm::LargeHead),
        (&fields, BadForm::LargeHead),
        (&preamble, BadForm::NoBeginning),
        (&blanks, BadForm::BrokenBoundary),
    ];
    for (form, error) in cases {
        for piece in [1, 7, 100_000] {
            let shown = &form[..form.len().min(60)];
            assert_eq!(read(form.as_bytes(), piece), Err(error), "{shown:?} in pieces of {piece}");
        }
    }
}

#[test]
fn boundaries_have_bounds() {
    let of = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(value).expect("a value"));
        boundary(&headers)
    };
    assert_eq!(of("multipart/form-data; boundary=x-y").as_deref(), Ok("x-y"));
    assert_eq!(of("multipart/form-data; charset=utf-8; Boundary=\"a b\"").as_deref(), Ok("a b"));
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for bad in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a ", &long]
    {
        assert_eq!(of(bad), Err(BadForm::NoBoundary), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_forget(
        bytes in prop::collection::vec(prop::sample::select(&b"-b\r\n;:=\"nameform-data "[..]), 0..200),
        piece in 1usize..50,
    ) {
        let _ = read(&bytes, piece);
    }

    #[test]
    fn contents_survive(content in prop::collection::vec(prop::sample::select(&b"\r\n-bx"[..]), 0..100), piece in 1usize..20) {
        prop_assume!(memchr::memmem::find(&[b"\r\n", &content[..], b"\r\n"].concat(), b"\r\n--b").is_none());
        let form = [&part("file", "", &content)[..], b"--b--"].concat();
        let found: Vec<u8> = read(&form, piece).expect("good").iter().filter_map(|event| match event {
            Event::Content(bytes) => Some(bytes.to_vec()),
            _ => None,
        }).flatten().collect();
        prop_assert_eq!(found, content);
    }
}
