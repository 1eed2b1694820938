//! Printers that are plugged in: found, described, added and printed to. The nodes are pseudo-terminals and what the
//! system notes of them is a folder of the test; no real USB printer takes part.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use http::{Running, Setup};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;
use spool::clock::Clock;
use spool::device::{self, Surroundings, Timing, UsbPlaces};
use spool::model::document::Format;

const ID: &str = "MFG:Acme;MDL:Laser 9;CMD:PCL,POSTSCRIPT;SN:42;";

/// A machine with a printer at `lp10`, another at `lp2` of which nothing is noted, and other things.
struct Machine {
    folder: tempfile::TempDir,
    _terminal: OwnedFd,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let machine = Machine { folder, _terminal: terminal };
        let UsbPlaces { nodes, noted } = machine.places();
        fs::create_dir_all(&nodes).unwrap();
        symlink(&name, nodes.join("lp10")).unwrap();
        symlink("/dev/null", nodes.join("lp2")).unwrap();
        for other in ["hiddev0", "lp", "lpx", "lp-1", "lp99999999999"] {
            fs::write(nodes.join(other), "").unwrap();
        }
        fs::create_dir_all(noted.join("lp10/device")).unwrap();
        fs::write(noted.join("lp10/device/ieee1284_id"), ID).unwrap();
        machine
    }

    fn places(&self) -> UsbPlaces {
        let path = |name| self.folder.path().join(name);
        UsbPlaces { nodes: path("usb"), noted: path("class") }
    }

    fn node(&self, name: &str) -> PathBuf {
        self.places().nodes.join(name)
    }

    fn surroundings(&self) -> Surroundings {
        let files = vec![Path::new("/dev/pts").to_owned()];
        Surroundings { usb: self.places(), ..Surroundings::new(files, Timing::default(), Clock::machine()) }
    }
}

#[test]
fn what_is_plugged_in_is_found_with_a_name_and_the_printer_that_it_is() {
    let machine = Machine::new();
    let server = Running::with(Setup { surroundings: machine.surroundings(), ..Setup::default() });
    let (two, ten) = (machine.node("lp2"), machine.node("lp10"));
    let found = server.admin("GET /api/v1/discover", b"").check(200);
    let note = found["devices"][0]["note"].clone();
    assert!(note.as_str().unwrap().contains("`files` in [access]"), "{note}");
    let expected = json!({ "devices": [
        {
            "uri": format!("file:{}", two.display()), "name": "lp2", "model": null, "printer": null, "note": note,
            "device_id": { "manufacturer": null, "model": null, "serial": null, "commands": [] },
        },
        {
            "uri": format!("file:{}", ten.display()), "name": "acme-laser-9", "model": "Acme Laser 9",
            "printer": null, "note": null,
            "device_id": {
                "manufacturer": "Acme", "model": "Laser 9", "serial": "42", "commands": ["PCL", "POSTSCRIPT"],
            },
        },
    ]});
    assert_eq!(found, expected);

    // Added as it is told, though by another spelling.
    let body = json!({ "name": "acme-laser-9", "uri": format!("file://{}", ten.display()) }).to_string();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", server.token);
    server.ask("POST /api/v1/printers", &headers, body.as_bytes()).check(201);
    let found = server.admin("GET /api/v1/discover", b"").check(200);
    assert_eq!(found["devices"][1]["printer"], "acme-laser-9");
    assert_eq!(found["devices"][1]["name"], "acme-laser-9-2", "a name that is taken is not suggested");
}

#[test]
fn a_machine_without_usb_printers_has_none() {
    let server = Running::start();
    // The machine of the test may have some; it is asked in the same way.
    let there = fs::read_dir("/dev/usb").is_ok_and(|mut entries| entries.next().is_some());
    let found = server.admin("GET /api/v1/discover", b"").check(200);
    assert!(there || found == json!({ "devices": [] }), "{found}");
}

#[test]
fn a_node_says_what_is_plugged_in_there() {
    let machine = Machine::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let describe = |path: PathBuf| {
        let uri = format!("file:{}", path.display());
        runtime.block_on(device::parse(&uri, &machine.surroundings()).unwrap().describe()).unwrap()
    };
    // By the name of its node, and by what that stands for.
    for path in [machine.node("lp10"), machine.node("lp10").canonicalize().unwrap()] {
        let found = describe(path).unwrap();
        assert_eq!(found.model.as_deref(), Some("Acme Laser 9"));
        assert_eq!(found.identity.as_deref(), Some("42"));
        assert_eq!(found.formats, [Format::Pcl, Format::PostScript]);
    }
    assert_eq!(describe(PathBuf::from("/dev/pts/ptmx")), None);
}
