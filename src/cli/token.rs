//! `spool token`: a short-lived token for programs and other machines. The server gives one to root, to its own
//! user and to the group `spool`, whom it knows by the socket.

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{clean, complain, line, when};
use super::shapes::Pass;

pub fn token(server: &Server) -> Result<(), Failure> {
    let what = "token";
    let answer = server.change("POST", "/api/v1/tokens", None, what)?;
    let pass: Pass = read_value(answer, what)?;
    // The token alone goes to standard output, so that it can be handed on.
    line(&clean(&pass.token))?;
    let end = pass.expires_at.as_deref().map_or("in 5 min".to_owned(), when);
    complain(&format!("send it as `Authorization: Bearer TOKEN`, or set SPOOL_TOKEN; it ends {end}"));
    Ok(())
}
