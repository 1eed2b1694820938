//! The admin page in a real browser, before a real server.

#[path = "support/browser.rs"]
mod browser;
mod support;

use std::path::Path;

use browser::{Browser, Scheme};
use support::printer::{Behaviour, FakePrinter};
use support::server::{FAST, Server, printer};

/// The row of the job with this title, in the table.
fn row(title: &str) -> String {
    format!(
        "[...document.querySelectorAll('tr[data-job]')].find((row) => row.querySelector('.title').textContent === {title:?})"
    )
}

/// Waits until the job with this title is shown in this status.
#[track_caller]
fn shows_job(browser: &Browser, title: &str, status: &str) {
    browser.until(&format!("{title} is {status}"), &format!("{}.dataset.status === {status:?}", row(title)));
}

/// Opens the page by the link that `spool token` gives.
fn log_in(browser: &Browser, server: &Server) {
    browser.open(server.cli(&["token"]).trim());
    browser.shows("spool-header [data-state=live]");
    browser
        .until("the log-in is known", "document.querySelector('spool-header').innerText.includes('Log out')");
}

/// Nothing was complained about but what the test brought about itself: answers that refuse, a lost server.
#[track_caller]
fn complains_only_of(browser: &Browser, expected: &[&str]) {
    let mut others = browser.complaints();
    others.retain(|said| !expected.iter().any(|word| said.contains(word)));
    assert!(others.is_empty(), "{others:#?}");
}

#[track_caller]
fn no_complaints(browser: &Browser) {
    complains_only_of(browser, &[]);
}

#[test]
fn can_14_a_document_is_printed_watched_and_canceled_in_a_browser() {
    let paper = FakePrinter::start(Behaviour::Normal);
    let stuck = FakePrinter::start(Behaviour::NeverRead);
    let printers = [
        printer("paper", &paper.uri(), ""),
        printer("stuck", &stuck.uri(), ""),
        printer("picky", "sim:picky?fail=document@1", ""),
    ];
    let server = Server::start(&format!("{FAST}{}", printers.concat()));
    let browser = Browser::start();
    log_in(&browser, &server);
    assert_eq!(browser.run("return location.hash"), "#/", "the code leaves the address bar");

    let document = server.home().join("Grüße & <b>Küsse.txt");
    std::fs::write(&document, "from the browser\n").expect("a document");
    browser.click("a[href='#/print']");
    browser.write("spool-submit input[type=file]", &document.display().to_string());
    browser.click("spool-submit option[value=paper]");
    browser.click("spool-submit button[type=submit]");
    shows_job(&browser, "Grüße & <b>Küsse.txt", "completed");
    assert_eq!(paper.documents(1), [b"from the browser\n"]);

    let id = server.submit("printer=stuck&title=endless", &vec![b'x'; 8 << 20]);
    shows_job(&browser, "endless", "transmitting");
    browser.click(&format!("tr[data-job='{id}'] [data-action=cancel]"));
    shows_job(&browser, "endless", "canceled");
    assert_eq!(server.job(id)["status"], "canceled");

    let id = server.submit("printer=picky&title=odd", b"?");
    shows_job(&browser, "odd", "failed");
    browser.click(&format!("tr[data-job='{id}'] .title"));
    browser.shows("spool-job[data-status=failed]");
    browser.until("the whole timeline", "document.querySelectorAll('.timeline li').length >= 3");
    let told = server.job(id)["message"].as_str().expect("a sentence")[1..].to_owned();
    assert!(browser.text().contains(&told), "{told}: {}", browser.text());
    no_complaints(&browser);
}

#[test]
fn a_page_that_lost_its_server_finds_it_again_and_is_right() {
    let printers = [printer("paper", "sim:paper", ""), printer("other", "sim:other", "")];
    let mut server = Server::start(&format!("{FAST}{}", printers.concat()));
    let browser = Browser::start();
    log_in(&browser, &server);
    browser.click("[data-printer=paper] footer .button:not(.bare)");
    browser.until(
        "paper is paused",
        "document.querySelector('[data-printer=paper]').innerText.includes('Paused')",
    );
    server.submit("printer=paper&title=before", b"1");
    shows_job(&browser, "before", "waiting");
    no_complaints(&browser);

    server.kill();
    browser.shows("spool-header [data-state=waiting]");
    browser.until(
        "the countdown",
        "/^(in \\d+ s|now)$/.test(document.querySelector('.connection spool-time').innerText)",
    );
    server.restart();
    // While the page was away: two jobs it has not heard of, and one that it has moves on.
    server.submit("printer=other&title=meanwhile", b"2");
    server.post("/api/v1/printers/paper/resume", None).expect(200);
    browser.shows("spool-header [data-state=live]");
    shows_job(&browser, "before", "completed");
    shows_job(&browser, "meanwhile", "completed");
    browser.until(
        "paper is resumed",
        "document.querySelector('[data-printer=paper]').innerText.includes('Ready')",
    );
    server.submit("printer=other&title=after", b"3");
    shows_job(&browser, "after", "completed");
    complains_only_of(&browser, &["net::ERR_"]);
}

#[test]
fn without_a_log_in_one_prints_and_steers_his_own_and_is_asked_for_more() {
    let server = Server::start(&format!("{FAST}{}", printer("paper", "sim:paper", "")));
    server.post("/api/v1/printers/paper/pause", None).expect(200);
    let foreign = server.submit("printer=paper&title=secret", b"not yours");
    let browser = Browser::start();
    browser.open(&format!("http://{}/", server.address()));
    let masked = format!("document.querySelector(\"tr[data-job='{foreign}'] .title\").innerText");
    assert_eq!(browser.until("the foreign job", &masked), format!("Job {foreign}"));
    assert!(!browser.text().contains("secret"));

    let document = server.home().join("mine.txt");
    std::fs::write(&document, "mine\n").expect("a document");
    browser.click("a[href='#/print']");
    browser.write("spool-submit input[type=file]", &document.display().to_string());
    browser.click("spool-submit button[type=submit]");
    shows_job(&browser, "mine.txt", "waiting");
    let mine = browser.until("my job", &format!("{}.dataset.job", row("mine.txt")));
    browser.click(&format!("tr[data-job={mine}] [data-action=cancel]"));
    shows_job(&browser, "mine.txt", "canceled");

    browser.click(&format!("tr[data-job='{foreign}'] [data-action=cancel]"));
    let token = std::fs::read_to_string(server.state().join("admin.token")).expect("a token");
    browser.write("dialog input[name=token]", "not the token");
    browser.click("dialog button[type=submit]");
    browser.until("the refusal", "document.querySelector('dialog .failure').innerText.includes('not valid')");
    browser.run("document.querySelector('dialog input[name=token]').value = ''");
    browser.write("dialog input[name=token]", token.trim());
    browser.click("dialog button[type=submit]");
    shows_job(&browser, "secret", "canceled");
    // The one refusal was asked for.
    complains_only_of(&browser, &["401"]);
}

#[test]
fn a_long_list_is_loaded_in_pieces_and_found_by_filters() {
    let server = Server::start(&format!("{FAST}{}", printer("paper", "sim:paper", "")));
    for n in 1..=130 {
        server.submit(&format!("printer=paper&hold=true&title=job-{n}"), b"x");
    }
    let browser = Browser::start();
    log_in(&browser, &server);
    let rows = "document.querySelectorAll('tr[data-job]').length";
    assert_eq!(browser.until("the first rows", rows), 100);
    // A new one pushes the oldest out.
    server.submit("printer=paper&title=newest&hold=true", b"x");
    shows_job(&browser, "newest", "held");
    assert_eq!(browser.run(&format!("return {rows}")), 100);
    browser.click("spool-jobs > .button");
    browser.until("the others", &format!("{rows} === 131"));
    shows_job(&browser, "job-1", "held");

    browser.write("spool-jobs input[type=search]", "JOB-13");
    browser.until("those found", &format!("{rows} === 2"));
    assert!(browser.run("return location.hash").as_str().expect("an address").contains("q=JOB-13"));
    browser.click("spool-jobs .section-head .button");
    browser.until(
        "the menu",
        "document.querySelector('.menu-item:nth-child(2)').innerText.includes('Cancel: 2 jobs')",
    );
    browser.click(".menu-item:nth-child(2)");
    browser.click("dialog button[type=submit]");
    shows_job(&browser, "job-13", "canceled");
    shows_job(&browser, "job-130", "canceled");
    browser.click("[data-view=failed]");
    browser.until("none has failed", &format!("{rows} === 0"));
    browser.visit("#/?status=held");
    browser.until("those held", &format!("{rows} === 100"));
    no_complaints(&browser);
}

#[test]
fn can_14_a_job_for_a_pool_made_on_the_page_comes_out_of_the_member_that_works() {
    let (mut a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    a.refuse();
    let printers = [printer("a", &a.uri(), ""), printer("b", &b.uri(), "")];
    let server = Server::start(&format!("{FAST}{}", printers.concat()));
    let browser = Browser::start();
    log_in(&browser, &server);
    browser.click("[aria-label='Add a pool']");
    browser.write("dialog input[name=name]", "floor");
    browser.click("dialog input[value=a]");
    browser.click("dialog input[value=b]");
    browser.click("dialog option[value=first-available]");
    browser.click("dialog button[type=submit]");
    browser.shows("[data-pool=floor]");
    browser.until("its members", "document.querySelectorAll('[data-pool=floor] .members li').length === 2");

    server.submit("printer=a&title=patient", b"its own");
    server.submit("printer=floor&title=together", b"page");
    shows_job(&browser, "together", "completed");
    assert_eq!(b.documents(1), [b"page"]);
    browser.until(
        "where it came out",
        &format!("{}.querySelector('.where').innerText === 'floor → b'", row("together")),
    );
    browser.until("why not a", "document.querySelector('[data-printer=a]').innerText.includes('Not ready')");
    no_complaints(&browser);
}

/// What the server refuses, one reads in its own sentence.
#[test]
fn a_refusal_is_shown_in_the_servers_words() {
    let silent = FakePrinter::start(Behaviour::NeverClose);
    let server = Server::start(&format!("{FAST}{}", printer("silent", &silent.uri(), "")));
    let browser = Browser::start();
    log_in(&browser, &server);
    let id = server.submit("printer=silent&title=gone", b"x");
    shows_job(&browser, "gone", "transmitted");
    let refused = server.control(id, "cancel").refused(409, "cannot_cancel");
    let words = refused["detail"].as_str().expect("a sentence")[1..].to_owned();
    browser.click(&format!("tr[data-job='{id}'] [data-action=cancel]"));
    browser.until("the refusal", "document.querySelector('.notice.bad')");
    assert!(browser.text().contains(&words), "{words}: {}", browser.text());

    let pigeon = serde_json::json!({ "name": "pigeon", "uri": "carrier-pigeon:coop" });
    let refused = server.post("/api/v1/printers", Some(pigeon)).refused(400, "bad_printer");
    let words = refused["detail"].as_str().expect("a sentence")[1..].to_owned();
    browser.visit("#/add/printer");
    browser.write("spool-add input[name=uri]", "carrier-pigeon:coop");
    browser.write("spool-add input[name=name]", "pigeon");
    browser.click("spool-add button[type=submit]");
    browser.until("the refusal", "!document.querySelector('spool-add .failure').hidden");
    assert!(browser.text().contains(&words), "{words}: {}", browser.text());
    complains_only_of(&browser, &["409", "400"]);
}

#[test]
fn a_printer_that_is_asked_says_what_it_is_before_it_is_added() {
    let server = Server::start("");
    let browser = Browser::start();
    log_in(&browser, &server);
    browser.visit("#/add/printer");
    browser.write("spool-add input[name=uri]", "sim:?talks=yes");
    browser.click("spool-add [data-action=describe]");
    let told = "document.querySelector('spool-add .told').innerText";
    for words in ["Simulated Printer", "application/pdf", "iso_a4_210x297mm", "Black Toner", "70 %"] {
        browser.until(words, &format!("{told}.includes('{words}')"));
    }
    browser.click("spool-add button[type=submit]");
    browser.until("its own page", "location.hash === '#/printer/simulated-printer'");
    complains_only_of(&browser, &[]);
}

/// Every view, narrow and wide, light and dark; the pictures of the README are made here, too, where
/// `SPOOL_SCREENSHOTS` names a directory.
#[test]
fn every_view_fits_a_phone_and_likes_the_dark() {
    let scene = Scene::start();
    let browser = Browser::start();
    log_in(&browser, &scene.server);
    let pictures = std::env::var_os("SPOOL_SCREENSHOTS").map(std::path::PathBuf::from);
    let scratch = tempfile::tempdir().expect("a directory");
    let to = pictures.as_deref().unwrap_or(scratch.path());
    let dark = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((part) => part < 60)";
    let job = format!("#/job/{}", scene.job);
    for (width, height, scheme) in
        [(1280, 1000, Scheme::Light), (360, 780, Scheme::Light), (360, 780, Scheme::Dark)]
    {
        browser.window(width, height, scheme);
        for (hash, there) in [
            ("#/", "tr[data-job]"),
            (job.as_str(), ".timeline li"),
            ("#/printer/studio", "form.settings"),
            ("#/print", "spool-submit form"),
            ("#/add/printer", "spool-add form"),
        ] {
            browser.visit(hash);
            browser.shows(there);
            let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_i64().expect("pixels") <= 0, "{hash} at {width} is too wide by {wide}");
            assert_eq!(browser.run(&format!("return {dark}")), scheme == Scheme::Dark, "{hash}");
            scene.picture(&browser, hash, width, scheme, to);
        }
    }
    no_complaints(&browser);
}

/// A print room in the middle of its day.
struct Scene {
    server: Server,
    /// One that has been through something.
    job: u64,
    _slow: FakePrinter,
}

impl Scene {
    fn start() -> Scene {
        let slow = FakePrinter::start(Behaviour::SlowRead(20_000));
        let described = |info: &str, location: &str| format!("info = \"{info}\"\nlocation = \"{location}\"");
        let printers = [
            printer("archive", "sim:archive", &described("Microfilm writer", "Cellar")),
            printer("lab", "sim:lab?fail=jam@1&recover=10m", &described("Lexmark MS826", "2.07")),
            printer("office", &slow.uri(), &described("HP LaserJet M611", "Ground floor")),
            printer("reception", "sim:reception?fail=document@2", &described("Empfang – Tür links", "Foyer")),
            printer(
                "warehouse",
                "sim:warehouse?fail=asleep@1&recover=10m",
                &described("Etikettendrucker", "Tor 3"),
            ),
        ];
        let server = Server::start(&format!(
            "[server]\nname = \"print-room\"\n[retry]\nbackoff = [\"9s\", \"60s\"]\n{}",
            printers.concat()
        ));
        let studio = serde_json::json!({ "name": "studio", "uri": "sim:studio?fail=early-close@1", "info": "Fotodrucker" });
        server.post("/api/v1/printers", Some(studio)).expect(201);
        server.post("/api/v1/printers/archive/pause", None).expect(200);
        let pool = serde_json::json!({ "name": "floor-2", "members": ["office", "lab", "archive"] });
        server.post("/api/v1/pools", Some(pool)).expect(201);
        let submit = |query: &str| server.submit(query, &vec![b'.'; 40_000]);
        submit("printer=reception&title=Besuchsliste+M%C3%A4rz.pdf");
        submit("printer=reception&title=Lageplan+alt.ps");
        submit("printer=archive&title=Protokoll+der+Sitzung+vom+12.+November.pdf");
        submit("printer=warehouse&title=Etiketten+Tor+3&priority=80");
        submit(
            "printer=lab&title=Versuchsreihe+17%2C+Messprotokoll+mit+allen+Anlagen+und+einem+Titel%2C+der+in+keine+Zeile+passt.pdf",
        );
        submit("printer=office&title=Personalakte.pdf&hold=true");
        let job = submit("printer=studio&title=Ausstellung+Halle+2.tiff&copies=2&option.sides=one-sided");
        server.submit(
            "printer=office&title=Jahresbericht+2026.pdf&option.sides=two-sided-long-edge",
            &vec![b'.'; 2 << 20],
        );
        submit("printer=office&title=Rechnung+4711+M%C3%BCller+%26+S%C3%B6hne.pdf");
        Scene { server, job, _slow: slow }
    }

    /// Those that the README shows.
    fn picture(&self, browser: &Browser, hash: &str, width: u32, scheme: Scheme, to: &Path) {
        let name = match (hash, width, scheme) {
            ("#/", 1280, Scheme::Light) => "overview.png",
            (_, 1280, Scheme::Light) if hash.starts_with("#/job/") => "timeline.png",
            ("#/", 360, Scheme::Dark) => "phone.png",
            _ => return,
        };
        browser.run("document.querySelectorAll('.notice').forEach((notice) => notice.remove())");
        browser.until(
            "a job that is being sent",
            "document.querySelector('progress.bar:not(.empty)').value > 0",
        );
        browser.picture(&to.join(name));
        assert!(
            std::fs::metadata(to.join(name)).expect("a picture").len() > 10_000,
            "{name} shows something"
        );
    }
}
