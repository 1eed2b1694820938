//! The limit of open files: raised as far as the system allows, and told where that may be too little.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files of a server without printers: its store, its own threads, and clients at the usual rate.
const FOR_THE_SERVER: u64 = 512;
/// A printer at work has a connection and a document open.
const FOR_A_PRINTER: u64 = 2;

/// Raises the limit that holds to the highest that this process may set. Answers what holds then; `None`: there
/// is no limit.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            log::warn!(error:%; "the limit of open files cannot be raised");
            current
        }
    }
}

/// What is to be said of a limit, for so many printers; `None` where it is enough.
pub fn too_low(limit: Option<u64>, printers: usize) -> Option<String> {
    let wanted = FOR_THE_SERVER + FOR_A_PRINTER.saturating_mul(printers as u64);
    let limit = limit.filter(|limit| *limit < wanted)?;
    Some(format!(
        "this process may open {limit} files, and {printers} printers can need {wanted}: raise its limit \
         (LimitNOFILE={wanted} in the unit of systemd, or ulimit -Hn), else some printers wait for others"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_told() {
        assert_eq!(too_low(None, 100_000), None);
        assert_eq!(too_low(Some(1024), 256), None);
        let told = too_low(Some(1024), 257).unwrap();
        assert!(told.contains("1024 files") && told.contains("LimitNOFILE=1026"), "{told}");
    }
}
