//! The secret that the nodes of a cluster share. It is never shown, logged or sent.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The shortest secret, characters.
const SECRET_CHARS_MIN: usize = 32;
/// The longest file that is looked at, bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// The key of the signatures: SHA-256 of the secret, filled up to a block of the hash.
#[derive(Clone)]
pub struct Secret([u8; 64]);

/// Never the secret.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read cluster.secret_file {}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cluster.secret_file {} can be read by others; make it the server's alone: chmod 600 {}", .path.display(), .path.display())]
    Open { path: PathBuf },
    #[error(
        "cluster.secret_file {} must hold one line of at least {SECRET_CHARS_MIN} visible characters; make one with: openssl rand -hex 32",
        .path.display()
    )]
    Bad { path: PathBuf },
}

impl Secret {
    /// Reads the file, which nobody else may read.
    pub fn load(path: &Path) -> Result<Secret, SecretError> {
        let failed = |source| SecretError::File { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(SecretError::Open { path: path.to_owned() });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        Secret::new(text.trim()).ok_or_else(|| SecretError::Bad { path: path.to_owned() })
    }

    fn new(text: &str) -> Option<Secret> {
        let good = text.len() >= SECRET_CHARS_MIN && text.bytes().all(|c| c.is_ascii_graphic());
        good.then(|| {
            let mut key = [0; 64];
            key[..32].copy_from_slice(&Sha256::digest(text));
            Secret(key)
        })
    }

    /// HMAC-SHA256 (RFC 2104) over the parts, each behind its length, so that no two lists have the same bytes.
    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn signed(&self, parts: &[&[u8]], signature: &[u8; 32]) -> bool {
        self.over(parts).verify_slice(signature).is_ok()
    }
}

/// `O_NOFOLLOW`: a link that somebody put there is not followed.
#[expect(clippy::cast_possible_wrap, reason = "the flags of the system are a C int")]
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

#[cfg(test)]
pub(super) fn for_tests(letter: char) -> Secret {
    Secret::new(&letter.to_string().repeat(SECRET_CHARS_MIN)).expect("a secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Secret::load(&path).map_err(|error| error.to_string())
        };
        let good = "0123456789abcdef0123456789abcdef\n";
        assert_eq!(format!("{:?}", read(good, 0o600).unwrap()), "Secret(…)");
        for (text, mode, part) in [
            (good, 0o644, "chmod 600"),
            ("short\n", 0o600, "at least 32"),
            ("a b".repeat(20).as_str(), 0o600, "one line"),
        ] {
            let told = read(text, mode).unwrap_err();
            assert!(told.contains(part) && !told.contains(text.trim()), "{told}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Secret::load(&path).unwrap_err().to_string().contains("cannot read"));
    }
}
