//! The HTTP listener over real sockets and with a real client.

#[path = "support/wait.rs"]
#[allow(dead_code)]
mod wait;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use actix_web::error::{ErrorPayloadTooLarge, ErrorUnauthorized};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{App, HttpRequest, HttpResponse, web};
use spool::server::http::body::{BodyError, next_chunk};
use spool::server::http::listener::{ListenError, Listener, ListenerConfig};
use spool::server::http::peer::{Local, Peer};
use tokio::sync::Notify;
use wait::{Stopwatch, wait_until};

/// The largest body that admission lets through, bytes.
const LARGE: u64 = 1_000_000;
/// No test waits longer for a socket than this; it is an error to get there.
const TOO_LONG: Duration = Duration::from_secs(30);

/// A server on a thread of its own, stopped when it is dropped.
struct Running {
    address: SocketAddr,
    handle: actix_server::ServerHandle,
    thread: Option<thread::JoinHandle<std::io::Result<()>>>,
    /// Says that a request to `/slow` is being handled.
    entered: mpsc::Receiver<()>,
    /// Lets it go on.
    proceed: Arc<Notify>,
}

impl Running {
    fn start() -> Running {
        Running::with(ListenerConfig::default())
    }

    fn with(mut config: ListenerConfig) -> Running {
        config.addresses = vec!["127.0.0.1:0".parse().expect("an address")];
        let listener = Listener::bind(config).expect("the listener binds");
        let address = listener.addresses()[0];
        let (entered_tx, entered) = mpsc::channel();
        let proceed = Arc::new(Notify::new());
        let gate = Arc::clone(&proceed);
        let (handle_tx, handle_rx) = mpsc::channel();
        let thread = thread::Builder::new().name("server".to_owned()).spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server =
                    listener.serve(admission, move || application(entered_tx.clone(), Arc::clone(&gate)));
                let server = server.expect("the listener starts");
                handle_tx.send(server.handle()).expect("the test waits");
                server.await
            })
        });
        let thread = thread.expect("a thread");
        let handle = handle_rx.recv_timeout(TOO_LONG).expect("the server starts");
        Running { address, handle, thread: Some(thread), entered, proceed }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(TOO_LONG)).expect("a timeout");
        stream.set_write_timeout(Some(TOO_LONG)).expect("a timeout");
        stream
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn stop(&mut self, graceful: bool) {
        // The command goes out at once; the future only waits for its end, and so does `join`.
        drop(self.handle.stop(graceful));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic").expect("a clean end");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.proceed.notify_one();
        self.stop(false);
    }
}

fn admission(request: &actix_http::Request, _: &Peer) -> Result<(), actix_web::Error> {
    let length = request.head().headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match request.path() {
        "/forbidden" => Err(ErrorUnauthorized("who are you?")),
        _ if length > Some(LARGE) => Err(ErrorPayloadTooLarge("too large")),
        _ => Ok(()),
    }
}

fn application(
    entered: mpsc::Sender<()>,
    proceed: Arc<Notify>,
) -> App<
    impl actix_service::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .route("/count", web::post().to(count))
        .route("/early", web::post().to(early))
        .route("/ignore", web::post().to(|| async { "ignored" }))
        .route("/peer", web::get().to(peer))
        .route("/endless", web::get().to(endless))
        .route(
            "/slow",
            web::get().to(move || {
                let (entered, proceed) = (entered.clone(), Arc::clone(&proceed));
                async move {
                    entered.send(()).expect("the test waits");
                    proceed.notified().await;
                    "done"
                }
            }),
        )
}

/// Counts its body; a silence of a quarter of a second is an error.
async fn count(mut body: web::Payload) -> HttpResponse {
    let mut sum = 0;
    loop {
        match next_chunk(&mut body, Duration::from_millis(250)).await {
            Ok(Some(chunk)) => sum += chunk.len(),
            Ok(None) => return HttpResponse::Ok().body(sum.to_string()),
            Err(BodyError::Stalled(_)) => return HttpResponse::RequestTimeout().body("stalled"),
            Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
        }
    }
}

/// Answers as soon as it sees the head, and reads nothing.
async fn early() -> HttpResponse {
    HttpResponse::build(StatusCode::PAYLOAD_TOO_LARGE).body("too large")
}

async fn peer(request: HttpRequest) -> String {
    let peer = request.conn_data::<Peer>().expect("a peer");
    let local = request.conn_data::<Local>().expect("a local end");
    format!("{peer:?} {local:?}")
}

async fn endless() -> HttpResponse {
    let piece = web::Bytes::from(vec![b'x'; 64 * 1024]);
    HttpResponse::Ok().streaming(futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(piece)))
}

/// Everything the server sends until it closes.
fn read_all(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).expect("the server closes in order");
    String::from_utf8(text).expect("text")
}

fn send(stream: &mut impl Write, text: &str) {
    stream.write_all(text.as_bytes()).expect("the server reads");
}

fn check_refused(reply: &str, status: &str) {
    assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
    assert!(!reply.contains("100 Continue"), "{reply}");
    assert!(reply.contains("connection: close"), "{reply}");
}

#[test]
fn a_body_that_is_not_wanted_is_never_asked_for() {
    let server = Running::start();
    for framing in ["Content-Length: 2000000", "Transfer-Encoding: chunked"] {
        let path = if framing.starts_with('C') { "/count" } else { "/forbidden" };
        let status = if framing.starts_with('C') { "413" } else { "401" };
        let mut stream = server.connect();
        send(
            &mut stream,
            &format!("POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n{framing}\r\n\r\n"),
        );
        // `read_all` ends when the server shuts its side, which it does although this side stays open.
        check_refused(&read_all(&mut stream), status);
    }
}

#[test]
fn a_body_that_is_wanted_is_asked_for_first() {
    let server = Running::start();
    let mut stream = server.connect();
    send(&mut stream, "POST /count HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");

    send(&mut stream, "hello");
    stream.shutdown(Shutdown::Write).expect("half a close");
    let reply = read_all(&mut reader);
    assert!(reply.contains("HTTP/1.1 200 OK") && reply.ends_with("\r\n\r\n5"), "{reply}");
}

#[test]
fn the_same_head_gets_the_same_answer_without_expect() {
    let server = Running::start();
    let mut stream = server.connect();
    send(&mut stream, "POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n");
    check_refused(&read_all(&mut stream), "413");
}

/// Uploads `bytes` of zeros with curl; its status, its exit code and what it said.
fn curl_upload(server: &Running, path: &str, bytes: u64, chunked: bool) -> (String, Option<i32>, String) {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    curl.args(["--request", "POST", "--header", "Expect:"]);
    if chunked {
        curl.args(["--header", "Transfer-Encoding: chunked"]);
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(bytes).expect("a sparse file");
    curl.arg("--upload-file").arg(file.path()).arg(server.url(path));
    let output = curl.stdin(Stdio::null()).output().expect("curl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), output.status.code(), text(&output.stderr))
}

#[test]
fn curl_sees_the_early_answer_of_a_handler_while_it_uploads() {
    let server = Running::start();
    for chunked in [true, false] {
        let path = if chunked { "/early" } else { "/count" };
        let (status, code, said) = curl_upload(&server, path, 200_000_000, chunked);
        assert_eq!((status.as_str(), code), ("413", Some(0)), "chunked: {chunked}; {said}");
    }
}

#[test]
fn a_client_that_reads_nothing_before_it_has_sent_all_sees_the_answer() {
    let server = Running::start();
    let mut stream = server.connect();
    send(&mut stream, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n");
    send(&mut stream, &"x".repeat(900_000));
    check_refused(&read_all(&mut stream), "413");

    let mut stream = server.connect();
    send(&mut stream, "POST /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..200 {
        send(&mut stream, &format!("2000\r\n{}\r\n", "x".repeat(0x2000)));
    }
    check_refused(&read_all(&mut stream), "413");
}

/// Sends chunks for as long as the server takes them.
fn send_for_ever(mut stream: TcpStream) -> u64 {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).is_ok() {
        sent += chunk.len() as u64;
        assert!(sent < 500_000_000, "the server reads without a bound");
    }
    sent
}

#[test]
fn a_body_nobody_reads_is_drained_within_a_bound() {
    let config = ListenerConfig { drain_bytes_max: 1 << 20, ..ListenerConfig::default() };
    let server = Running::with(config);
    // Refused, and answered with success by a handler that does not look at its body.
    for path in ["/early", "/ignore"] {
        let mut stream = server.connect();
        send(&mut stream, &format!("POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
        send_for_ever(stream);
    }
}

#[test]
fn draining_ends_in_time() {
    let config = ListenerConfig { drain_time: Duration::from_millis(300), ..ListenerConfig::default() };
    let server = Running::with(config);
    let mut stream = server.connect();
    send(&mut stream, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\nsome");
    check_refused(&read_all(&mut stream), "413");
    // The end of draining shows as an error of writing.
    wait_until("the end of draining", Duration::from_secs(10), || stream.write_all(b"x").err());
}

#[test]
fn half_a_head_is_not_waited_for() {
    let config = ListenerConfig { header_deadline: Duration::from_millis(600), ..ListenerConfig::default() };
    let server = Running::with(config);
    let mut stream = server.connect();
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: ");
    stream.shutdown(Shutdown::Write).ok();
    let mut stream = server.connect();
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: ");
    let reply = read_all(&mut stream);
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
}

#[test]
fn half_a_second_head_is_not_waited_for() {
    let config = ListenerConfig {
        header_deadline: Duration::from_millis(500),
        keep_alive: Duration::from_millis(1000),
        ..ListenerConfig::default()
    };
    let server = Running::with(config);
    let mut stream = server.connect();
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).expect("an answer");
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: ");
    let rest = read_all(&mut stream);
    assert!(!rest.contains("HTTP/1.1 200"), "{rest}");
}

#[test]
fn a_silent_connection_is_closed_after_keep_alive() {
    let config = ListenerConfig { keep_alive: Duration::from_millis(600), ..ListenerConfig::default() };
    let server = Running::with(config);
    let mut stream = server.connect();
    let begun = Stopwatch::start();
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(read_all(&mut stream).starts_with("HTTP/1.1 200 OK"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_stalled_body_is_told_to_the_handler() {
    let server = Running::start();
    let mut stream = server.connect();
    send(&mut stream, "POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    let reply = read_all(&mut stream);
    assert!(reply.starts_with("HTTP/1.1 408 ") && reply.ends_with("stalled"), "{reply}");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_cut() {
    let config = ListenerConfig { write_stall: Duration::from_millis(300), ..ListenerConfig::default() };
    let server = Running::with(config);
    let mut stream = server.connect();
    send(&mut stream, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
    // Once the server has given up, what we write is answered with a reset.
    wait_until("the server gives up", TOO_LONG, || stream.write_all(b" ").err());
}

#[test]
fn a_large_head_is_refused() {
    let server = Running::start();
    let mut stream = server.connect();
    send(&mut stream, &format!("GET /peer HTTP/1.1\r\nHost: h\r\nX-Large: {}\r\n\r\n", "x".repeat(40_000)));
    stream.shutdown(Shutdown::Write).expect("half a close");
    let reply = read_all(&mut stream);
    assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
}

#[test]
fn one_connection_too_many_is_told_so_and_the_socket_stays_open() {
    let folder = tempfile::tempdir().expect("a directory");
    let config = ListenerConfig {
        connections_max: 1,
        socket: Some(folder.path().join("spool.sock")),
        ..ListenerConfig::default()
    };
    let server = Running::with(config);
    let mut first = server.connect();
    send(&mut first, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    server.entered.recv_timeout(TOO_LONG).expect("the first is served");

    let mut second = server.connect();
    send(&mut second, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    let reply = read_all(&mut second);
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("retry-after: 5"), "{reply}");

    let mut administrator = UnixStream::connect(folder.path().join("spool.sock")).expect("the socket");
    send(&mut administrator, "GET /peer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(read_all(&mut administrator).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_peer_is_known_by_its_address_or_its_uid() {
    let folder = tempfile::tempdir().expect("a directory");
    let path: PathBuf = folder.path().join("spool.sock");
    let server = Running::with(ListenerConfig { socket: Some(path.clone()), ..ListenerConfig::default() });
    let request = "GET /peer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    let mut stream = server.connect();
    let own = stream.local_addr().expect("an address");
    send(&mut stream, request);
    let expected = format!("Loopback({own}) Tcp({})", server.address);
    let reply = read_all(&mut stream);
    assert!(reply.ends_with(&expected), "{reply} {expected}");

    let mut stream = UnixStream::connect(&path).expect("the socket");
    send(&mut stream, request);
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let expected = format!("Socket {{ uid: {uid}, gid: {gid}, pid: Some({}) }} Socket", std::process::id());
    let reply = read_all(&mut stream);
    assert!(reply.ends_with(&expected), "{reply} {expected}");
}

#[test]
fn a_second_server_on_the_same_socket_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let config =
        ListenerConfig { socket: Some(folder.path().join("spool.sock")), ..ListenerConfig::default() };
    let _server = Running::with(config.clone());
    let error = Listener::bind(config).expect_err("taken");
    assert!(matches!(error, ListenError::SocketTaken { .. }), "{error}");
}

#[test]
fn a_graceful_stop_closes_the_door_and_finishes_what_runs() {
    let mut server = Running::start();
    let mut idle = server.connect();
    send(&mut idle, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut first = [0; 12];
    idle.read_exact(&mut first).expect("an answer");

    let mut running = server.connect();
    send(&mut running, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    server.entered.recv_timeout(TOO_LONG).expect("the request runs");

    drop(server.handle.stop(true));
    // The idle connection is closed at once: seeing its end is seeing that the stop has begun.
    read_all(&mut idle);
    wait_until("the door closes", TOO_LONG, || TcpStream::connect(server.address).err());

    server.proceed.notify_one();
    let reply = read_all(&mut running);
    assert!(reply.starts_with("HTTP/1.1 200 OK") && reply.ends_with("done"), "{reply}");
    server.stop(true);
}

#[test]
fn a_graceful_stop_ends_at_its_deadline() {
    let mut server =
        Running::with(ListenerConfig { stop_deadline: Duration::from_secs(1), ..ListenerConfig::default() });
    let mut running = server.connect();
    send(&mut running, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    server.entered.recv_timeout(TOO_LONG).expect("the request runs");
    let begun = Stopwatch::start();
    server.stop(true);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(read_all(&mut running), "");
}
