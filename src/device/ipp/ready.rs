//! Whether a printer can print now, from what it says of itself. Pure.

use crate::model::retry::NotReady;
use crate::protocol::ipp::{PrinterAttributes, PrinterState, Reason, Severity};

/// What a reason means where it stops a printer.
enum Stops {
    /// It stops the printer, whatever its state is said to be, also as a mere warning.
    Warned(NotReady),
    /// It stops the printer, whatever its state is said to be.
    Always(NotReady),
    /// It is the cause where the printer says that it is stopped, and a remark elsewhere.
    WhenStopped(NotReady),
}

/// Why the printer cannot print now; `None`: it can, or it does not say. A printer that prints somebody
/// else's job can.
pub fn not_ready(printer: &PrinterAttributes) -> Option<NotReady> {
    let reasons = printer.state_reasons.as_deref().unwrap_or_default();
    let stopped = printer.state == Some(PrinterState::Stopped);
    let causes = reasons.iter().filter_map(|reason| cause(reason, stopped));
    let gravest = causes.min_by_key(rank);
    gravest.or_else(|| match (stopped, printer.is_accepting_jobs) {
        (true, _) => Some(NotReady::Other(stopped_words(reasons, printer.state_message.as_deref()))),
        (false, Some(false)) => Some(NotReady::PausedAtDevice),
        (false, Some(true) | None) => None,
    })
}

/// A reason that is only a report or a warning stops nothing (RFC 8011 section 5.4.12), unless the printer
/// says that it is stopped: then it is the best that is known.
fn cause(reason: &Reason, stopped: bool) -> Option<NotReady> {
    match meaning(&reason.keyword)? {
        Stops::Warned(why) if stopped || reason.severity() >= Severity::Warning => Some(why),
        Stops::Always(why) if stopped || reason.severity() == Severity::Error => Some(why),
        Stops::WhenStopped(why) if stopped => Some(why),
        Stops::Warned(_) | Stops::Always(_) | Stops::WhenStopped(_) => None,
    }
}

/// Keywords of RFC 8011 section 5.4.12 and PWG 5100.9, and one of CUPS's.
fn meaning(keyword: &str) -> Option<Stops> {
    Some(Stops::Always(match keyword {
        "media-empty" => NotReady::MediaEmpty,
        // Said only while a job waits for it: `ippeveprinter` and others warn of nothing more.
        "media-needed" => return Some(Stops::Warned(NotReady::MediaEmpty)),
        "media-jam" => NotReady::MediaJam,
        "cover-open" | "door-open" | "interlock-open" => NotReady::CoverOpen,
        "toner-empty" | "marker-supply-empty" | "marker-ink-empty" | "developer-empty" => {
            NotReady::SupplyEmpty
        }
        "output-area-full" => NotReady::OutputFull,
        "input-tray-missing" | "output-tray-missing" => NotReady::TrayMissing,
        "paused" | "moving-to-paused" | "hold-new-jobs" | "deactivated" => NotReady::PausedAtDevice,
        "shutdown"
        | "timed-out"
        | "stopping"
        | "spool-area-full"
        | "marker-waste-full"
        | "opc-life-over"
        | "fuser-over-temp"
        | "marker-supply-missing" => NotReady::Other(keyword.to_owned()),
        "connecting-to-device" | "fuser-under-temp" | "stopped-partly" | "offline" | "other" => {
            return Some(Stops::WhenStopped(NotReady::Other(keyword.to_owned())));
        }
        _ => return None,
    }))
}

/// Of several causes the one that tells people most comes first: what they must go and mend, before what
/// follows from it.
fn rank(why: &NotReady) -> u8 {
    match why {
        NotReady::MediaJam => 0,
        NotReady::CoverOpen => 1,
        NotReady::TrayMissing => 2,
        NotReady::MediaEmpty => 3,
        NotReady::SupplyEmpty => 4,
        NotReady::OutputFull => 5,
        NotReady::PausedAtDevice => 6,
        NotReady::Busy => 7,
        NotReady::Other(_) => 8,
        NotReady::Refused
        | NotReady::Asleep
        | NotReady::Unreachable
        | NotReady::Unresolved
        | NotReady::LookUpSlow => 9,
    }
}

fn stopped_words(reasons: &[Reason], message: Option<&str>) -> String {
    let reasons: Vec<String> = reasons.iter().take(8).map(ToString::to_string).collect();
    let message =
        message.map(|message| message.chars().filter(|c| !c.is_control()).take(200).collect::<String>());
    match (reasons.is_empty(), message) {
        (false, Some(message)) => format!("it is stopped ({}): {message}", reasons.join(", ")),
        (false, None) => format!("it is stopped ({})", reasons.join(", ")),
        (true, Some(message)) => format!("it is stopped: {message}"),
        (true, None) => "it is stopped and does not say why".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(state: PrinterState, reasons: &[&str], accepting: bool) -> PrinterAttributes {
        PrinterAttributes {
            state: Some(state),
            state_reasons: Some(reasons.iter().filter_map(|text| Reason::parse(text)).collect()),
            is_accepting_jobs: Some(accepting),
            ..PrinterAttributes::default()
        }
    }

    #[test]
    fn each_cause_has_its_name() {
        use NotReady as N;
        use PrinterState::{Idle, Processing, Stopped};
        let other = |words: &str| Some(N::Other(words.to_owned()));
        let cases: [(PrinterState, &[&str], Option<NotReady>); 27] = [
            (Idle, &[], None),
            (Processing, &["none"], None),
            (Processing, &["connecting-to-device"], None),
            (Idle, &["media-low-warning", "toner-low-report"], None),
            (Idle, &["media-empty-warning"], None),
            (Idle, &["media-empty-error"], Some(N::MediaEmpty)),
            (Processing, &["media-needed"], Some(N::MediaEmpty)),
            (Processing, &["media-empty-warning", "media-needed-warning"], Some(N::MediaEmpty)),
            (Processing, &["media-needed-report"], None),
            (Stopped, &["media-empty-report"], Some(N::MediaEmpty)),
            (Stopped, &["media-jam", "paused"], Some(N::MediaJam)),
            (Stopped, &["paused", "cover-open-warning"], Some(N::CoverOpen)),
            (Idle, &["door-open"], Some(N::CoverOpen)),
            (Idle, &["interlock-open-error"], Some(N::CoverOpen)),
            (Idle, &["toner-empty"], Some(N::SupplyEmpty)),
            (Idle, &["marker-supply-empty-error"], Some(N::SupplyEmpty)),
            (Idle, &["output-area-full"], Some(N::OutputFull)),
            (Idle, &["input-tray-missing"], Some(N::TrayMissing)),
            (Idle, &["paused"], Some(N::PausedAtDevice)),
            (Idle, &["moving-to-paused"], Some(N::PausedAtDevice)),
            (Idle, &["hold-new-jobs"], Some(N::PausedAtDevice)),
            (Idle, &["shutdown"], other("shutdown")),
            (Idle, &["timed-out"], other("timed-out")),
            (Idle, &["offline-report"], None),
            (Stopped, &["offline-report"], other("offline")),
            (Stopped, &["com.example-broken"], other("it is stopped (com.example-broken)")),
            (Stopped, &[], other("it is stopped and does not say why")),
        ];
        for (state, reasons, expected) in cases {
            assert_eq!(not_ready(&printer(state, reasons, true)), expected, "{state:?} {reasons:?}");
        }
        assert_eq!(not_ready(&printer(Idle, &[], false)), Some(N::PausedAtDevice));
        assert_eq!(not_ready(&printer(Idle, &["media-jam"], false)), Some(N::MediaJam));
        assert_eq!(not_ready(&PrinterAttributes::default()), None, "a printer that says nothing is tried");
    }
}
