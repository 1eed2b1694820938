//! A printer: what is configured and learned of it (durable), and how it is just now (not).

use super::document::Format;
use super::id::{JobId, PrinterId, QueueName};
use super::options::Options;
use super::pool::speed::InHand;
use super::retry::NotReady;
use super::time::{MonoTime, WallTime};

/// A printer as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printer {
    pub id: PrinterId,
    pub name: QueueName,
    /// Where it is: `socket://10.0.0.20:9100`, `file:…`, `sim:…`. Checked by the device layer before it is
    /// taken.
    pub uri: String,
    pub scheduling: Scheduling,
    /// What it is sent; `None` means: whatever it can take.
    pub format: Option<Format>,
    /// Options for jobs that do not say otherwise.
    pub defaults: Options,
    pub mac: Option<Mac>,
    pub credentials_file: Option<String>,
    pub when_in_doubt: WhenInDoubt,
    pub cancel_printing: CancelPrinting,
    pub reroute: Reroute,
    pub closes: Closes,
    pub stream: Stream,
    pub share: bool,
    pub info: String,
    pub location: String,
    pub origin: Origin,
    /// A person has paused it: it takes jobs and prints none.
    pub paused: bool,
    /// Whether it takes new jobs.
    pub accepting: bool,
}

impl Printer {
    /// A printer with nothing set but its name and place.
    pub fn new(id: PrinterId, name: QueueName, uri: String, origin: Origin) -> Printer {
        Printer {
            id,
            name,
            uri,
            scheduling: Scheduling::default(),
            format: None,
            defaults: Options::default(),
            mac: None,
            credentials_file: None,
            when_in_doubt: WhenInDoubt::default(),
            cancel_printing: CancelPrinting::default(),
            reroute: Reroute::default(),
            closes: Closes::default(),
            stream: Stream::default(),
            share: false,
            info: String::new(),
            location: String::new(),
            origin,
            paused: false,
            accepting: true,
        }
    }
}

/// Who keeps the schedule of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheduling {
    #[default]
    Server,
    Device,
}

/// What becomes of a job of which a byte may have left and no final word came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenInDoubt {
    /// Never lost.
    #[default]
    PrintAgain,
    /// Never twice.
    Hold,
    /// From the first unconfirmed page on, at devices that confirm pages.
    Continue,
}

/// Whether a job that is being printed may be canceled through the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CancelPrinting {
    /// Where the device can cancel a job by its handle.
    #[default]
    Auto,
    /// Refused, as the print server document has it.
    Refuse,
}

/// Where jobs go that were addressed to a printer which fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reroute {
    /// To a member of a pool that the printer belongs to.
    #[default]
    Pool,
    Never,
    To(QueueName),
}

/// Whether the device closes the connection when it has taken a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Closes {
    /// Learned.
    #[default]
    Auto,
    Yes,
    No,
}

/// Whether documents start to print while they still arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stream {
    #[default]
    Never,
    Large,
}

/// Who brought the printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The program, because nobody named one.
    BuiltIn,
    /// The configuration file; read-only elsewhere.
    File,
    /// The HTTP interface.
    Api,
}

/// The hardware address of a network card.
pub type Mac = [u8; 6];

/// What was learned of the device, over all its jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Learned {
    /// It has closed a connection at the end of a job at least once.
    pub has_closed: bool,
    /// How often it stayed silent at the end without ever having closed; stops at [`SILENT_ENDS`].
    pub silent_ends: u8,
    /// Bytes of documents that it is done with in a second, connecting and waiting for its word included.
    pub bytes_per_s: Option<u64>,
}

/// So many silent ends, and a device that has never closed is known not to close.
pub const SILENT_ENDS: u8 = 2;

impl Closes {
    /// Whether the end of a job is confirmed by the device's closing, after what was learned.
    pub fn confirms(self, learned: Learned) -> bool {
        match self {
            Closes::Yes => true,
            Closes::No => false,
            Closes::Auto => learned.has_closed || learned.silent_ends < SILENT_ENDS,
        }
    }
}

/// How a printer is just now. Held in memory, rebuilt by contact with the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterLive {
    pub activity: Activity,
    /// The job it has.
    pub job: Option<JobId>,
    /// Since when it has not been ready; `None` while it is, or nothing is known against it.
    pub not_ready_since: Option<MonoTime>,
    /// Set while it cannot print and has work: when it is tried next.
    pub next_try_at: Option<WallTime>,
    /// For an idle printer: why it was of no use when it was last tried. Without work it is not tried again.
    pub last_trouble: Option<Trouble>,
    /// When it was last sent a wake-up call, while it is off or asleep.
    pub woken_at: Option<WallTime>,
    /// Its hardware address, configured or learned: with it, it can be woken.
    pub mac: Option<Mac>,
    pub load: Load,
}

/// A try that was in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub at: WallTime,
    pub activity: Activity,
}

impl Trouble {
    /// What was found then, for people.
    pub fn sentence(&self) -> String {
        match &self.activity {
            Activity::Recovering => "the connection broke".to_owned(),
            other => other.sentence(),
        }
    }
}

/// What the mates of a printer in its pools must know to share the work with it, and others to tell how long
/// it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub readiness: Readiness,
    pub in_hand: Option<InHand>,
    /// When it took a job last.
    pub took_at: Option<MonoTime>,
    /// Learned; bytes a second.
    pub bytes_per_s: Option<u64>,
}

/// Whether a printer can be reached, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    #[default]
    Unknown,
    /// It is being connected to, since then, and has not answered yet.
    Trying(MonoTime),
    /// It answered then.
    Answered(MonoTime),
}

impl PrinterLive {
    /// Whether people are shown the same of both.
    pub fn looks_like(&self, other: &PrinterLive) -> bool {
        PrinterLive { not_ready_since: self.not_ready_since, load: self.load, ..other.clone() } == *self
    }
}

/// What a printer does, and if nothing, why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing to do, or nothing known yet.
    #[default]
    Idle,
    Connecting,
    Sending,
    /// All has been sent; its word is awaited.
    AwaitingWord,
    /// It has a part of a job and takes no more.
    Blocked,
    /// It cannot print now.
    NotReady(NotReady),
    /// The last connection broke; the next is tried soon.
    Recovering,
    /// The part of the server that serves the printer failed again and again; it is made anew a little later.
    ManagerFailed,
    /// The server cannot write what it must before it may send.
    StoreFull,
    /// The old connection cannot be shut; a second one would mix two jobs on paper.
    Unshut,
}

/// The printer-state of RFC 8011 section 5.4.11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrinterState {
    Idle,
    Processing,
    Stopped,
}

impl PrinterState {
    pub fn word(self) -> &'static str {
        match self {
            PrinterState::Idle => "idle",
            PrinterState::Processing => "processing",
            PrinterState::Stopped => "stopped",
        }
    }
}

/// The state shown for a printer that is paused or not and does this.
pub fn state(paused: bool, activity: &Activity) -> PrinterState {
    match activity {
        Activity::Sending | Activity::AwaitingWord | Activity::Connecting => PrinterState::Processing,
        Activity::Blocked
        | Activity::NotReady(_)
        | Activity::Recovering
        | Activity::ManagerFailed
        | Activity::StoreFull
        | Activity::Unshut => PrinterState::Stopped,
        Activity::Idle if paused => PrinterState::Stopped,
        Activity::Idle => PrinterState::Idle,
    }
}

/// The printer-state-reasons (RFC 8011 section 5.4.12) of that printer; `none` is left out.
pub fn reasons(paused: bool, activity: &Activity) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if paused {
        reasons.push("paused");
    }
    match activity {
        Activity::Idle | Activity::Sending | Activity::AwaitingWord => {}
        Activity::Connecting => reasons.push("connecting-to-device"),
        Activity::Blocked => reasons.push("stopped-partly"),
        Activity::NotReady(why) => reasons.push(why.keyword()),
        Activity::Recovering => reasons.push("connecting-to-device"),
        Activity::ManagerFailed => reasons.push("server-part-failed"),
        Activity::StoreFull => reasons.push("spool-area-full"),
        Activity::Unshut => reasons.push("shutdown"),
    }
    reasons
}

impl Activity {
    /// What the printer does, for people.
    pub fn sentence(&self) -> String {
        match self {
            Activity::Idle => "ready".to_owned(),
            Activity::Connecting => "connecting".to_owned(),
            Activity::Sending => "sending a job".to_owned(),
            Activity::AwaitingWord => "all of the job is sent; waiting for the printer to be done".to_owned(),
            Activity::Blocked => "the printer has a part of a job and takes no more".to_owned(),
            Activity::NotReady(why) => why.to_string(),
            Activity::Recovering => "the connection broke; it is tried again soon".to_owned(),
            Activity::ManagerFailed => {
                "the part of the server that serves the printer failed; it recovers by beginning anew"
                    .to_owned()
            }
            Activity::StoreFull => {
                "the server's disk is full, so nothing can be recorded and nothing is sent".to_owned()
            }
            Activity::Unshut => {
                "the old connection to the device cannot be shut; nothing is sent until it ends".to_owned()
            }
        }
    }
}
