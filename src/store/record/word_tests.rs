use super::{config, words};
use crate::model::document::{BodyPlace, Format};
use crate::model::event::Source;
use crate::model::id::QueueName;
use crate::model::job::{FailReason, HoldReason, Identity, Interruption, JobStatus, Reason};
use crate::model::pool::PoolPolicy;
use crate::model::printer::{Closes, Origin, Reroute, Stream, WhenInDoubt};
use crate::model::retry::{Broken, NotReady, Whole};

/// The number of a word is what is stored: none may get another.
fn check_numbers<T>(form: fn(&T) -> u8, in_order: &[T]) {
    let numbers: Vec<u8> = in_order.iter().map(form).collect();
    let expected: Vec<u8> = (0..in_order.len() as u8).collect();
    assert_eq!(numbers, expected, "{}", std::any::type_name::<T>());
}

fn number<T, F: for<'a> From<&'a T> + serde::Serialize>(model: &T) -> u8 {
    bincode::serde::encode_to_vec(F::from(model), config()).unwrap()[0]
}

#[test]
fn words_keep_their_numbers() {
    use crate::model::job::DoneHow as D;
    use crate::model::printer::{CancelPrinting, Scheduling};
    use {Broken as B, Format as F, HoldReason as H, NotReady as N};
    let other = String::new;
    check_numbers(number::<_, words::StatusV1>, &JobStatus::ALL);
    check_numbers(
        number::<_, words::HoldReasonV1>,
        &[
            H::Incoming,
            H::User,
            H::OutcomeUnknown,
            H::BrokenTooOften,
            H::Credentials,
            H::FailedTwiceRunning,
            H::QueueRemoved,
        ],
    );
    check_numbers(
        number::<_, words::NotReadyV1>,
        &[
            N::Refused,
            N::Asleep,
            N::Unreachable,
            N::Unresolved,
            N::Busy,
            N::MediaEmpty,
            N::MediaJam,
            N::CoverOpen,
            N::Other(other()),
            N::SupplyEmpty,
            N::OutputFull,
            N::TrayMissing,
            N::PausedAtDevice,
            N::LookUpSlow,
        ],
    );
    check_numbers(
        number::<_, words::BrokenV1>,
        &[
            B::Reset,
            B::EarlyClose,
            B::Stalled,
            B::Silent,
            B::WorkerPanic,
            B::WorkerStuck,
            B::ManagerPanic,
            B::ServerStopped,
            B::WriteFailed,
            B::DeviceAborted,
            B::Forgotten,
            B::UploadSlow,
        ],
    );
    let done = [D::FileWritten, D::Drained, D::PeerClosed, D::DeviceSaid, D::Unconfirmed];
    check_numbers(number::<_, words::DoneHowV1>, &done);
    check_numbers(
        number::<_, words::FormatV1>,
        &[
            F::Pdf,
            F::PostScript,
            F::Pcl,
            F::PclXl,
            F::Pwg,
            F::Urf,
            F::Jpeg,
            F::Png,
            F::Text,
            F::Unknown,
            F::Other(other()),
        ],
    );
    check_numbers(number::<_, words::WholeV1>, &[Whole::No, Whole::Maybe]);
    let failed = [FailReason::Document(other()), FailReason::DocumentDamaged(other())];
    check_numbers(number::<_, words::FailReasonV1>, &failed);
    let interruptions = [Interruption::Upload, Interruption::NotAccepted, Interruption::ServerStopped];
    check_numbers(number::<_, words::InterruptionV1>, &interruptions);
    let identities = [Identity::Claimed, Identity::Uid(0), Identity::Admin];
    check_numbers(number::<_, words::IdentityV1>, &identities);
    check_numbers(number::<_, words::BodyPlaceV1>, &[BodyPlace::Inline, BodyPlace::File]);
    let sources = [Source::User, Source::Device, Source::System, Source::Remote];
    check_numbers(number::<_, words::SourceV1>, &sources);
    check_numbers(number::<_, words::SchedulingV1>, &[Scheduling::Server, Scheduling::Device]);
    let rules = [WhenInDoubt::PrintAgain, WhenInDoubt::Hold, WhenInDoubt::Continue];
    check_numbers(number::<_, words::WhenInDoubtV1>, &rules);
    check_numbers(number::<_, words::CancelPrintingV1>, &[CancelPrinting::Auto, CancelPrinting::Refuse]);
    check_numbers(number::<_, words::ClosesV1>, &[Closes::Auto, Closes::Yes, Closes::No]);
    check_numbers(number::<_, words::StreamV1>, &[Stream::Never, Stream::Large]);
    check_numbers(number::<_, words::OriginV1>, &[Origin::BuiltIn, Origin::File, Origin::Api]);
    let policies = [PoolPolicy::LeastCompletionTime, PoolPolicy::RoundRobin, PoolPolicy::FirstAvailable];
    check_numbers(number::<_, words::PoolPolicyV1>, &policies);
    let reroutes = [Reroute::Pool, Reroute::Never, Reroute::To(QueueName::new("x").unwrap())];
    check_numbers(number::<_, words::RerouteV1>, &reroutes);
    check_numbers(
        number::<_, words::ReasonV1>,
        &[
            Reason::None,
            Reason::Held(H::User),
            Reason::NotReady(N::Busy),
            Reason::Broken(B::Reset, Whole::No),
            Reason::Blocked,
            Reason::Done(D::Drained),
            Reason::Failed(FailReason::Document(other())),
            Reason::Stopped(N::Busy),
            Reason::CanceledAtDevice,
            Reason::Incoming,
            Reason::Interrupted(Interruption::Upload),
        ],
    );
}
