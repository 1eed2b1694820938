//! Wake-on-LAN: the «magic packet» (AMD white paper 20213), and the tables of the system by which it finds its way.

use std::net::Ipv4Addr;

/// The hardware address of a network card.
pub type Mac = [u8; 6];

/// The port to which it is sent: discard (RFC 863). The card looks at the bytes alone.
pub const PORT: u16 = 9;

/// Six bytes of ones and the address sixteen times.
pub fn packet(mac: Mac) -> [u8; 102] {
    let mut packet = [0xff; 102];
    packet[6..].chunks_exact_mut(6).for_each(|place| place.copy_from_slice(&mac));
    packet
}

/// The hardware address of a neighbour in `/proc/net/arp`, where it is known and complete.
pub fn neighbour(arp: &str, ip: Ipv4Addr) -> Option<Mac> {
    let rows = arp.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.filter(|row| row.first().and_then(|text| text.parse().ok()) == Some(ip)).last()?;
    let mut mac = [0; 6];
    let mut parts = row.get(3)?.split(':');
    for byte in &mut mac {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    (parts.next().is_none() && mac != [0; 6]).then_some(mac)
}

/// The broadcast address of the subnet in which `ip` is, after `/proc/net/route`; that of all subnets where it is
/// in none of this machine's own.
pub fn broadcast(routes: &str, ip: Ipv4Addr) -> Ipv4Addr {
    // The loopback's subnet stands in no table.
    if ip.is_loopback() {
        return Ipv4Addr::new(127, 255, 255, 255);
    }
    let subnets = routes.lines().skip(1).filter_map(subnet);
    let narrowest = subnets.filter(|(net, mask)| ip.to_bits() & mask == *net).max_by_key(|(_, mask)| *mask);
    narrowest.map_or(Ipv4Addr::BROADCAST, |(net, mask)| Ipv4Addr::from_bits(net | !mask))
}

/// Network and mask of a line, where they are of a subnet that is reached without a gateway.
fn subnet(line: &str) -> Option<(u32, u32)> {
    let row: Vec<&str> = line.split_whitespace().collect();
    // The kernel writes the words in the order of its own bytes; little-endian everywhere we run.
    let word = |at: usize| u32::from_str_radix(row.get(at)?, 16).ok().map(u32::swap_bytes);
    let (net, gateway, mask) = (word(1)?, word(2)?, word(7)?);
    // A host's route and that of all the world have no broadcast address.
    (gateway == 0 && mask != 0 && mask != u32::MAX).then_some((net, mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55];

    #[test]
    fn ptm_12_a_packet_is_six_bytes_of_ones_and_sixteen_times_the_address() {
        let packet = packet(MAC);
        assert_eq!(packet[..6], [0xff; 6]);
        assert_eq!(packet[6..], MAC.repeat(16));
    }

    #[test]
    fn ptm_12_the_hardware_address_is_learned_from_the_neighbours() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   10.0.0.2         0x1         0x2         00:11:22:33:44:55     *        eth0\n\
                   10.0.0.20        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
                   10.0.0.21        0x1         0x2         00:11:22:33:44        *        eth0\n\
                   10.0.0.22        0x1\n\
                   nonsense\n";
        let found = [2, 20, 21, 22, 23].map(|host| neighbour(arp, Ipv4Addr::new(10, 0, 0, host)));
        assert_eq!(found, [Some(MAC), None, None, None, None]);
        assert_eq!(neighbour("", Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn ptm_12_the_packet_goes_to_the_printer_s_own_subnet() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n\
                      eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\n\
                      eth0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n\
                      eth1\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n\
                      eth2\t0000A8C0\t0100000A\t0003\t0\t0\t0\t00FFFFFF\t0\n\
                      short\t0000\n";
        for (ip, to) in [
            ([10, 0, 7, 20], [10, 0, 255, 255]),
            ([10, 0, 1, 20], [10, 0, 1, 255]),
            ([192, 168, 0, 9], [255, 255, 255, 255]),
            ([8, 8, 8, 8], [255, 255, 255, 255]),
            ([127, 0, 0, 2], [127, 255, 255, 255]),
        ] {
            assert_eq!(broadcast(routes, ip.into()), Ipv4Addr::from(to), "{ip:?}");
        }
    }
}
