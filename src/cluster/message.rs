//! What nodes say to one another, as JSON. A word that is not understood makes the message none: nodes of different
//! versions refuse each other rather than misunderstand.

pub mod order;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::cluster::metrics::{Metrics, QUEUES_TOLD_MAX, QueueLoad, Taking};
use crate::model::cluster::node::{Node, NodeName, NodeUrl, Role};
use crate::model::document::Format;
use crate::model::id::QueueName;

/// The largest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Where measurements are sent.
pub const METRICS_PATH: &str = "/cluster/v1/metrics";

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeWords {
    name: String,
    url: String,
    roles: Vec<String>,
}

/// A node tells how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    node: NodeWords,
    metrics: MetricsWords,
}

/// Who has heard it, and whom else it knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    node: NodeWords,
    others: Vec<String>,
}

/// A measurement. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsWords {
    seq: u64,
    taking: String,
    queued_jobs: u64,
    queued_bytes: u64,
    expected_completion: Option<u64>,
    busy_workers: u32,
    cpu_permille: Option<u16>,
    free_disk: Option<u64>,
    default: Option<String>,
    queues: Vec<QueueWords>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueWords {
    name: String,
    accepting: bool,
    shared: bool,
    able: bool,
    formats: Vec<String>,
    queued_jobs: u64,
    queued_bytes: u64,
    bytes_per_s: Option<u64>,
    expected_wait: Option<u64>,
}

impl From<&Node> for NodeWords {
    fn from(node: &Node) -> NodeWords {
        let Node { name, url, roles } = node;
        let roles = roles.iter().map(|role| role.word().to_owned()).collect();
        NodeWords { name: name.to_string(), url: url.to_string(), roles }
    }
}

impl NodeWords {
    pub fn node(&self) -> Option<Node> {
        let role = |word: &String| Role::ALL.into_iter().find(|role| role.word() == word);
        Some(Node {
            name: NodeName::new(&self.name).ok()?,
            url: NodeUrl::new(&self.url)?,
            roles: self.roles.iter().map(role).collect::<Option<_>>()?,
        })
    }
}

impl Told {
    pub fn new(node: &Node, metrics: &Metrics) -> Told {
        Told { node: node.into(), metrics: metrics.into() }
    }

    /// `None` where a word of it is none.
    pub fn understood(&self) -> Option<(Node, Metrics)> {
        Some((self.node.node()?, self.metrics.metrics()?))
    }
}

impl Noted {
    pub fn new<'a>(node: &Node, others: impl Iterator<Item = &'a NodeUrl>) -> Noted {
        Noted { node: node.into(), others: others.map(ToString::to_string).collect() }
    }

    pub fn understood(&self) -> Option<(Node, Vec<NodeUrl>)> {
        let others = self.others.iter().map(|url| NodeUrl::new(url)).collect::<Option<_>>()?;
        Some((self.node.node()?, others))
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<&Metrics> for MetricsWords {
    fn from(metrics: &Metrics) -> MetricsWords {
        let Metrics { seq, taking, queued_jobs, queued_bytes, expected_completion, busy_workers, .. } =
            metrics;
        let Metrics { cpu_permille, free_disk, default, queues, .. } = metrics;
        MetricsWords {
            seq: *seq,
            taking: taking.word().to_owned(),
            queued_jobs: *queued_jobs,
            queued_bytes: *queued_bytes,
            expected_completion: expected_completion.map(millis),
            busy_workers: *busy_workers,
            cpu_permille: *cpu_permille,
            free_disk: *free_disk,
            default: default.as_ref().map(ToString::to_string),
            queues: queues.iter().take(QUEUES_TOLD_MAX).map(QueueWords::from).collect(),
        }
    }
}

impl MetricsWords {
    fn metrics(&self) -> Option<Metrics> {
        Some(Metrics {
            seq: self.seq,
            taking: Taking::from_word(&self.taking)?,
            queued_jobs: self.queued_jobs,
            queued_bytes: self.queued_bytes,
            expected_completion: self.expected_completion.map(Duration::from_millis),
            busy_workers: self.busy_workers,
            cpu_permille: self.cpu_permille,
            free_disk: self.free_disk,
            default: self.default.as_deref().map(QueueName::new).transpose().ok()?,
            queues: Arc::new(self.queues.iter().map(QueueWords::load).collect::<Option<_>>()?),
        })
    }
}

impl From<&QueueLoad> for QueueWords {
    fn from(load: &QueueLoad) -> QueueWords {
        let QueueLoad { name, accepting, shared, able, formats, queued_jobs, queued_bytes, .. } = load;
        let QueueLoad { bytes_per_s, expected_wait, .. } = load;
        QueueWords {
            name: name.to_string(),
            accepting: *accepting,
            shared: *shared,
            able: *able,
            formats: formats.iter().map(|format| format.media_type().to_owned()).collect(),
            queued_jobs: *queued_jobs,
            queued_bytes: *queued_bytes,
            bytes_per_s: *bytes_per_s,
            expected_wait: expected_wait.map(millis),
        }
    }
}

impl QueueWords {
    fn load(&self) -> Option<QueueLoad> {
        Some(QueueLoad {
            name: QueueName::new(&self.name).ok()?,
            accepting: self.accepting,
            shared: self.shared,
            able: self.able,
            formats: self.formats.iter().map(|format| Format::from_media_type(format)).collect(),
            queued_jobs: self.queued_jobs,
            queued_bytes: self.queued_bytes,
            bytes_per_s: self.bytes_per_s,
            expected_wait: self.expected_wait.map(Duration::from_millis),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let node = Node {
            name: NodeName::new("spool-b").unwrap(),
            url: NodeUrl::new("http://127.0.0.3:8631").unwrap(),
            roles: [Role::Server, Role::Entry].into_iter().collect(),
        };
        let queue = QueueLoad {
            name: QueueName::new("office").unwrap(),
            accepting: true,
            shared: true,
            able: false,
            formats: vec![Format::Pdf, Format::Urf],
            queued_jobs: 3,
            queued_bytes: 4,
            bytes_per_s: Some(5),
            expected_wait: Some(Duration::from_millis(6)),
        };
        let metrics = Metrics {
            seq: 1,
            taking: Taking::DiskFull,
            queued_jobs: 2,
            queued_bytes: 3,
            expected_completion: Some(Duration::from_secs(4)),
            busy_workers: 5,
            cpu_permille: Some(6),
            free_disk: Some(7),
            default: Some(queue.name.clone()),
            queues: Arc::new(vec![queue]),
        };
        let text = serde_json::to_string(&Told::new(&node, &metrics)).unwrap();
        let told: Told = serde_json::from_str(&text).unwrap();
        assert_eq!(told.understood(), Some((node.clone(), metrics)));
        let noted = Noted::new(&node, [&node.url].into_iter());
        assert_eq!(noted.understood(), Some((Node { roles: node.roles, ..node.clone() }, vec![node.url])));
        for (good, bad) in [
            ("spool-b", "-b"),
            ("http://127.0.0.3:8631", "http://127.0.0.3"),
            ("\"server\"", "\"serf\""),
            ("disk-full", "fuller"),
        ] {
            let told: Told = serde_json::from_str(&text.replace(good, bad)).unwrap();
            assert_eq!(told.understood(), None, "{bad}");
        }
    }
}
