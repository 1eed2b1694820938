//! `spool serve --demo`: a server to look at. Its printers are simulated and fail on plan, its jobs are samples, and
//! its state is gone when it stops.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use super::client::{Again, Document, Server, ServerArgs, escaped, good};
use super::failure::Failure;
use super::output::{complain, line};
use super::token;
use crate::app;
use crate::app::reload::Source;
use crate::config::file::{DEFAULT_FILE, Overrides};

const CONFIGURATION: &str = include_str!("spool.toml");
/// Where it listens if somebody has the usual port: at a free one.
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// What the simulated printers count as a page, in bytes.
const PAGE_BYTES: usize = 64 * 1024;

/// A job of the demonstration.
struct Sample {
    title: &'static str,
    queue: &'static str,
    pages: usize,
}

const fn sample(title: &'static str, queue: &'static str, pages: usize) -> Sample {
    Sample { title, queue, pages }
}

const SAMPLES: [Sample; 7] = [
    sample("Minutes of the meeting", "office", 4),
    sample("Visitor badge", "hallway", 2),
    sample("Floor plan", "office", 6),
    sample("Newsletter", "office", 4),
    sample("Price list", "office", 3),
    sample("Packing slip", "labels", 1),
    sample("Return form", "labels", 1),
];

/// Runs the demonstration until it is stopped.
pub fn serve(http: Option<SocketAddr>, server: &ServerArgs) -> Result<(), Failure> {
    if server.state.is_some() {
        let why = "--demo keeps its state in a directory that goes when it stops; leave out --state";
        return Err(Failure::Usage(why.to_owned()));
    }
    let home = Home::make()?;
    let done = match run(&home, http) {
        Err(error) if http.is_none() && is_taken(&error) => run(&home, Some(ANYWHERE)),
        done => done,
    };
    done.map_err(|error| Failure::from_below(&error))
}

fn run(home: &Home, http: Option<SocketAddr>) -> anyhow::Result<()> {
    let state = home.state();
    let overrides = Overrides { state: Some(state.clone()), http };
    let source = Source { file: Some(home.configuration()), overrides };
    let config = source.load()?;
    // It asks the server as anybody does, so it must not hold it up.
    let begin = move || {
        let guide = thread::Builder::new().name("demo".to_owned()).spawn(move || guide(&state));
        if let Err(error) = guide {
            complain(&format!("the demonstration cannot begin: {error}"));
        }
    };
    app::serve(config, source, begin)
}

/// Whether the port is somebody else's.
fn is_taken(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::AddrInUse)
}

/// Hands in the samples and says what there is to see.
fn guide(state: &Path) {
    let server = Server::at_state(state);
    let mut samples = SAMPLES.iter().enumerate();
    let said = samples.try_for_each(|(n, sample)| submit(n, sample, &server)).and_then(|()| {
        let link = token::links(&server)?.links.into_iter().next().unwrap_or_default();
        line(&words(&link, state))
    });
    if let Err(failure) = said {
        failure.report();
    }
}

/// Under a key of its own: a server that began anew has it already.
fn submit(n: usize, sample: &Sample, server: &Server) -> Result<(), Failure> {
    let Sample { title, queue, pages } = sample;
    let what = format!("sample {title}");
    let target = format!("/api/v1/jobs?printer={queue}&title={}", escaped(title));
    let text = format!("{title}: a sample of the demonstration.\n");
    let text: Vec<u8> = text.bytes().cycle().take(pages * PAGE_BYTES).collect();
    let (mut source, length) = (text.as_slice(), Some(text.len() as u64));
    let document = Document { source: &mut source, length, again: Again::Can, progress: &mut |_sent| {} };
    let answer = server.upload(&target, &format!("demo-{n}"), document);
    good(answer.map_err(|error| error.about(&what))?, &what).map(drop)
}

fn words(link: &str, state: &Path) -> String {
    let program = env::args().next().unwrap_or_else(|| "spool".to_owned());
    let ask = format!("{program} --state {}", state.display());
    let url = link.split("/#").next().unwrap_or_default();
    format!(
        "
Open {link}
It logs in, once and within five minutes; `{ask} token` makes another link.

The printers are simulated. hallway, library and studio share the queue of the pool «office»; labels is alone.

  - hallway loses the connection in the middle of «Minutes of the meeting»: another printer of office prints it whole.
  - Then hallway jams. «Visitor badge» is for hallway and no other: it says why it waits and when it is tried again,
    and prints when the jam is gone, after 30 s. What is for office comes out of the others meanwhile.
  - studio is slow. «Return form» fails: labels says that it cannot print it. Restart it, and it can.

Things to try:

  {ask} watch
  {ask} print FILE -p office --wait
  curl --data-binary @FILE '{url}/api/v1/jobs?title=mine'
  {ask} printer pause library

Ctrl-C ends it, when what is being sent is out or 10 s are over, and a second one at once. Nothing is kept.
"
    )
}

/// The directory of one demonstration. It goes when this does.
struct Home(PathBuf);

impl Home {
    /// A server that began anew in the same process takes up what was there.
    fn make() -> Result<Home, Failure> {
        let path = env::temp_dir().join(format!("spool-demo-{}", process::id()));
        let failed = |error: io::Error| Failure::failed(format!("--demo: {}: {error}", path.display()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && app::is_reborn() => Ok(Home(path)),
            Err(error) => Err(failed(error)),
            Ok(()) => {
                let home = Home(path.clone());
                fs::write(home.configuration(), CONFIGURATION).map_err(failed)?;
                Ok(home)
            }
        }
    }

    fn configuration(&self) -> PathBuf {
        self.0.join(DEFAULT_FILE)
    }

    fn state(&self) -> PathBuf {
        self.0.join("spool-data")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            complain(&format!("{} cannot be removed: {error}; remove it", self.0.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_sample_has_a_queue() {
        let config =
            Config::parse("demo", CONFIGURATION, &Overrides::default(), &app::check_uri).expect("good");
        let printers = config.printers.iter().map(|printer| printer.name.as_str());
        let queues: Vec<&str> = printers.chain(config.pools.iter().map(|pool| pool.name.as_str())).collect();
        assert!(SAMPLES.iter().all(|sample| queues.contains(&sample.queue)), "{queues:?}");
    }
}
