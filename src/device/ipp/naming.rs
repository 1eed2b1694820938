//! How our jobs are named at a printer, so that they are found again among everybody's.

use crate::device::JobTag;

/// The longest name, in bytes (RFC 8011 section 5.1.3).
const NAME_BYTES_MAX: usize = 255;

/// One of the jobs of IPP that one of ours becomes: which, and of how many, from 1. More than one only where
/// the printer takes one document a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nth {
    pub n: usize,
    pub of: usize,
}

/// What all jobs of IPP for this attempt at this job begin with: number, acceptance and the time of creation,
/// which differ from those of other state directories. What became of an earlier attempt says nothing of this one:
/// it may have been canceled by ourselves.
pub fn mark(tag: &JobTag) -> String {
    let (attempt, generation) = tag.attempt;
    format!("spool-{}-{}-{:x}-{attempt}.{}", tag.id.0, tag.accepted.0, tag.created_at.0, generation.0)
}

/// job-name: the mark first, since printers cut names at their end.
pub fn job_name(tag: &JobTag, Nth { n, of }: Nth) -> String {
    let part = if of > 1 { format!(".{n}of{of}") } else { String::new() };
    let title: String = tag.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = format!("{}{part} {title}", mark(tag));
    let end = (0..=NAME_BYTES_MAX.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or(0)].trim_end().to_owned()
}

/// Which of the jobs with this mark a name says; `None`: it is none of them.
pub fn nth(name: &str, mark: &str) -> Option<Nth> {
    let rest = name.strip_prefix(mark)?;
    match rest.strip_prefix('.') {
        Some(part) => {
            let (n, of) = part.split(' ').next()?.split_once("of")?;
            Some(Nth { n: n.parse().ok()?, of: of.parse().ok()? })
        }
        None => (rest.is_empty() || rest.starts_with(' ')).then_some(Nth { n: 1, of: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Confirmation;
    use crate::model::id::{AcceptedSeq, Generation, JobId};
    use crate::model::options::Options;
    use crate::model::time::WallTime;

    fn tag(title: &str) -> JobTag {
        JobTag {
            id: JobId(12),
            created_at: WallTime(0xabc),
            accepted: AcceptedSeq(77),
            attempt: (2, Generation(5)),
            title: title.to_owned(),
            user: String::new(),
            handle: None,
            extension: "pdf",
            documents: Vec::new(),
            options: Options::default(),
            bytes_total: 0,
            closes: Confirmation::Close,
        }
    }

    #[test]
    fn names_are_found_again() {
        let tag = tag("report.pdf");
        for nth_of in [Nth { n: 1, of: 1 }, Nth { n: 2, of: 3 }] {
            assert_eq!(nth(&job_name(&tag, nth_of), &mark(&tag)), Some(nth_of));
        }
        assert_eq!(job_name(&tag, Nth { n: 1, of: 1 }), "spool-12-77-abc-2.5 report.pdf");
        assert_eq!(job_name(&tag, Nth { n: 2, of: 3 }), "spool-12-77-abc-2.5.2of3 report.pdf");
        for other in [
            "spool-12-77-abcd-2.5 report.pdf",
            "spool-12-77-abc-1.5 report.pdf",
            "report.pdf",
            "spool-12-77-abc-2.5.x",
        ] {
            assert_eq!(nth(other, &mark(&tag)), None, "{other}");
        }
        assert_eq!(nth("spool-12-77-abc-2.5", &mark(&tag)), Some(Nth { n: 1, of: 1 }), "without a title");
    }

    #[test]
    fn names_have_a_legal_length_and_no_control_characters() {
        let name = job_name(&tag(&"ü\n".repeat(500)), Nth { n: 1, of: 1 });
        assert!(name.len() <= NAME_BYTES_MAX && name.len() > NAME_BYTES_MAX - 4);
        assert!(!name.chars().any(char::is_control));
    }
}
