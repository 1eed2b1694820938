//! Bytes as the standards print them, and what a client sends.

use super::*;

/// RFC 8010 appendix A.1, without its document.
const PRINT_JOB: &[u8] = b"\x01\x01\0\x02\0\0\0\x01\x01\
    \x47\0\x12attributes-charset\0\x05utf-8\
    \x48\0\x1battributes-natural-language\0\x05en-us\
    \x45\0\x0bprinter-uri\0\x2cipp://printer.example.com/ipp/print/pinetree\
    \x42\0\x08job-name\0\x06foobar\
    \x22\0\x16ipp-attribute-fidelity\0\x01\x01\
    \x02\
    \x21\0\x06copies\0\x04\0\0\0\x14\
    \x44\0\x05sides\0\x13two-sided-long-edge\
    \x03";

/// The answer of RFC 8010 appendix A.4: copies was cut down, sides ignored.
const IGNORED: &[u8] = b"\x01\x01\0\x01\0\0\0\x01\x01\
    \x47\0\x12attributes-charset\0\x05utf-8\
    \x48\0\x1battributes-natural-language\0\x05en-us\
    \x41\0\x0estatus-message\0\x2fsuccessful-ok-ignored-or-substituted-attributes\
    \x05\
    \x21\0\x06copies\0\x04\0\0\0\x14\
    \x10\0\x05sides\0\0\
    \x02\
    \x21\0\x06job-id\0\x04\0\0\0\x93\
    \x45\0\x07job-uri\0\x30ipp://printer.example.com/ipp/print/pinetree/147\
    \x23\0\x09job-state\0\x04\0\0\0\x03\
    \x03";

/// A media-col as in RFC 8010 section 3.1.6 and appendix A.7: a collection in a collection.
const COLLECTION: &[u8] = b"\x02\0\0\x05\0\0\0\x01\x02\
    \x34\0\x09media-col\0\0\
    \x4a\0\0\0\x0amedia-size\x34\0\0\0\0\
    \x4a\0\0\0\x0bx-dimension\x21\0\0\0\x04\0\0\x52\x08\
    \x4a\0\0\0\x0by-dimension\x21\0\0\0\x04\0\0\x74\x04\
    \x37\0\0\0\0\
    \x4a\0\0\0\x0amedia-type\x44\0\0\0\x0astationery\
    \x37\0\0\0\0\
    \x03";

fn caller() -> Caller<'static> {
    Caller {
        version: Version::V2_0,
        request_id: 7,
        printer_uri: "ipp://printer.example.com/ipp/print",
        user: "ann",
    }
}

#[test]
fn the_requests_of_the_standard_are_read_and_written() {
    let (message, document) = decode(PRINT_JOB).unwrap();
    assert_eq!((message.version, message.operation()), (Version::V1_1, Operation::PrintJob));
    let [operation, job] = &message.groups[..] else { panic!("{message:?}") };
    assert_eq!((operation.tag, job.tag), (GroupTag::Operation, GroupTag::Job));
    assert_eq!(operation.text("job-name").as_deref(), Some("foobar"));
    assert_eq!(operation.boolean("ipp-attribute-fidelity"), Some(true));
    assert_eq!(job.integer("copies"), Some(20));
    assert!(document.is_empty());
    assert_eq!(encode(&message).unwrap(), PRINT_JOB);

    let with_document = [PRINT_JOB, b"%!PDF..."].concat();
    assert_eq!(decode(&with_document).unwrap().1, b"%!PDF...");
    assert_eq!(HeaderScan::default().look(&with_document), Ok(Some(PRINT_JOB.len())));
}

#[test]
fn the_answers_of_the_standard_are_read_and_written() {
    let (message, _) = decode(IGNORED).unwrap();
    let answer = Answer::of(&message);
    assert_eq!(answer.status, Status::OkIgnoredOrSubstituted);
    assert!(answer.status.is_successful());
    assert_eq!(answer.unsupported, ["copies", "sides"]);
    let unsupported = message.group(GroupTag::Unsupported).unwrap();
    assert_eq!(unsupported.first("sides"), Some(&Value::OutOfBand(OutOfBand::Unsupported)));
    let job = JobAttributes::first(&message).unwrap();
    assert_eq!((job.id, job.state), (Some(147), Some(JobState::Pending)));
    assert_eq!(encode(&message).unwrap(), IGNORED);
}

#[test]
fn collections_are_read_and_written_as_in_the_standard() {
    let (message, _) = decode(COLLECTION).unwrap();
    let size = Value::Collection(vec![
        Attribute::new("x-dimension", Value::Integer(21_000)),
        Attribute::new("y-dimension", Value::Integer(29_700)),
    ]);
    let media = Value::Collection(vec![
        Attribute::new("media-size", size),
        Attribute::new("media-type", Value::keyword("stationery")),
    ]);
    assert_eq!(message.groups[0].attributes, [Attribute::new("media-col", media)]);
    assert_eq!(encode(&message).unwrap(), COLLECTION);
}

#[test]
fn broken_structure_is_malformed_where_it_breaks() {
    let cases: [(&[u8], &str); 12] = [
        (b"\x21\0\x01a\0\x04\0\0\0\x01", "an attribute before any group"),
        (b"\x01\x21\0\0\0\x04\0\0\0\x01", "a value without a name"),
        (b"\x01\x34\0\0\0\0", "a value without a name"),
        (b"\x01\x00", "a reserved tag"),
        (b"\x01\x21\xff\xff", "a negative length"),
        (b"\x01\x21\0\x01\xff\0\0", "a name that is not text"),
        (b"\x01\x34\0\x01a\0\0\x03", "a collection that does not end"),
        (b"\x01\x34\0\x01a\0\0\x02", "a collection that does not end"),
        (b"\x01\x34\0\x01a\0\x01x", "a collection's tag with a value"),
        (b"\x01\x37\0\x01a\0\0", "a member outside a collection"),
        (b"\x01\x34\0\x01a\0\0\x4a\0\0\0\x01m\x37\0\0\0\0", "a member without a value"),
        (b"\x01\x34\0\x01a\0\0\x21\0\x01b\0\x04\0\0\0\x01", "an attribute inside a collection"),
    ];
    for (bytes, expected) in cases {
        let bytes = [b"\x02\0\0\x0b\0\0\0\x01", bytes].concat();
        match decode(&bytes) {
            Err(Bad::Malformed { why, at }) => assert_eq!((why, at >= 8), (expected, true)),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_job_is_created_with_all_that_was_asked_for() {
    let job = JobPart {
        name: "Bericht",
        template: JobTemplate {
            copies: Some(2),
            media: Some("iso_a4_210x297mm"),
            media_source: Some("main"),
            sides: Some("two-sided-long-edge"),
            print_quality: Some(PrintQuality::High),
            resolution: Some(Resolution::per_inch(600, 600)),
            page_ranges: vec![(1, 3), (7, 7)],
            finishings: vec![Finishing::Staple, Finishing::Punch],
            ..JobTemplate::default()
        },
    };
    let expected = b"\x02\0\0\x05\0\0\0\x07\x01\
        \x47\0\x12attributes-charset\0\x05utf-8\
        \x48\0\x1battributes-natural-language\0\x02en\
        \x45\0\x0bprinter-uri\0\x23ipp://printer.example.com/ipp/print\
        \x42\0\x14requesting-user-name\0\x03ann\
        \x42\0\x08job-name\0\x07Bericht\
        \x02\
        \x21\0\x06copies\0\x04\0\0\0\x02\
        \x23\0\x0dprint-quality\0\x04\0\0\0\x05\
        \x44\0\x05sides\0\x13two-sided-long-edge\
        \x32\0\x12printer-resolution\0\x09\0\0\x02\x58\0\0\x02\x58\x03\
        \x33\0\x0bpage-ranges\0\x08\0\0\0\x01\0\0\0\x03\
        \x33\0\0\0\x08\0\0\0\x07\0\0\0\x07\
        \x23\0\x0afinishings\0\x04\0\0\0\x04\
        \x23\0\0\0\x04\0\0\0\x05\
        \x34\0\x09media-col\0\0\
        \x4a\0\0\0\x0amedia-size\x34\0\0\0\0\
        \x4a\0\0\0\x0bx-dimension\x21\0\0\0\x04\0\0\x52\x08\
        \x4a\0\0\0\x0by-dimension\x21\0\0\0\x04\0\0\x74\x04\
        \x37\0\0\0\0\
        \x4a\0\0\0\x0cmedia-source\x44\0\0\0\x04main\
        \x37\0\0\0\0\
        \x03";
    assert_eq!(encode(&caller().create_job(&job)).unwrap(), expected);
}

#[test]
fn media_is_a_keyword_where_nothing_else_is_asked_of_it() {
    let media = |template: JobTemplate<'static>| template.group().map(|group| group.attributes);
    let plain = JobTemplate { media: Some("iso_a4_210x297mm"), ..JobTemplate::default() };
    assert_eq!(media(plain), Some(vec![Attribute::new("media", Value::keyword("iso_a4_210x297mm"))]));
    let odd = JobTemplate { media: Some("letter"), media_type: Some("labels"), ..JobTemplate::default() };
    let members = vec![
        Attribute::new("media-size-name", Value::keyword("letter")),
        Attribute::new("media-type", Value::keyword("labels")),
    ];
    assert_eq!(media(odd), Some(vec![Attribute::new("media-col", Value::Collection(members))]));
    assert_eq!(media(JobTemplate::default()), None);
}

#[test]
fn requests_name_their_target_second_and_say_what_they_want() {
    let document = DocumentPart { name: None, format: Some("application/pdf"), compression: Some("gzip") };
    let job = JobPart { name: "x", template: JobTemplate::default() };
    let query = JobsQuery {
        which: WhichJobs::Completed,
        owner: Owner::Requester,
        limit: Some(50),
        requested: &["job-id"],
    };
    let caller = caller();
    let cases: [(Message<'_>, Operation, &str); 13] = [
        (
            caller.get_printer_attributes(&["printer-state", "media-ready"]),
            Operation::GetPrinterAttributes,
            "requested-attributes",
        ),
        (
            caller.validate_job(&job, &document),
            Operation::ValidateJob,
            "job-name document-format compression",
        ),
        (caller.print_job(&job, &document), Operation::PrintJob, "job-name document-format compression"),
        (caller.create_job(&job), Operation::CreateJob, "job-name"),
        (
            caller.send_document(9, &document, LastDocument::Yes),
            Operation::SendDocument,
            "document-format compression last-document",
        ),
        (caller.close_job(9), Operation::CloseJob, ""),
        (caller.cancel_job(9), Operation::CancelJob, ""),
        (caller.get_job_attributes(9, &["job-state"]), Operation::GetJobAttributes, "requested-attributes"),
        (caller.get_jobs(&query), Operation::GetJobs, "limit which-jobs my-jobs requested-attributes"),
        (
            caller.create_printer_subscriptions(&["job-completed"], 3600),
            Operation::CreatePrinterSubscriptions,
            "",
        ),
        (
            caller.get_notifications(4, 1, Wait::ForEvents),
            Operation::GetNotifications,
            "notify-subscription-ids notify-sequence-numbers notify-wait",
        ),
        (caller.renew_subscription(4, 60), Operation::RenewSubscription, "notify-subscription-id"),
        (caller.cancel_subscription(4), Operation::CancelSubscription, "notify-subscription-id"),
    ];
    for (message, operation, more) in cases {
        assert_eq!((message.operation(), message.request_id), (operation, 7));
        let names: Vec<&str> = message.groups[0].attributes.iter().map(|a| a.name.as_ref()).collect();
        let about_a_job = message.groups[0].has("job-id");
        let mut expected = vec!["attributes-charset", "attributes-natural-language", "printer-uri"];
        expected.extend(about_a_job.then_some("job-id"));
        expected.push("requesting-user-name");
        expected.extend(more.split_whitespace());
        assert_eq!(names, expected, "{operation}");
        assert_eq!(decode(&encode(&message).unwrap()).unwrap().0, message);
    }
    let sent = caller.send_document(9, &document, LastDocument::No);
    let operation = &sent.groups[0];
    assert_eq!((operation.integer("job-id"), operation.boolean("last-document")), (Some(9), Some(false)));
    let subscription = caller.create_printer_subscriptions(&["job-completed", "printer-state-changed"], 60);
    let group = subscription.group(GroupTag::Subscription).unwrap();
    assert_eq!(group.strings("notify-events"), ["job-completed", "printer-state-changed"]);
    assert_eq!(group.text("notify-pull-method").as_deref(), Some("ippget"));
    assert_eq!(group.integer("notify-lease-duration"), Some(60));
}

#[test]
fn long_names_are_cut_between_characters() {
    let long = "ü".repeat(200);
    let job = JobPart { name: &long, template: JobTemplate::default() };
    let message = Caller { user: "", ..caller() }.create_job(&job);
    assert_eq!(message.groups[0].text("job-name").unwrap(), "ü".repeat(127));
    assert!(!message.groups[0].has("requesting-user-name"));
}

/// What is asked for is read, and what is read is asked for: each attribute alone makes a difference.
#[test]
fn every_requested_attribute_is_understood() {
    // Read only beside another attribute.
    let beside = [
        ("uri-security-supported", "printer-uri-supported"),
        ("uri-authentication-supported", "printer-uri-supported"),
        ("printer-supply-description", "printer-supply"),
        ("marker-colors", "marker-names"),
    ];
    let values = || {
        [
            Value::keyword("1.1"),
            Value::keyword("red"),
            Value::Integer(5),
            Value::Boolean(true),
            Value::Enum(4),
            Value::Resolution(Resolution::per_inch(300, 300)),
            Value::OctetString(b"type=toner;"[..].into()),
        ]
    };
    let differs = |tag, names: &[&'static str], understood: &dyn Fn(&Group<'_>) -> String| {
        let mut without = Group::new(tag);
        let (last, first) = names.split_last().unwrap();
        first.iter().for_each(|name| without.push(*name, Value::keyword("x")));
        values().into_iter().any(|value| {
            let mut with = without.clone();
            with.push(*last, value);
            understood(&with) != understood(&without)
        })
    };
    for name in PrinterAttributes::REQUESTED {
        let other = beside.iter().find(|(own, _)| own == name).map(|(_, other)| *other);
        let names: Vec<&str> = other.into_iter().chain([*name]).collect();
        let understood = |group: &Group<'_>| format!("{:?}", PrinterAttributes::of(group));
        assert!(differs(GroupTag::Printer, &names, &understood), "{name}");
    }
    for name in JobAttributes::REQUESTED {
        let understood = |group: &Group<'_>| format!("{:?}", JobAttributes::of(group));
        assert!(differs(GroupTag::Job, &[name], &understood), "{name}");
    }
}

#[test]
fn mistyped_attributes_are_unknown() {
    let mut printer = Group::new(GroupTag::Printer);
    printer.push("printer-state", Value::Integer(5));
    printer.push("copies-supported", Value::keyword("many"));
    printer.push("printer-location", Value::OutOfBand(OutOfBand::NoValue));
    printer.push("pages-per-minute", Value::Integer(-4));
    printer.push("printer-resolution-supported", Value::Resolution(Resolution::per_inch(0, 600)));
    printer.push("printer-supply", Value::Integer(5));
    assert_eq!(PrinterAttributes::of(&printer), PrinterAttributes::default());
    // Text that is not UTF-8 is still worth showing.
    let latin = Value::Raw { tag: ValueTag::TEXT, bytes: b"B\xfcro"[..].into() };
    printer.push("printer-info", latin);
    assert_eq!(PrinterAttributes::of(&printer).info.as_deref(), Some("B\u{fffd}ro"));
}

#[test]
fn numbers_without_a_name_are_kept() {
    assert_eq!(Operation::from_code(0x3fff).code(), 0x3fff);
    assert_eq!(Status::from_code(0x0580).class(), StatusClass::ServerError);
    assert_eq!(JobState::from_code(-1).code(), -1);
    assert_eq!(Operation::from_code(0x000b).to_string(), "Get-Printer-Attributes");
    assert_eq!(Operation::from_code(0x3fff).to_string(), "0x3fff");
    for operation in Operation::ALL {
        assert_eq!(Operation::from_code(operation.code()), *operation);
        assert_eq!(Operation::from_name(operation.name().unwrap()), Some(*operation));
    }
}

#[test]
fn resolutions_are_told_in_inches() {
    let per_centimeter = Resolution { cross_feed: 118, feed: 236, unit: ResolutionUnit::DotsPerCentimeter };
    assert_eq!(per_centimeter.dots_per_inch(), Some((300, 599)));
    assert_eq!(Resolution::per_inch(-1, 300).dots_per_inch(), None);
}
