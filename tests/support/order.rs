//! What a client asks for, so that the same can be asked again.

use std::io;

use serde_json::json;

use super::client::Answer;
use super::home::Line;
use super::paper::document;

/// The way in which a document comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As the body of the request.
    Raw,
    /// In a form.
    Form,
    /// Registered before, and named by its number.
    Registered(u64),
}

/// Whether a job is asked for under an idempotency key, so that it can be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyed {
    Yes,
    No,
}

/// A job as it is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The title, and the idempotency key where it has one.
    pub key: String,
    pub keyed: Keyed,
    pub queue: String,
    pub bytes: usize,
    pub hold: bool,
    pub how: How,
}

const BOUNDARY: &str = "the-boundary-of-a-form";

impl Order {
    pub fn body(&self) -> Vec<u8> {
        document(&self.key, self.bytes)
    }

    /// Registers the document, where that comes before the job. A second time does nothing.
    pub fn prepare(&mut self, line: &mut Line) -> io::Result<()> {
        if self.how != How::Registered(0) {
            return Ok(());
        }
        let answer = line.send("POST", "/api/v1/documents", &[("content-type", PLAIN)], &self.body())?;
        let answer = taken(answer)?.expect(201);
        self.how = How::Registered(answer["id"].as_u64().expect("a number"));
        Ok(())
    }

    /// Asks for it: the first time, or once more. An answer of 503 and the like is an error here.
    pub fn submit(&self, line: &mut Line) -> io::Result<Answer> {
        let Order { key, queue, hold, .. } = self;
        let query = format!("/api/v1/jobs?printer={queue}&title={key}&hold={hold}");
        let (target, kind, body) = match self.how {
            How::Raw => (query.as_str(), PLAIN.to_owned(), self.body()),
            How::Form => (query.as_str(), format!("multipart/form-data; boundary={BOUNDARY}"), self.form()),
            How::Registered(number) => {
                let order = json!({ "document_id": number, "printer": queue, "title": key, "hold": hold });
                ("/api/v1/jobs", "application/json".to_owned(), order.to_string().into_bytes())
            }
        };
        let headers = [("content-type", kind.as_str()), ("idempotency-key", key.as_str())];
        let sent = match self.keyed {
            Keyed::Yes => &headers[..],
            Keyed::No => &headers[..1],
        };
        taken(line.send("POST", target, sent, &body)?)
    }

    fn form(&self) -> Vec<u8> {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: {PLAIN}\r\n\r\n"
        );
        [head.as_bytes(), &self.body(), format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
    }
}

/// Its type is not looked into.
const PLAIN: &str = "application/octet-stream";

/// A server that stops or has too much to do is asked another time.
pub fn taken(answer: Answer) -> io::Result<Answer> {
    match answer.status {
        429 | 503 => Err(io::Error::new(io::ErrorKind::WouldBlock, format!("{answer:?}"))),
        _ => Ok(answer),
    }
}
