use super::*;

/// Print-Job of RFC 8010 appendix A.1.
fn print_job() -> Vec<u8> {
    let mut bytes = vec![0x01, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x01];
    let mut put = |tag: u8, name: &str, value: &[u8]| {
        bytes.push(tag);
        bytes.extend((name.len() as u16).to_be_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    };
    put(0x47, "attributes-charset", b"utf-8");
    put(0x48, "attributes-natural-language", b"en-us");
    put(0x45, "printer-uri", b"ipp://printer.example.com/ipp/print/pinetree");
    put(0x42, "job-name", b"foobar");
    put(0x22, "ipp-attribute-fidelity", &[1]);
    bytes.push(0x02);
    let mut put = |tag: u8, name: &str, value: &[u8]| {
        bytes.push(tag);
        bytes.extend((name.len() as u16).to_be_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    };
    put(0x21, "copies", &[0, 0, 0, 0x14]);
    put(0x44, "sides", b"two-sided-long-edge");
    bytes.push(0x03);
    bytes
}

#[test]
fn the_print_job_of_the_standard_is_read_and_written() {
    let mut bytes = print_job();
    let attributes_end = bytes.len();
    bytes.extend(b"%!PDF...");
    let (message, document) = decode(&bytes).unwrap();
    assert_eq!((message.version, message.operation()), (Version::V1_1, Operation::PrintJob));
    assert_eq!(message.group(GroupTag::Job).unwrap().integer("copies"), Some(20));
    assert_eq!(document, b"%!PDF...");
    assert_eq!(encode(&message).unwrap(), bytes[..attributes_end]);
    assert_eq!(HeaderScan::default().look(&bytes), Ok(Some(attributes_end)));
}
