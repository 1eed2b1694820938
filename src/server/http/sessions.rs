//! Who is logged in. A session is known by a cookie, whose hash alone is kept: in memory for every request, and in the
//! store, so that a restart logs nobody out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::token;
use crate::actors::front::Core;
use crate::model::intake::Refusal;
use crate::model::time::WallTime;
use crate::store::ReadError;

/// The cookie's name.
pub const COOKIE_NAME: &str = "spool_session";
/// A session ends this long after it was last used,
pub const IDLE_MAX: Duration = Duration::from_secs(12 * 3600);
/// and this long after it began, however it was used.
pub const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions at once; one more ends the one that was not used for longest.
pub const SESSIONS_MAX: usize = 64;
/// How much of a session's life a restart may forget. It is not written at each use.
const UNSAVED_MAX: Duration = Duration::from_secs(10 * 60);
/// Under this name they are in the store.
const SETTING: &str = "sessions";

/// What a session is known by on this side: the hash of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    pub fn of(secret: &str) -> SessionKey {
        SessionKey(token::hash(secret))
    }

    /// The one that a request shows.
    pub fn shown(headers: &HeaderMap) -> Option<SessionKey> {
        let fields = headers.get_all(COOKIE).filter_map(|field| field.to_str().ok());
        let mut pairs =
            fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, secret)| SessionKey::of(secret))
    }
}

#[derive(Clone, Copy, Debug)]
struct Session {
    key: SessionKey,
    begun_at: WallTime,
    used_at: WallTime,
    /// What the store knows of `used_at`.
    saved_at: WallTime,
}

impl Session {
    fn expires_at(&self) -> WallTime {
        self.used_at.plus(IDLE_MAX).min(self.begun_at.plus(AGE_MAX))
    }
}

/// A session as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// SHA-256 of the secret, in hexadecimal digits.
    hash: String,
    /// Milliseconds since 1970, as is `used_at`.
    begun_at: u64,
    used_at: u64,
}

/// The sessions, as they follow from what happens.
#[derive(Debug, Default)]
struct Table(Vec<Session>);

impl Table {
    fn begin(&mut self, key: SessionKey, now: WallTime) -> WallTime {
        self.0.retain(|session| session.expires_at() > now);
        if self.0.len() >= SESSIONS_MAX
            && let Some(idle) = (0..self.0.len()).min_by_key(|at| self.0[*at].used_at)
        {
            self.0.swap_remove(idle);
        }
        let session = Session { key, begun_at: now, used_at: now, saved_at: now };
        self.0.push(session);
        session.expires_at()
    }

    fn find(&mut self, key: SessionKey, now: WallTime) -> Option<&mut Session> {
        let known = |session: &&mut Session| bool::from(session.key.0.ct_eq(&key.0));
        self.0.iter_mut().find(known).filter(|session| session.expires_at() > now)
    }

    fn end(&mut self, key: SessionKey) {
        self.0.retain(|session| session.key != key);
    }

    /// Whether a restart would forget more than it may.
    fn is_stale(&self) -> bool {
        self.0.iter().any(|session| session.used_at > session.saved_at.plus(UNSAVED_MAX))
    }

    /// All of it for the store, which is taken as having it.
    fn save(&mut self) -> Vec<u8> {
        let stored = |session: &mut Session| {
            session.saved_at = session.used_at;
            Stored {
                hash: hex::encode(session.key.0),
                begun_at: session.begun_at.0,
                used_at: session.used_at.0,
            }
        };
        serde_json::to_vec(&self.0.iter_mut().map(stored).collect::<Vec<_>>()).unwrap_or_default()
    }

    /// `None` where this is not what [`Table::save`] writes.
    fn load(bytes: &[u8]) -> Option<Table> {
        let stored: Vec<Stored> = serde_json::from_slice(bytes).ok()?;
        let session = |stored: Stored| {
            let mut hash = [0; 32];
            hex::decode_to_slice(&stored.hash, &mut hash).ok()?;
            let used_at = WallTime(stored.used_at);
            let begun_at = WallTime(stored.begun_at);
            Some(Session { key: SessionKey(hash), begun_at, used_at, saved_at: used_at })
        };
        stored.into_iter().take(SESSIONS_MAX).map(session).collect::<Option<Vec<_>>>().map(Table)
    }
}

/// The sessions of a server.
pub struct Sessions {
    core: Arc<dyn Core>,
    table: Mutex<Table>,
    /// Held while they are written, so that an older list never follows a newer one.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Sessions {
    pub fn new(core: Arc<dyn Core>) -> Sessions {
        Sessions { core, table: Mutex::default(), writing: Arc::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those that the store has. What cannot be understood there logs everybody out, and no more.
    pub async fn restore(&self) -> Result<(), ReadError> {
        let Some(bytes) = self.core.store().setting(SETTING).await? else { return Ok(()) };
        match Table::load(&bytes) {
            Some(table) => *self.table() = table,
            None => log::warn!("the stored sessions are not understood; everybody has to log in again"),
        }
        Ok(())
    }

    /// Begins the session of `key`, in place of `former`; Ok means on disk. Answers when it ends if it is not used.
    pub async fn begin(
        &self,
        key: SessionKey,
        former: Option<SessionKey>,
        now: WallTime,
    ) -> Result<WallTime, Refusal> {
        let expires_at = {
            let mut table = self.table();
            former.into_iter().for_each(|former| table.end(former));
            table.begin(key, now)
        };
        match self.write().await {
            Ok(()) => Ok(expires_at),
            Err(refusal) => {
                self.table().end(key);
                Err(refusal)
            }
        }
    }

    /// Uses a session: when it ends now, or `None` where there is none.
    pub fn touch(&self, key: SessionKey, now: WallTime) -> Option<WallTime> {
        let mut table = self.table();
        let session = table.find(key, now)?;
        session.used_at = now;
        Some(session.expires_at())
    }

    /// Whether a session lives, without using it.
    pub fn lives(&self, key: SessionKey, now: WallTime) -> bool {
        self.table().find(key, now).is_some()
    }

    /// Ends a session at once; Ok means that no restart brings it back.
    pub async fn end(&self, key: SessionKey) -> Result<(), Refusal> {
        self.table().end(key);
        self.write().await
    }

    /// Writes them where a restart would forget too much; returns at once.
    pub fn keep(self: &Arc<Self>) {
        if !self.table().is_stale() {
            return;
        }
        let sessions = Arc::clone(self);
        actix_web::rt::spawn(async move {
            if let Err(refusal) = sessions.write().await {
                log::warn!("the sessions cannot be stored: {refusal}");
            }
        });
    }

    async fn write(&self) -> Result<(), Refusal> {
        let _one = self.writing.lock().await;
        let bytes = self.table().save();
        self.core.keep_setting(SETTING.to_owned(), bytes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    const START: WallTime = WallTime(1_767_225_600_000);

    fn key(n: usize) -> SessionKey {
        SessionKey::of(&n.to_string())
    }

    fn touch(table: &mut Table, n: usize, now: WallTime) -> bool {
        table.find(key(n), now).map(|session| session.used_at = now).is_some()
    }

    #[test]
    fn a_session_lives_while_it_is_used_and_not_for_ever() {
        let mut table = Table::default();
        assert_eq!(table.begin(key(1), START), START.plus(IDLE_MAX));
        assert!(!touch(&mut table, 2, START), "another secret");
        assert!(!touch(&mut table, 1, START.plus(IDLE_MAX)), "it was not used");

        let step = IDLE_MAX / 2;
        let mut now = START;
        while now.plus(step) < START.plus(AGE_MAX) {
            now = now.plus(step);
            assert!(touch(&mut table, 1, now), "{now:?}");
        }
        assert!(!touch(&mut table, 1, START.plus(AGE_MAX)), "however it was used");
    }

    #[test]
    fn one_session_too_many_ends_the_idlest() {
        let mut table = Table::default();
        for n in 0..SESSIONS_MAX {
            table.begin(key(n), START.plus(Duration::from_secs(n as u64)));
        }
        let later = START.plus(Duration::from_secs(3600));
        assert!(touch(&mut table, 0, later));
        table.begin(key(1000), later);
        assert_eq!(table.0.len(), SESSIONS_MAX);
        assert!(touch(&mut table, 0, later) && touch(&mut table, 1000, later));
        assert!(!touch(&mut table, 1, later));
    }

    #[test]
    fn what_is_stored_is_read_again_and_holds_no_secret() {
        let mut table = Table::default();
        table.begin(SessionKey::of("secret"), START);
        let later = START.plus(UNSAVED_MAX);
        table.find(SessionKey::of("secret"), later).expect("it lives").used_at = later;
        assert!(!table.is_stale());
        table.find(SessionKey::of("secret"), later).expect("it lives").used_at = later.plus(UNSAVED_MAX);
        assert!(table.is_stale());
        let bytes = table.save();
        assert!(!table.is_stale() && !String::from_utf8_lossy(&bytes).contains("secret"));
        let mut again = Table::load(&bytes).expect("readable");
        let found = again.find(SessionKey::of("secret"), later).expect("it is there");
        assert_eq!((found.begun_at, found.used_at), (START, later.plus(UNSAVED_MAX)));
        assert!(
            Table::load(b"{}").is_none()
                && Table::load(br#"[{"hash":"00","begun_at":1,"used_at":1}]"#).is_none()
        );
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let shown = |fields: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(COOKIE, HeaderValue::from_static(field));
            }
            SessionKey::shown(&headers)
        };
        let expected = Some(SessionKey::of("ab"));
        assert_eq!(shown(&["spool_session=ab"]), expected);
        assert_eq!(shown(&["theme=dark; spool_session=ab; x=y"]), expected);
        assert_eq!(shown(&["theme=dark", "x; spool_session=ab"]), expected);
        assert_eq!(shown(&["my_spool_session=ab"]), None);
        assert_eq!(shown(&[]), None);
    }
}
