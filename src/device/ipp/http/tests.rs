use super::*;

fn whole(bytes: &[u8], stream: Stream) -> (Reply, usize) {
    match understand(bytes, stream) {
        Ok(Incoming::Whole { reply, used }) => (reply, used),
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(bytes)),
    }
}

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n";

#[test]
fn bodies_end_where_they_say() {
    for bytes in [PLAIN, CHUNKED] {
        let both = [bytes, b"HTTP/1.1 400"].concat();
        let (reply, used) = whole(&both, Stream::Open);
        assert_eq!(
            (reply.status, &*reply.body, used, reply.keeps),
            (200, &b"hello"[..], bytes.len(), Keeps::Open)
        );
        for end in 0..bytes.len() {
            assert_eq!(understand(&bytes[..end], Stream::Open), Ok(Incoming::More), "cut at {end}");
        }
    }
    let to_the_close = b"HTTP/1.0 200 OK\r\n\r\nhello";
    assert_eq!(understand(to_the_close, Stream::Open), Ok(Incoming::More));
    let (reply, used) = whole(to_the_close, Stream::Closed);
    assert_eq!((&*reply.body, used, reply.keeps), (&b"hello"[..], to_the_close.len(), Keeps::Closes));
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN].concat();
    assert_eq!(understand(&bytes, Stream::Open), Ok(Incoming::Interim { status: 100, used: 25 }));
    let (upgraded, used) =
        whole(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2\r\n\r\n\x16\x03", Stream::Open);
    assert_eq!((upgraded.status, used), (101, 54));
}

#[test]
fn connections_and_challenges_are_read_from_the_head() {
    let keeps_of =
        |head: &str| whole(format!("{head}Content-Length: 0\r\n\r\n").as_bytes(), Stream::Open).0.keeps;
    assert_eq!(keeps_of("HTTP/1.1 200 OK\r\nConnection: Close\r\n"), Keeps::Closes);
    assert_eq!(keeps_of("HTTP/1.1 200 OK\r\n"), Keeps::Open);
    assert_eq!(keeps_of("HTTP/1.0 200 OK\r\n"), Keeps::Closes);
    assert_eq!(keeps_of("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"), Keeps::Open);
    let basic_of = |value: &str| {
        let head = format!("HTTP/1.1 401 No\r\nWWW-Authenticate: {value}\r\nContent-Length: 0\r\n\r\n");
        whole(head.as_bytes(), Stream::Open).0.basic
    };
    assert!(basic_of("Basic realm=\"x\""));
    assert!(basic_of("Digest realm=\"x\", qop=\"auth\", basic realm=\"y\""));
    assert!(!basic_of("Digest realm=\"x\""));
}

#[test]
fn what_is_not_http_or_too_much_is_an_error() {
    for bytes in [
        &b"\x16\x03\x01"[..],
        b"220 ftp\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
    ] {
        assert!(understand(bytes, Stream::Open).is_err(), "{:?}", String::from_utf8_lossy(bytes));
    }
    let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; HEAD_BYTES_MAX]].concat();
    assert!(understand(&endless, Stream::Open).is_err());
    let endless = [CHUNKED[..47].to_vec(), vec![b'1'; CHUNK_LINE_BYTES_MAX]].concat();
    assert!(understand(&endless, Stream::Open).is_err());
}

#[test]
fn a_request_tells_its_length_and_what_it_expects() {
    let head = Head {
        host: "a:631",
        path: "/ipp/print",
        authorization: Some("Basic eA=="),
        length: 7,
        expect: Expect::Continue,
    };
    let text = String::from_utf8(post(&head)).unwrap();
    for line in [
        "POST /ipp/print HTTP/1.1\r\n",
        "\r\nHost: a:631\r\n",
        "\r\nContent-Length: 7\r\n",
        "\r\nExpect: 100-continue\r\n",
        "\r\nAuthorization: Basic eA==\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.ends_with("\r\n\r\n"));
}
