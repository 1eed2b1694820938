//! What a configuration that was read again changes, and what of it has to wait for a restart.

use super::Config;

/// The difference between the configuration that runs and the one that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// What holds from now on: what was read, but for what cannot change while the server runs.
    pub config: Config,
    /// The keys whose values are others now. Printers and pools are told of by those who keep them.
    pub changed: Vec<&'static str>,
    /// The keys whose new values hold from the next start on.
    pub needs_restart: Vec<&'static str>,
}

/// Names the keys whose values differ; a line here is a key that the file knows.
macro_rules! differing {
    ($old:expr, $new:expr, [$($section:ident.$key:ident),+ $(,)?]) => {
        [$((stringify!($section.$key), $old.$section.$key != $new.$section.$key)),+]
            .into_iter()
            .filter_map(|(key, differs)| differs.then_some(key))
            .collect::<Vec<&'static str>>()
    };
}

/// Compares the configuration that runs with the one that was read.
pub fn changes(running: &Config, wanted: Config) -> Changes {
    let mut needs_restart =
        differing!(running, wanted, [server.name, server.http, server.state, workers.print, workers.render]);
    let changed = differing!(
        running,
        wanted,
        [
            server.default,
            access.submit,
            access.networks,
            access.hosts,
            access.files,
            limits.document,
            limits.queued_jobs,
            limits.free_disk,
            history.jobs,
            history.documents,
            watch.worker,
            watch.stall,
            watch.render_timeout,
            watch.silence,
            watch.connect,
            retry.backoff,
            retry.grace,
            retry.broken,
            retry.blocked,
        ]
    );
    // Who the others are, and with which secret, is agreed on at the start.
    if running.cluster != wanted.cluster {
        needs_restart.push("cluster");
    }
    let server = super::Server { default: wanted.server.default.clone(), ..running.server.clone() };
    let (workers, cluster) = (running.workers.clone(), running.cluster.clone());
    let config = Config { server, workers, cluster, ..wanted };
    Changes { config, changed, needs_restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::Overrides;

    fn parsed(text: &str) -> Config {
        Config::parse("spool.toml", text, &Overrides::default(), &|_, _| Ok(())).expect("a good file")
    }

    #[test]
    fn nothing_new_changes_nothing() {
        let config = parsed("");
        let expected = Changes { config: config.clone(), changed: vec![], needs_restart: vec![] };
        assert_eq!(changes(&config, config.clone()), expected);
    }

    #[test]
    fn what_cannot_change_stays_and_is_named() {
        let running = parsed("[server]\nname = \"a\"\n");
        let wanted = parsed(
            "[server]\nname = \"b\"\nhttp = \"127.0.0.1:1\"\n[workers]\nprint = 3\n[retry]\nbroken = 2\n\
             [limits]\ndocument = \"1MiB\"\n[cluster]\nnode = \"a\"\nurl = \"http://a:1\"\nsecret_file = \"s\"\n",
        );
        let changes = changes(&running, wanted);
        assert_eq!(changes.needs_restart, ["server.name", "server.http", "workers.print", "cluster"]);
        assert_eq!(changes.config.cluster, None);
        assert_eq!(changes.changed, ["limits.document", "retry.broken"]);
        assert_eq!((&changes.config.server, &changes.config.workers), (&running.server, &running.workers));
        assert_eq!((changes.config.retry.broken, changes.config.limits.document), (2, 1 << 20));
    }

    #[test]
    fn every_key_is_compared() {
        let full = "[server]\nname = \"x\"\nhttp = \"127.0.0.1:1\"\nstate = \"x\"\ndefault = \"files\"\n\
            [access]\nsubmit = \"users\"\nnetworks = [\"10.0.0.0/8\"]\nhosts = [\"x\"]\nfiles = [\"/x\"]\n\
            [limits]\ndocument = \"1MiB\"\nqueued_jobs = 1\nfree_disk = \"1MiB\"\n\
            [history]\njobs = \"1s\"\ndocuments = \"1s\"\n[workers]\nprint = 3\nrender = 200\n\
            [watch]\nworker = \"1s\"\nstall = \"1s\"\nrender_timeout = \"1s\"\nsilence = \"1s\"\nconnect = \"1s\"\n\
            [retry]\nbackoff = [\"2s\", \"3s\"]\ngrace = \"1s\"\nbroken = 1\nblocked = \"1s\"\n";
        let changes = changes(&parsed(""), parsed(full));
        let keys = full.matches(" = ").count();
        assert_eq!(changes.changed.len() + changes.needs_restart.len(), keys, "{changes:?}");
    }
}
