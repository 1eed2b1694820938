//! `ipp://host[:port][/path]` and `ipps://…`: printers that speak IPP (RFC 8010, RFC 8011).
//!
//! ```text
//!   ask, cancel, describe, open ──► client ──► session ──► connection ──► wire ──► TCP, TLS
//!   link ─► delivery, watch ──────►  (IPP)     (tries)      (HTTP)
//! ```
//!
//! What is said is written once; `driver` has the two ways to wait. A printer has its own words: what it
//! is, whether it can print, the job's handle, its progress and its end. Nothing of a job is sent to one that
//! says that it cannot print, and a job is done when its printer says so, not before.

mod ask;
mod client;
mod connection;
mod credentials;
mod delivery;
mod driver;
mod facts;
mod http;
mod known;
mod link;
mod naming;
mod order;
mod place;
mod ready;
mod session;
mod subscribe;
mod ticket;
mod tls;
mod underway;
mod verdict;
mod watch;
mod wire;

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use self::client::{Client, Meeting};
use self::driver::{OnRuntime, Switch};
use self::known::Printer;
use self::link::{IppLink, Met};
use self::place::{IppPlace, Scheme};
use super::{BadUri, CancelFailed, JobTag, Kind, Link, Place, Surroundings, Target, connect};
use crate::model::description::Description;
use crate::model::outcome::Answer;
use crate::model::retry::NotReady;

pub const IPP: Kind = Kind { scheme: "ipp", example: "ipp://10.0.0.20/ipp/print", parse: parse_ipp };
pub const IPPS: Kind = Kind { scheme: "ipps", example: "ipps://10.0.0.20/ipp/print", parse: parse_ipps };

/// Looking up the name, connecting and asking may each take the connect time, when a link is opened.
const OPEN_CONNECT_TIMES: u32 = 3;

fn parse_ipp(place: &Place<'_>, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    parse(Scheme::Ipp, IPP.example, place, surroundings)
}

fn parse_ipps(place: &Place<'_>, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    parse(Scheme::Ipps, IPPS.example, place, surroundings)
}

fn parse(
    scheme: Scheme,
    example: &str,
    place: &Place<'_>,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Target>, BadUri> {
    let bad = |why: String| BadUri { uri: place.uri.chars().take(200).collect(), why };
    let at = IppPlace::parse(scheme, place.uri, example).map_err(bad)?;
    let credentials = place.credentials.map(std::path::Path::to_path_buf);
    Ok(Arc::new(IppTarget(Arc::new(Printer::new(at, credentials, surroundings)))))
}

#[derive(Debug)]
struct IppTarget(Arc<Printer>);

impl IppTarget {
    fn driver(&self) -> OnRuntime {
        OnRuntime { clock: self.0.clock, timing: self.0.timing, names: self.0.names.clone() }
    }
}

impl Target for IppTarget {
    fn address(&self) -> (String, u16) {
        (self.0.place.at.host.to_string(), self.0.place.at.port)
    }

    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>> {
        let (printer, driver) = (self.0.clone(), self.driver());
        let limit = printer.timing.connect * OPEN_CONNECT_TIMES;
        let opening = async move { open(printer, driver).await.map(|link| Box::new(link) as Box<dyn Link>) };
        async move { timeout(limit, opening).await.unwrap_or(Err(NotReady::Asleep)) }.boxed()
    }

    fn can_ask(&self) -> bool {
        true
    }

    fn ask(&self, tag: &JobTag) -> BoxFuture<'static, Answer> {
        let (printer, mut driver, tag) = (self.0.clone(), self.driver(), tag.clone());
        let limit = printer.timing.connect;
        let asking = async move {
            match Client::new(printer, &tag.user) {
                Ok(mut client) => client.what_became(&mut driver, &tag).await,
                Err(why) => Answer::NotReady(why),
            }
        };
        async move { timeout(limit, asking).await.unwrap_or(Answer::NotReady(NotReady::Asleep)) }.boxed()
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn cancel(&self, tag: &JobTag) -> BoxFuture<'static, Result<(), CancelFailed>> {
        let (printer, mut driver, tag) = (self.0.clone(), self.driver(), tag.clone());
        let limit = printer.timing.connect;
        let telling = async move {
            let mut client = Client::new(printer, &tag.user).map_err(CancelFailed::NotReady)?;
            client.cancel_job(&mut driver, &tag).await
        };
        async move { timeout(limit, telling).await.unwrap_or(Err(CancelFailed::NotReady(NotReady::Asleep))) }
            .boxed()
    }

    fn describe(&self) -> BoxFuture<'static, Result<Option<Description>, NotReady>> {
        let (printer, mut driver) = (self.0.clone(), self.driver());
        let limit = printer.timing.connect;
        let asking = async move {
            match Client::new(printer, "")?.meet(&mut driver).await? {
                Meeting::Described(printer) => Ok(Some(facts::description(&printer))),
                Meeting::WantsToKnowWho => Ok(None),
            }
        };
        within(limit, asking).boxed()
    }
}

async fn within<T>(
    limit: std::time::Duration,
    work: impl Future<Output = Result<T, NotReady>>,
) -> Result<T, NotReady> {
    timeout(limit, work).await.unwrap_or(Err(NotReady::Asleep))
}

/// Connects and asks whether the printer can print now. One that wants to know who asks gets a link all the
/// same: it is the job that is held for it, not the printer.
async fn open(printer: Arc<Printer>, mut driver: OnRuntime) -> Result<IppLink, NotReady> {
    let mut client = Client::new(printer, "")?;
    let met = match client.meet(&mut driver).await? {
        Meeting::Described(printer) => match ready::not_ready(&printer) {
            Some(why) => return Err(why),
            None => Met::Ready(printer),
        },
        Meeting::WantsToKnowWho => Met::WantsToKnowWho,
    };
    client.printer().known().links += 1;
    let switch = Switch::new().map_err(|error| connect::not_ready(&error))?;
    Ok(IppLink::new(client, met, switch, tokio::runtime::Handle::current()))
}
