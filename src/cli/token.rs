//! `spool token`: a login link for the admin page. The server gives one to root, to its own user and to the
//! group `spool`, whom it knows by the socket.

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{clean, complain, line, when};
use super::shapes::LoginLink;

pub fn token(server: &Server) -> Result<(), Failure> {
    let what = "login link";
    let answer = server.change("POST", "/api/v1/tokens", None, what)?;
    let link: LoginLink = read_value(answer, what)?;
    // The link alone goes to standard output, so that it can be handed to a browser.
    line(&clean(&link.url))?;
    let end = link.expires_at.as_deref().map_or("in 5 min".to_owned(), when);
    complain(&format!("it can be used once and ends {end}"));
    Ok(())
}
