//! `spool token`: a link that opens the admin page, or a short-lived token for programs. The server gives one to root,
//! to its own user and to the group `spool`, whom it knows by the socket.

use clap::Args;

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{clean, complain, line, when};
use super::shapes::{Code, Pass};

/// `spool token`
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// Make a token for programs instead, good for five minutes
    #[arg(long)]
    bearer: bool,
}

pub fn token(args: TokenArgs, server: &Server) -> Result<(), Failure> {
    if args.bearer { bearer(server) } else { link(server) }
}

/// The link alone goes to standard output, so that it can be handed on.
fn link(server: &Server) -> Result<(), Failure> {
    let code = links(server)?;
    // A server that was named is reached from here by that name, whatever it calls itself.
    let named = server.url().map(|url| format!("{url}/#code={}", code.code));
    let mut links = named.map_or(code.links, |link| vec![link]).into_iter();
    let Some(first) = links.next() else {
        return Err(Failure::failed("token: the server listens on no network address; see server.http"));
    };
    line(&clean(&first))?;
    links.for_each(|other| complain(&format!("or {}", clean(&other))));
    let end = code.expires_at.as_deref().map_or("in 5 min".to_owned(), when);
    complain(&format!("open it in a browser; it is good for one use and ends {end}"));
    Ok(())
}

/// Links that open the admin page, by each name that the server goes by.
pub fn links(server: &Server) -> Result<Code, Failure> {
    let what = "token";
    let answer = server.change("POST", "/api/v1/login-codes", None, what)?;
    read_value(answer, what)
}

fn bearer(server: &Server) -> Result<(), Failure> {
    let what = "token";
    let answer = server.change("POST", "/api/v1/tokens", None, what)?;
    let pass: Pass = read_value(answer, what)?;
    line(&clean(&pass.token))?;
    let end = pass.expires_at.as_deref().map_or("in 5 min".to_owned(), when);
    complain(&format!("send it as `Authorization: Bearer TOKEN`, or set SPOOL_TOKEN; it ends {end}"));
    Ok(())
}
