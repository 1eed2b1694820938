//! The stored forms of the model's small enums. The order of the variants is what is stored: new ones go
//! to the end, none is taken out.

use serde::{Deserialize, Serialize};

use crate::model::document::{BodyPlace, Format};
use crate::model::event::Source;
use crate::model::id::{PoolId, PrinterId, QueueId, QueueName};
use crate::model::job::{
    DoneHow, FailReason, HoldReason, Identity, Interruption, JobStatus, Reason, Submitter,
};
use crate::model::pool::PoolPolicy;
use crate::model::printer::{CancelPrinting, Closes, Origin, Reroute, Scheduling, Stream, WhenInDoubt};
use crate::model::retry::{Broken, NotReady, Whole};

/// Declares the stored form of an enum with the same variants, and the way there and back. A variant that
/// only one of the two has does not compile.
macro_rules! word {
    ($form:ident = $model:ident { $($variant:ident $(($value:ident: $ty:ty))?),+ $(,)? }) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $form {
            $($variant $(($ty))?),+
        }

        impl From<&$model> for $form {
            fn from(model: &$model) -> Self {
                match model {
                    $($model::$variant $(($value))? => $form::$variant $(($value.clone()))?),+
                }
            }
        }

        impl From<$form> for $model {
            fn from(form: $form) -> Self {
                match form {
                    $($form::$variant $(($value))? => $model::$variant $(($value))?),+
                }
            }
        }
    };
}

word! { StatusV1 = JobStatus {
    Held, Waiting, Rendering, Scheduled, Transmitting, Transmitted, Printing, Completed, Failed, Canceled,
} }
word! { HoldReasonV1 = HoldReason {
    Incoming, User, OutcomeUnknown, BrokenTooOften, Credentials, FailedTwiceRunning, QueueRemoved,
} }
word! { NotReadyV1 = NotReady {
    Refused, Asleep, Unreachable, Unresolved, Busy, MediaEmpty, MediaJam, CoverOpen, Other(words: String),
    SupplyEmpty, OutputFull, TrayMissing, PausedAtDevice, LookUpSlow,
} }
word! { BrokenV1 = Broken {
    Reset, EarlyClose, Stalled, Silent, WorkerPanic, WorkerStuck, ManagerPanic, ServerStopped, WriteFailed,
    DeviceAborted, Forgotten, UploadSlow,
} }
word! { WholeV1 = Whole { No, Maybe } }
word! { DoneHowV1 = DoneHow { FileWritten, Drained, PeerClosed, DeviceSaid, Unconfirmed } }
word! { FailReasonV1 = FailReason { Document(why: String), DocumentDamaged(why: String) } }
word! { InterruptionV1 = Interruption { Upload, NotAccepted, ServerStopped } }
word! { IdentityV1 = Identity { Claimed, Uid(uid: u32), Admin } }
word! { FormatV1 = Format {
    Pdf, PostScript, Pcl, PclXl, Pwg, Urf, Jpeg, Png, Text, Unknown, Other(media_type: String),
} }
word! { BodyPlaceV1 = BodyPlace { Inline, File } }
word! { SourceV1 = Source { User, Device, System, Remote } }
word! { SchedulingV1 = Scheduling { Server, Device } }
word! { WhenInDoubtV1 = WhenInDoubt { PrintAgain, Hold, Continue } }
word! { CancelPrintingV1 = CancelPrinting { Auto, Refuse } }
word! { ClosesV1 = Closes { Auto, Yes, No } }
word! { StreamV1 = Stream { Never, Large } }
word! { OriginV1 = Origin { BuiltIn, File, Api } }
word! { PoolPolicyV1 = PoolPolicy { LeastCompletionTime, RoundRobin, FirstAvailable } }

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReasonV1 {
    None,
    Held(HoldReasonV1),
    NotReady(NotReadyV1),
    Broken(BrokenV1, WholeV1),
    Blocked,
    Done(DoneHowV1),
    Failed(FailReasonV1),
    Stopped(NotReadyV1),
    CanceledAtDevice,
    Incoming,
    Interrupted(InterruptionV1),
}

impl From<&Reason> for ReasonV1 {
    fn from(reason: &Reason) -> Self {
        match reason {
            Reason::None => ReasonV1::None,
            Reason::Held(hold) => ReasonV1::Held(hold.into()),
            Reason::NotReady(why) => ReasonV1::NotReady(why.into()),
            Reason::Broken(broken, whole) => ReasonV1::Broken(broken.into(), whole.into()),
            Reason::Blocked => ReasonV1::Blocked,
            Reason::Done(how) => ReasonV1::Done(how.into()),
            Reason::Failed(why) => ReasonV1::Failed(why.into()),
            Reason::Stopped(why) => ReasonV1::Stopped(why.into()),
            Reason::CanceledAtDevice => ReasonV1::CanceledAtDevice,
            Reason::Incoming => ReasonV1::Incoming,
            Reason::Interrupted(why) => ReasonV1::Interrupted(why.into()),
        }
    }
}

impl From<ReasonV1> for Reason {
    fn from(reason: ReasonV1) -> Self {
        match reason {
            ReasonV1::None => Reason::None,
            ReasonV1::Held(hold) => Reason::Held(hold.into()),
            ReasonV1::NotReady(why) => Reason::NotReady(why.into()),
            ReasonV1::Broken(broken, whole) => Reason::Broken(broken.into(), whole.into()),
            ReasonV1::Blocked => Reason::Blocked,
            ReasonV1::Done(how) => Reason::Done(how.into()),
            ReasonV1::Failed(why) => Reason::Failed(why.into()),
            ReasonV1::Stopped(why) => Reason::Stopped(why.into()),
            ReasonV1::CanceledAtDevice => Reason::CanceledAtDevice,
            ReasonV1::Incoming => Reason::Incoming,
            ReasonV1::Interrupted(why) => Reason::Interrupted(why.into()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueV1 {
    Printer(u32),
    Pool(u32),
}

impl From<QueueId> for QueueV1 {
    fn from(queue: QueueId) -> Self {
        match queue {
            QueueId::Printer(id) => QueueV1::Printer(id.0),
            QueueId::Pool(id) => QueueV1::Pool(id.0),
        }
    }
}

impl From<QueueV1> for QueueId {
    fn from(queue: QueueV1) -> Self {
        match queue {
            QueueV1::Printer(id) => QueueId::Printer(PrinterId(id)),
            QueueV1::Pool(id) => QueueId::Pool(PoolId(id)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitterV1 {
    pub user: String,
    pub identity: IdentityV1,
}

impl From<&Submitter> for SubmitterV1 {
    fn from(submitter: &Submitter) -> Self {
        SubmitterV1 { user: submitter.user.clone(), identity: (&submitter.identity).into() }
    }
}

impl From<SubmitterV1> for Submitter {
    fn from(submitter: SubmitterV1) -> Self {
        Submitter { user: submitter.user, identity: submitter.identity.into() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RerouteV1 {
    Pool,
    Never,
    To(String),
}

impl From<&Reroute> for RerouteV1 {
    fn from(reroute: &Reroute) -> Self {
        match reroute {
            Reroute::Pool => RerouteV1::Pool,
            Reroute::Never => RerouteV1::Never,
            Reroute::To(name) => RerouteV1::To(name.as_str().to_owned()),
        }
    }
}

impl TryFrom<RerouteV1> for Reroute {
    type Error = String;

    fn try_from(reroute: RerouteV1) -> Result<Self, String> {
        Ok(match reroute {
            RerouteV1::Pool => Reroute::Pool,
            RerouteV1::Never => Reroute::Never,
            RerouteV1::To(to) => Reroute::To(name(&to)?),
        })
    }
}

/// The name of a queue, as it was stored.
pub fn name(stored: &str) -> Result<QueueName, String> {
    QueueName::new(stored).map_err(|error| format!("{stored:?} is no name: {error}"))
}
