//! Waking printers over the network, and finding out the hardware address that this needs.
//!
//! Only IPv4: a call goes to the broadcast address of the printer's subnet, since a sleeping card answers no
//! question for its address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::Resolver;
use crate::model::printer::Mac;
use crate::protocol::wake::{PORT, broadcast, neighbour, packet};

/// A name that is not found by then has no address here.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);

/// Sends one call for the printer at `host`, an address or a name.
pub async fn wake(host: String, names: Resolver, mac: Mac) -> io::Result<()> {
    let to = match resolve(&host, &names).await {
        Some(ip) => broadcast(&table("/proc/net/route"), ip),
        None => Ipv4Addr::BROADCAST,
    };
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await?;
    socket.set_broadcast(true)?;
    socket.send_to(&packet(mac), (to, PORT)).await?;
    Ok(())
}

/// The hardware address of `host`, where it is a neighbour that was heard of lately.
pub async fn mac_of(host: String, names: Resolver) -> Option<Mac> {
    neighbour(&table("/proc/net/arp"), resolve(&host, &names).await?)
}

/// A table of the kernel, which is read from memory; empty where there is none.
fn table(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

async fn resolve(host: &str, names: &Resolver) -> Option<Ipv4Addr> {
    let found = match host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => names.resolve(host, LOOK_UP_MAX).await.ok()?,
    };
    let v4 = |address: IpAddr| match address {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped(),
    };
    found.into_iter().find_map(v4)
}
