use super::*;
use JobStatus as S;

/// The table of the print server document, line by line, for a rule that refuses: who carries out the
/// cancellation under server and under device scheduling, with the device's handle and without.
const TABLE: [(JobStatus, [&str; 4]); 10] = [
    (S::Held, ["server", "server", "server", "server"]),
    (S::Waiting, ["server", "server", "server", "server"]),
    (S::Rendering, ["server", "server", "server", "server"]),
    (S::Scheduled, ["server", "server", "device", "device"]),
    (S::Transmitting, ["server", "server", "device", "device"]),
    (S::Transmitted, ["no handle", "device", "device", "device"]),
    (S::Printing, ["printing", "printing", "printing", "printing"]),
    (S::Completed, ["final", "final", "final", "final"]),
    (S::Failed, ["final", "final", "final", "final"]),
    (S::Canceled, ["final", "final", "final", "final"]),
];

const COLUMNS: [(Scheduling, Handle); 4] = [
    (Scheduling::Server, Handle::None),
    (Scheduling::Server, Handle::Known),
    (Scheduling::Device, Handle::None),
    (Scheduling::Device, Handle::Known),
];

fn word(road: CancelRoad) -> &'static str {
    match road {
        CancelRoad::ServerInCharge => "server",
        CancelRoad::Device => "device",
        CancelRoad::Refused(CancelRefusal::NoHandle) => "no handle",
        CancelRoad::Refused(CancelRefusal::Printing) => "printing",
        CancelRoad::Refused(CancelRefusal::AlreadyFinal) => "final",
    }
}

fn words(status: JobStatus, rule: CancelPrinting, wish: Wish) -> [&'static str; 4] {
    COLUMNS.map(|(scheduling, handle)| word(road(CancelCase { status, scheduling, handle, rule, wish })))
}

#[test]
fn can_9_cancellation_table() {
    let statuses: Vec<JobStatus> = TABLE.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, JobStatus::ALL);
    for (status, roads) in TABLE {
        assert_eq!(words(status, CancelPrinting::Refuse, Wish::Cancel), roads, "{status:?}");
    }
}

/// The one extension: while it prints, a device that can cancel by handle does.
#[test]
fn can_9_extension_cancels_while_printing_by_handle() {
    let extended = [
        (CancelPrinting::Auto, Wish::Cancel),
        (CancelPrinting::Auto, Wish::EvenIfPrinting),
        (CancelPrinting::Refuse, Wish::EvenIfPrinting),
    ];
    for (rule, wish) in extended {
        for (status, roads) in TABLE {
            let roads =
                if status == S::Printing { ["printing", "device", "printing", "device"] } else { roads };
            assert_eq!(words(status, rule, wish), roads, "{status:?} {rule:?} {wish:?}");
        }
    }
}
