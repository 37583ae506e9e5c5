//! What the process itself uses, as Linux tells it.

use std::fmt::Write;
use std::fs;

use super::{Description, names};

/// Ticks per second of the times in `/proc`; Linux has shown user space this number on every architecture for decades.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds the figures. What the system does not tell is not shown.
pub(super) fn render(text: &mut String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    show(text, &names::PROCESS_RESIDENT_MEMORY_BYTES.0, resident_bytes(&status));
    show(text, &names::PROCESS_OPEN_FDS.0, fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64));
    let times = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(times);
    show(text, &names::PROCESS_CPU_SECONDS_TOTAL.0, times.map(|(cpu, _)| cpu));
    show(text, &names::PROCESS_START_TIME_SECONDS.0, times.and_then(|(_, started)| Some(boot_time()? + started)));
}

fn show(text: &mut String, description: &Description, value: Option<f64>) {
    let Some(value) = value else { return };
    let name = description.name;
    let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}\n{name} {value}\n", description.help, description.kind.name());
}

fn resident_bytes(status: &str) -> Option<f64> {
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kilobytes.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
}

/// Seconds of CPU, and seconds from the system's start to the process's.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The command stands in parentheses and may have spaces.
    let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
    let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some((seconds(11)? + seconds(12)?, seconds(19)?))
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_kilobytes() {
        assert_eq!(resident_bytes("Name:\tbaton\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident_bytes("Name:\tbaton\n"), None);
    }

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 1234 0 0";
        assert_eq!(times(stat), Some((3.0, 12.34)));
        assert_eq!(times("nothing"), None);
    }
}
