//! Much at once: many jobs, and documents far larger than memory should be.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use crate::support::client::Answer;
use crate::support::printer::{Behaviour, FakePrinter, spawn};
use crate::support::server::{FAST, Server, printer, sum};
use crate::support::sink::{Endless, Sink};
use crate::support::wait::Stopwatch;

const GIB: u64 = 1 << 30;
/// What a document of any size may cost the server.
const MEMORY_MAX: u64 = 64 << 20;
/// One gibibyte from the client to the printer, on a small machine that has other things to do.
const GIB_TIME_MAX: Duration = Duration::from_secs(90);

#[test]
fn a_gibibyte_from_standard_input_costs_hardly_any_memory() {
    let sink = Sink::start();
    let server = Server::start(&printer("office", &sink.uri(), ""));
    server.until(server.submit("", b"warm"), "completed");
    sink.next();
    let idle = server.meter().memory();
    server.meter().forget_memory_peak();

    let watch = Stopwatch::start();
    let mut child =
        server.command().args(["print", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    Endless::write_to(&mut child.stdin.take().unwrap(), GIB).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let accepted = watch.elapsed();
    assert_eq!(sink.next(), sum(Endless::first(GIB)));
    let printed = watch.elapsed();
    server.until_all_ended();
    let more = server.meter().memory_peak().saturating_sub(idle);
    println!("1 GiB: accepted after {accepted:?}, printed after {printed:?}, {} MiB more memory", more >> 20);
    assert!(more < MEMORY_MAX, "{} MiB more than the {} MiB of an idle server", more >> 20, idle >> 20);
    assert!(printed < GIB_TIME_MAX, "{printed:?}");
    assert!(sink.is_empty(), "something was printed twice");
}

#[test]
fn a_gibibyte_over_http_comes_out_whole_and_once() {
    let sink = Sink::start();
    let server = Server::start(&printer("office", &sink.uri(), ""));
    let length = GIB.to_string();
    let headers = [("content-length", length.as_str()), ("content-type", "application/octet-stream")];
    let watch = Stopwatch::start();
    let mut stream = server.tcp().begin("POST", "/api/v1/jobs?printer=office", &headers).unwrap();
    Endless::write_to(&mut stream, GIB).unwrap();
    let job = Answer::read(stream).unwrap().expect(201);
    assert_eq!(sink.next(), sum(Endless::first(GIB)));
    let job = server.until(job["id"].as_u64().unwrap(), "completed");
    assert_eq!((job["bytes_sent"].as_u64(), job["attempts"].as_u64()), (Some(GIB), Some(1)));
    assert!(watch.elapsed() < GIB_TIME_MAX, "{:?}", watch.elapsed());
    assert!(sink.is_empty(), "something was printed twice");
}

#[test]
fn a_thousand_jobs_of_sixteen_clients_are_each_printed_once_whole_and_in_order() {
    const CLIENTS: usize = 16;
    const JOBS: usize = 1000;
    let printers: Vec<_> = (0..4).map(|_| FakePrinter::start(Behaviour::Normal)).collect();
    let named = |(n, fake): (usize, &FakePrinter)| printer(&format!("p{n}"), &fake.uri(), "");
    let server = Server::start(&printers.iter().enumerate().map(named).collect::<String>());

    let watch = Stopwatch::start();
    let (tell, told) = std::sync::mpsc::channel();
    for client in 0..CLIENTS {
        let (tell, place) = (tell.clone(), server.tcp());
        spawn("client", move || {
            for n in (client..JOBS).step_by(CLIENTS) {
                let target = format!("/api/v1/jobs?printer=p{}", n % 4);
                let answer = place.send("POST", &target, &[], &document(n)).unwrap().expect(201);
                tell.send((answer["id"].as_u64().unwrap(), n)).unwrap();
            }
        });
    }
    drop(tell);
    let jobs: HashMap<u64, usize> = told.iter().collect();
    let accepted = watch.elapsed();
    assert_eq!(jobs.len(), JOBS, "every job has a number of its own");
    let printed: Vec<_> = printers.iter().map(|fake| fake.documents(JOBS / 4)).collect();
    println!("{JOBS} jobs: accepted after {accepted:?}, printed after {:?}", watch.elapsed());
    server.until_all_ended();

    let mut order: Vec<_> = jobs.into_iter().collect();
    order.sort_unstable();
    for (p, printed) in printed.iter().enumerate() {
        let expected = order.iter().filter(|(_, n)| n % 4 == p).map(|(_, n)| document(*n));
        assert!(
            printed.iter().eq(&expected.collect::<Vec<_>>()),
            "printer {p}: lost, doubled or out of order"
        );
    }
    let completed = server.get("/api/v1/jobs?status=completed&limit=1000");
    assert_eq!(completed["jobs"].as_array().unwrap().len(), JOBS);
}

/// Connections are opened without a thread for each printer.
#[test]
fn dead_printers_hold_no_thread_and_nobody_up() {
    const DEAD: usize = 200;
    let well = FakePrinter::start(Behaviour::Normal);
    // Nobody listens there.
    let dead = |n| printer(&format!("dead{n}"), "socket://127.0.0.1:1", "");
    let mut configuration: String = (0..DEAD).map(dead).collect();
    configuration.push_str(&printer("well", &well.uri(), ""));
    let server = Server::start(&format!("{FAST}{configuration}"));
    for n in 0..DEAD {
        server.submit(&format!("printer=dead{n}"), b"page");
    }
    server.wait("all of them were tried", || {
        let printers = server.get("/api/v1/printers?limit=1000");
        let stopped = |row: &&serde_json::Value| row["state"] == "stopped";
        (printers["printers"].as_array().unwrap().iter().filter(stopped).count() == DEAD).then_some(())
    });
    let watch = Stopwatch::start();
    for n in 0..10 {
        server.until(server.submit("printer=well", format!("page {n}").as_bytes()), "completed");
    }
    let threads = server.meter().thread_names();
    println!("{DEAD} dead printers: ten jobs to another in {:?}, {} threads", watch.elapsed(), threads.len());
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    let printing = threads.iter().filter(|name| name.starts_with("print-")).count();
    assert!(printing <= 1, "{printing} print threads for one printer that prints: {threads:?}");
}

/// The document of job number `n`: some fit in a packet, some do not.
fn document(n: usize) -> Vec<u8> {
    format!("document {n}\n").repeat(1 + n % 97).into_bytes()
}
