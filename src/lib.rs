//! `spool`: a print spooler.
