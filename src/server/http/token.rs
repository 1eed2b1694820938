//! Secrets: the administrator's token, short-lived passes, and the tokens in jobs' secret links.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::time::MonoTime;

/// Random bytes in a secret.
const SECRET_BYTES: usize = 32;
/// The shortest token that is taken from the file, characters.
const TOKEN_CHARS_MIN: usize = 32;
/// The longest file that is looked at, bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// How long a pass is good.
pub const PASS_GOOD: Duration = Duration::from_secs(5 * 60);
/// Passes at once.
pub const PASSES_MAX: usize = 64;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot use the administrator's token in {}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no token of {TOKEN_CHARS_MIN} visible characters; remove it, and a new one is made at the next start", .path.display())]
    Bad { path: PathBuf },
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

/// A fresh secret: 64 hexadecimal digits.
pub fn fresh() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares in a time that does not depend on where they differ, nor on the length of what was shown.
pub fn matches(shown: &str, kept: &[u8; 32]) -> bool {
    hash(shown).ct_eq(kept).into()
}

/// The administrator's token. Only its hash stays in memory.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token in the file at `path`, which is made with mode 0600 if it is not there. It is whole or not there,
    /// whenever the power fails.
    pub fn load_or_create(path: &Path) -> Result<Token, TokenError> {
        let failed = |source| TokenError::File { path: path.to_owned(), source };
        match read(path) {
            Ok(text) => Token::parse(text.trim()).ok_or_else(|| TokenError::Bad { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = fresh().map_err(TokenError::NoRandomness)?;
                write(path, &secret).map_err(failed)?;
                log::info!("made the administrator's token path={}", path.display());
                Ok(Token { hash: hash(&secret) })
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn parse(text: &str) -> Option<Token> {
        let good = text.len() >= TOKEN_CHARS_MIN && text.bytes().all(|c| c.is_ascii_graphic());
        good.then(|| Token { hash: hash(text) })
    }

    pub fn is(&self, shown: &str) -> bool {
        matches(shown, &self.hash)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        log::warn!(
            "others could read the administrator's token; its mode is now 0600 path={}",
            path.display()
        );
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    let new = path.with_extension("token.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(NO_FOLLOW).open(&new)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[allow(clippy::cast_possible_wrap, reason = "a flag")]
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Secrets that are good for minutes, as bearer tokens or as one-time codes; in memory only: a restart ends them.
#[derive(Debug, Default)]
pub struct Passes {
    given: Mutex<Vec<([u8; 32], MonoTime)>>,
}

/// As many passes as there may be are in use; one ends after this wait.
#[derive(Debug)]
pub struct TooManyPasses(pub Duration);

impl Passes {
    /// Takes `secret` as a pass that is good for [`PASS_GOOD`] from now on.
    pub fn give(&self, secret: &str, now: MonoTime) -> Result<(), TooManyPasses> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|(_, until)| *until > now);
        if given.len() >= PASSES_MAX {
            let first = given.iter().map(|(_, until)| *until).min().unwrap_or(now);
            return Err(TooManyPasses(first.since(now)));
        }
        given.push((hash(secret), now.plus(PASS_GOOD)));
        Ok(())
    }

    /// Whether it is one, which from now on it is not any more.
    pub fn take(&self, shown: &str, now: MonoTime) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let found = given.iter().position(|(kept, until)| *until > now && matches(shown, kept));
        found.map(|at| given.swap_remove(at)).is_some()
    }

    pub fn has(&self, shown: &str, now: MonoTime) -> bool {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.iter().any(|(kept, until)| *until > now && matches(shown, kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_kept_secret() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("admin.token");
        Token::load_or_create(&path).expect("a new token");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let secret = fs::read_to_string(&path).expect("the file");
        let again = Token::load_or_create(&path).expect("the same token");
        assert!(again.is(secret.trim()));
        assert!(!again.is("") && !again.is(&secret[..63]) && !again.is(&secret));
        assert_eq!(fs::read_to_string(&path).expect("the file"), secret);
    }

    #[test]
    fn a_token_that_others_could_read_is_closed_and_a_bad_one_is_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("admin.token");
        fs::write(&path, format!("{}\n", "x".repeat(32))).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        Token::load_or_create(&path).expect("a token");
        assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);

        for bad in ["", "short", &"ä".repeat(32)] {
            fs::write(&path, bad).expect("a file");
            let error = Token::load_or_create(&path).expect_err("no token");
            assert!(matches!(error, TokenError::Bad { .. }), "{error}");
        }
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("a link");
        assert!(Token::load_or_create(&path).is_err());
    }

    #[test]
    fn what_is_taken_is_gone() {
        let codes = Passes::default();
        let start = MonoTime::default();
        codes.give("a", start).expect("room");
        codes.give("b", start).expect("room");
        assert!(!codes.take("c", start));
        assert!(codes.take("a", start) && !codes.take("a", start) && !codes.has("a", start));
        assert!(!codes.take("b", start.plus(PASS_GOOD)));
    }

    #[test]
    fn passes_end_and_are_bounded() {
        let passes = Passes::default();
        let start = MonoTime::default();
        passes.give("a", start).expect("room");
        assert!(passes.has("a", start) && !passes.has("b", start));
        assert!(!passes.has("a", start.plus(PASS_GOOD)));
        for _ in 1..PASSES_MAX {
            passes.give("b", start).expect("room");
        }
        let full = passes.give("c", start.plus(Duration::from_secs(1))).expect_err("full");
        assert_eq!(full.0, PASS_GOOD - Duration::from_secs(1));
        passes.give("c", start.plus(PASS_GOOD)).expect("the others have ended");
    }
}
