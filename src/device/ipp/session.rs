//! Exchanges with one printer, over as many connections as it takes: broken ones are replaced, TLS is begun
//! where the printer wants it, and it is told who asks where it wants to know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Lost};
use super::credentials::{self, Basic};
use super::driver::{Driver, NoWay};
use super::http::{self, Expect, Head, Keeps, Reply};
use super::known::{AsksWho, Printer, Tls};
use super::tls::Fingerprint;
use super::wire::Wire;
use crate::model::retry::{Broken, NotReady};

/// How often one request is made at most: a stale connection, a password asked for, and TLS asked for are
/// each a reason to make it again.
const TRIES_MAX: usize = 4;
/// How long leave to send a document is waited for (RFC 9110 section 10.1.1 leaves it to us).
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// Why there is no answer of IPP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Stopped,
    /// There is no connection to it.
    NotReady(NotReady),
    /// The connection ended before the answer.
    Broken(Broken),
    /// It answered, with this status of HTTP.
    Http(u16),
    /// It answered what nobody understands.
    Nonsense(String),
}

impl From<Lost> for Trouble {
    fn from(lost: Lost) -> Trouble {
        match lost {
            Lost::Stopped => Trouble::Stopped,
            Lost::Broken(broken) => Trouble::Broken(broken),
            Lost::Nonsense(words) => Trouble::Nonsense(words),
        }
    }
}

impl From<NoWay> for Trouble {
    fn from(no_way: NoWay) -> Trouble {
        match no_way {
            NoWay::Stopped => Trouble::Stopped,
            NoWay::NotReady(why) => Trouble::NotReady(why),
        }
    }
}

/// A request whose document may follow, or its answer.
#[derive(Debug)]
pub enum Begun {
    Document,
    Answered(Vec<u8>),
}

/// What came of a piece of a document.
#[derive(Debug)]
pub struct Piece {
    pub bytes: usize,
    pub answer: Option<Vec<u8>>,
}

/// What an answer of HTTP leads to.
enum Next {
    Body(Vec<u8>),
    Again,
}

/// One conversation with a printer.
pub struct Session {
    pub printer: Arc<Printer>,
    basic: Option<Basic>,
    connection: Option<Connection>,
    peer: Option<SocketAddr>,
    expect: Expect,
}

impl Session {
    /// Reads the credentials; an error tells what is wrong with their file.
    pub fn new(printer: Arc<Printer>) -> Result<Session, NotReady> {
        let basic =
            printer.credentials.as_deref().map(credentials::read).transpose().map_err(NotReady::Other)?;
        Ok(Session { printer, basic, connection: None, peer: None, expect: Expect::Continue })
    }

    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Sends a request without a document and gives the body of its answer, which came with status 200.
    pub async fn exchange<D: Driver>(
        &mut self,
        driver: &mut D,
        message: &[u8],
        longest: Option<Duration>,
    ) -> Result<Vec<u8>, Trouble> {
        for _ in 0..TRIES_MAX {
            let (connection, told) = self.ready(driver).await?;
            let stale = connection.used;
            let head = self.head(told, message.len() as u64, Expect::Nothing);
            let answer = self.say(driver, &[head.as_slice(), message].concat(), longest).await;
            match answer {
                Ok(reply) => match self.judge(reply, told)? {
                    Next::Body(body) => return Ok(body),
                    Next::Again => {}
                },
                Err(Trouble::Broken(_)) if stale => self.connection = None,
                Err(trouble) => {
                    self.connection = None;
                    return Err(trouble);
                }
            }
        }
        Err(Trouble::Nonsense("it asks for the same again and again".to_owned()))
    }

    /// Sends a request that a document of so many bytes follows. Nothing of the document has left when this
    /// fails.
    pub async fn begin<D: Driver>(
        &mut self,
        driver: &mut D,
        message: &[u8],
        document_bytes: u64,
    ) -> Result<Begun, Trouble> {
        for _ in 0..TRIES_MAX {
            let (connection, told) = self.ready(driver).await?;
            let stale = connection.used;
            let head = self.head(told, message.len() as u64 + document_bytes, self.expect);
            let request = [head.as_slice(), message].concat();
            let answer = match self.leave(driver, &request).await {
                Ok(None) => return Ok(Begun::Document),
                Ok(Some(reply)) => reply,
                Err(Trouble::Broken(_)) if stale => {
                    self.connection = None;
                    continue;
                }
                Err(trouble) => {
                    self.connection = None;
                    return Err(trouble);
                }
            };
            // What follows on this connection would be taken for the document.
            self.connection = None;
            match answer.status {
                417 if self.expect == Expect::Continue => self.expect = Expect::Nothing,
                _ => match self.judge(answer, told)? {
                    Next::Body(body) => return Ok(Begun::Answered(body)),
                    Next::Again => {}
                },
            }
        }
        Err(Trouble::Nonsense("it asks for the same again and again".to_owned()))
    }

    /// Hands over a piece of the document. With an answer it may be less than all of it.
    pub async fn piece<D: Driver>(
        &mut self,
        driver: &mut D,
        bytes: &[u8],
        taken: &mut impl FnMut(usize, &Wire) -> u64,
    ) -> Result<Piece, Trouble> {
        let Some(connection) = &mut self.connection else { return Err(Trouble::Broken(Broken::EarlyClose)) };
        let sent = connection.send(driver, bytes, taken).await?;
        let answer = sent.early.map(body).transpose()?;
        Ok(Piece { bytes: sent.bytes, answer })
    }

    /// The answer after the last piece; `None` where it has not come within `longest`.
    pub async fn end<D: Driver>(
        &mut self,
        driver: &mut D,
        longest: Duration,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(connection) = &mut self.connection else { return Err(Trouble::Broken(Broken::EarlyClose)) };
        let Some(reply) = connection.reply(driver, Some(longest)).await? else { return Ok(None) };
        if reply.keeps == Keeps::Closes {
            self.connection = None;
        }
        body(reply).map(Some)
    }

    /// Lets go of the connection; another one is made when it is needed.
    pub fn hang_up(&mut self) -> Option<Connection> {
        self.connection.take()
    }

    /// A connection that can be used, and what it may be told of who asks.
    async fn ready<D: Driver>(&mut self, driver: &mut D) -> Result<(&Connection, Told), Trouble> {
        if self.connection.as_mut().is_none_or(Connection::is_stale) {
            self.connection = None;
            self.connection = Some(self.connect(driver).await?);
        }
        let told = self.told();
        match &self.connection {
            Some(connection) => Ok((connection, told)),
            None => Err(Trouble::Broken(Broken::EarlyClose)),
        }
    }

    async fn connect<D: Driver>(&mut self, driver: &mut D) -> Result<Connection, Trouble> {
        let (place, tls) = (&self.printer.place, self.printer.known().tls);
        let wire = Wire::plain(driver.connect(&place.at, self.peer).await?);
        self.peer = wire.peer().ok();
        let wire = match tls {
            Tls::Never => return Ok(Connection::new(wire)),
            Tls::AtOnce => wire,
            Tls::Upgrade => self.upgrade(driver, wire).await?,
        };
        let encrypted =
            wire.encrypted(&place.at.host).map_err(|error| Trouble::Nonsense(error.to_string()))?;
        let mut connection = Connection::new(encrypted);
        connection.shake(driver).await?;
        if tls == Tls::Upgrade {
            // The answer to the word in plain text comes under TLS (RFC 2817 section 3.3).
            connection.skip_answer(driver, self.printer.timing.silence).await?;
        }
        self.meet(connection.wire.fingerprint());
        Ok(connection)
    }

    /// Asks for TLS in plain text.
    async fn upgrade<D: Driver>(&self, driver: &mut D, wire: Wire) -> Result<Wire, Trouble> {
        let mut connection = Connection::new(wire);
        let request = http::upgrade(&self.printer.place.authority());
        let sent = connection.send(driver, &request, &mut |_, _| 0).await?;
        let reply = match sent.early {
            Some(reply) => Some(reply),
            None => connection.reply(driver, Some(self.printer.timing.silence)).await?,
        };
        match reply.map(|reply| reply.status) {
            Some(101) => Ok(connection.wire),
            Some(status) => Err(Trouble::Http(status)),
            None => Err(Trouble::Broken(Broken::Silent)),
        }
    }

    /// Remembers the first certificate, and tells of another one.
    fn meet(&self, shown: Option<Fingerprint>) {
        let mut known = self.printer.known();
        let Some(shown) = shown else { return };
        if *known.certificate.get_or_insert(shown) != shown {
            log::warn!(printer = self.printer.place.authority(), certificate = shown.to_string();
                "the printer shows another certificate than before; no password is sent to it");
        }
    }

    /// A password goes only where the printer asks for one, and under TLS only to the certificate seen first.
    fn told(&self) -> Told {
        let known = self.printer.known();
        let shown = self.connection.as_ref().and_then(|connection| connection.wire.fingerprint());
        match (known.asks_who, shown) {
            (AsksWho::No, _) => Told::Nothing,
            (AsksWho::Yes, Some(shown)) if known.certificate != Some(shown) => Told::Nothing,
            (AsksWho::Yes, _) if self.basic.is_some() => Told::Password,
            (AsksWho::Yes, _) => Told::Nothing,
        }
    }

    fn head(&self, told: Told, length: u64, expect: Expect) -> Vec<u8> {
        let authorization = match told {
            Told::Nothing => None,
            Told::Password => self.basic.as_ref().map(Basic::header),
        };
        let (host, path) = (self.printer.place.authority(), self.printer.known().path.clone());
        http::post(&Head { host: &host, path: &path, authorization, length, expect })
    }

    async fn say<D: Driver>(
        &mut self,
        driver: &mut D,
        request: &[u8],
        longest: Option<Duration>,
    ) -> Result<Reply, Trouble> {
        let Some(connection) = &mut self.connection else { return Err(Trouble::Broken(Broken::EarlyClose)) };
        let taken = driver.taken();
        let sent = connection.send(driver, request, &mut |_, _| taken).await?;
        let early = sent.early.is_some() && sent.bytes < request.len();
        let reply = match sent.early {
            Some(reply) => Some(reply),
            None => connection.reply(driver, longest).await?,
        };
        let reply = reply.ok_or(Trouble::Broken(Broken::Silent))?;
        if early || reply.keeps == Keeps::Closes {
            self.connection = None;
        }
        Ok(reply)
    }

    async fn leave<D: Driver>(&mut self, driver: &mut D, request: &[u8]) -> Result<Option<Reply>, Trouble> {
        let expect = self.expect;
        let Some(connection) = &mut self.connection else { return Err(Trouble::Broken(Broken::EarlyClose)) };
        let taken = driver.taken();
        let sent = connection.send(driver, request, &mut |_, _| taken).await?;
        match (sent.early, expect) {
            (Some(reply), _) => Ok(Some(reply)),
            (None, Expect::Continue) => Ok(connection.leave(driver, LEAVE_WAIT).await?),
            (None, Expect::Nothing) => Ok(None),
        }
    }

    fn judge(&mut self, reply: Reply, told: Told) -> Result<Next, Trouble> {
        let mut known = self.printer.known();
        match reply.status {
            401 if reply.basic && told == Told::Nothing && self.basic.is_some() => {
                let first_time = known.asks_who == AsksWho::No;
                known.asks_who = AsksWho::Yes;
                if first_time { Ok(Next::Again) } else { Err(Trouble::Http(401)) }
            }
            426 if known.tls == Tls::Never => {
                known.tls = Tls::Upgrade;
                drop(known);
                self.connection = None;
                Ok(Next::Again)
            }
            200 => Ok(Next::Body(reply.body)),
            status => Err(Trouble::Http(status)),
        }
    }
}

/// What a request says of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Password,
}

fn body(reply: Reply) -> Result<Vec<u8>, Trouble> {
    if reply.status == 200 { Ok(reply.body) } else { Err(Trouble::Http(reply.status)) }
}
