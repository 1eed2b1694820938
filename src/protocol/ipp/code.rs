//! Numbers with names: enums of the IANA registry, each of which keeps a number that it does not know.

/// An enum over registered numbers: to and from the number, and to and from the registered name.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident: $repr:ty { $($variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($variant,)*
            /// A number that has no name here.
            Unknown($repr),
        }

        impl $name {
            /// Those with a name, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn from_code(code: $repr) -> $name {
                match code {
                    $($code => $name::$variant,)*
                    other => $name::Unknown(other),
                }
            }

            pub fn code(self) -> $repr {
                match self {
                    $($name::$variant => $code,)*
                    $name::Unknown(code) => code,
                }
            }

            /// The registered name; `None` for an unknown number.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $($name::$variant => Some($text),)*
                    $name::Unknown(_) => None,
                }
            }

            pub fn from_name(name: &str) -> Option<$name> {
                match name {
                    $($text => Some($name::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#06x}", self.code()),
                }
            }
        }
    };
}

pub(super) use codes;

codes! {
    /// job-state (RFC 8011 section 5.3.7).
    JobState: i32 {
        Pending = 3 "pending",
        PendingHeld = 4 "pending-held",
        Processing = 5 "processing",
        ProcessingStopped = 6 "processing-stopped",
        Canceled = 7 "canceled",
        Aborted = 8 "aborted",
        Completed = 9 "completed",
    }
}

impl JobState {
    /// Whether the job will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, JobState::Canceled | JobState::Aborted | JobState::Completed)
    }
}

codes! {
    /// printer-state (RFC 8011 section 5.4.11).
    PrinterState: i32 {
        Idle = 3 "idle",
        Processing = 4 "processing",
        Stopped = 5 "stopped",
    }
}

codes! {
    /// print-quality (RFC 8011 section 5.2.13).
    PrintQuality: i32 {
        Draft = 3 "draft",
        Normal = 4 "normal",
        High = 5 "high",
    }
}

codes! {
    /// orientation-requested (RFC 8011 section 5.2.10).
    Orientation: i32 {
        Portrait = 3 "portrait",
        Landscape = 4 "landscape",
        ReverseLandscape = 5 "reverse-landscape",
        ReversePortrait = 6 "reverse-portrait",
        None = 7 "none",
    }
}

codes! {
    /// finishings (RFC 8011 section 5.2.6, PWG 5100.1 section 6), by the keywords of finishing-template.
    Finishing: i32 {
        None = 3 "none",
        Staple = 4 "staple",
        Punch = 5 "punch",
        Cover = 6 "cover",
        Bind = 7 "bind",
        SaddleStitch = 8 "saddle-stitch",
        EdgeStitch = 9 "edge-stitch",
        Fold = 10 "fold",
        Trim = 11 "trim",
        Bale = 12 "bale",
        BookletMaker = 13 "booklet-maker",
        JogOffset = 14 "jog-offset",
        Coat = 15 "coat",
        Laminate = 16 "laminate",
        StapleTopLeft = 20 "staple-top-left",
        StapleBottomLeft = 21 "staple-bottom-left",
        StapleTopRight = 22 "staple-top-right",
        StapleBottomRight = 23 "staple-bottom-right",
        EdgeStitchLeft = 24 "edge-stitch-left",
        EdgeStitchTop = 25 "edge-stitch-top",
        EdgeStitchRight = 26 "edge-stitch-right",
        EdgeStitchBottom = 27 "edge-stitch-bottom",
        StapleDualLeft = 28 "staple-dual-left",
        StapleDualTop = 29 "staple-dual-top",
        StapleDualRight = 30 "staple-dual-right",
        StapleDualBottom = 31 "staple-dual-bottom",
        StapleTripleLeft = 32 "staple-triple-left",
        StapleTripleTop = 33 "staple-triple-top",
        StapleTripleRight = 34 "staple-triple-right",
        StapleTripleBottom = 35 "staple-triple-bottom",
        BindLeft = 50 "bind-left",
        BindTop = 51 "bind-top",
        BindRight = 52 "bind-right",
        BindBottom = 53 "bind-bottom",
        TrimAfterPages = 60 "trim-after-pages",
        TrimAfterDocuments = 61 "trim-after-documents",
        TrimAfterCopies = 62 "trim-after-copies",
        TrimAfterJob = 63 "trim-after-job",
        PunchTopLeft = 70 "punch-top-left",
        PunchBottomLeft = 71 "punch-bottom-left",
        PunchTopRight = 72 "punch-top-right",
        PunchBottomRight = 73 "punch-bottom-right",
        PunchDualLeft = 74 "punch-dual-left",
        PunchDualTop = 75 "punch-dual-top",
        PunchDualRight = 76 "punch-dual-right",
        PunchDualBottom = 77 "punch-dual-bottom",
        PunchTripleLeft = 78 "punch-triple-left",
        PunchTripleTop = 79 "punch-triple-top",
        PunchTripleRight = 80 "punch-triple-right",
        PunchTripleBottom = 81 "punch-triple-bottom",
        PunchQuadLeft = 82 "punch-quad-left",
        PunchQuadTop = 83 "punch-quad-top",
        PunchQuadRight = 84 "punch-quad-right",
        PunchQuadBottom = 85 "punch-quad-bottom",
        FoldAccordion = 90 "fold-accordion",
        FoldDoubleGate = 91 "fold-double-gate",
        FoldGate = 92 "fold-gate",
        FoldHalf = 93 "fold-half",
        FoldHalfZ = 94 "fold-half-z",
        FoldLeftGate = 95 "fold-left-gate",
        FoldLetter = 96 "fold-letter",
        FoldParallel = 97 "fold-parallel",
        FoldPoster = 98 "fold-poster",
        FoldRightGate = 99 "fold-right-gate",
        FoldZ = 100 "fold-z",
    }
}
