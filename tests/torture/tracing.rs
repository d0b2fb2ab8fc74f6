//! Faults at exact system calls, through strace, where it is there.

use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::world::{Place, program};

/// Whether strace is there and may trace.
pub fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let mut probe = Command::new("strace");
        probe.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"]);
        probe.output().is_ok_and(|output| output.status.success())
    })
}

/// Runs the command of a place and lets the `when`th call of `syscall` (of a thread) meet `fault`: `signal=SIGKILL`,
/// `error=EIO`. Says too whether any call did.
pub fn inject(place: &Place, syscall: &str, fault: &str, when: usize) -> (Output, bool) {
    let log = place.folder.join("strace.log");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace={syscall}"), "-e", "signal=none"])
        .args(["-e", &format!("inject={syscall}:{fault}:when={when}")])
        .arg(program())
        .args(Place::arguments());
    place.at_home(&mut command);
    let output = command.output().unwrap();
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    // An injected error is marked; an injected signal leaves the call without an end.
    let hit = said.contains("(INJECTED)") || said.contains("+++ killed by SIGKILL") || said.contains("= ?");
    std::fs::remove_file(&log).unwrap_or_default();
    (output, hit)
}
