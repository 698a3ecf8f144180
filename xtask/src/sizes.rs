//! Sizes and times as people read them.

use std::time::Duration;

/// Bytes in decimal units: `531 MB`, `1.6 GB`.
pub(crate) fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1e3 => format!("{c} B"),
        c if c < 1e6 => format!("{:.0} kB", c / 1e3),
        c if c < 1e7 => format!("{:.2} MB", c / 1e6),
        c if c < 1e9 => format!("{:.0} MB", c / 1e6),
        c => format!("{:.1} GB", c / 1e9),
    }
}

/// A span of time: `4.2 s`, `3 min 05 s`.
pub(crate) fn time(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 60 => format!("{:.1} s", span.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_in_the_unit_that_fits() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(2_243_632), "2.24 MB");
        assert_eq!(bytes(530_712_279), "531 MB");
        assert_eq!(bytes(1_560_000_000), "1.6 GB");
    }

    #[test]
    fn times_read_in_minutes_from_one_minute_on() {
        assert_eq!(time(Duration::from_millis(4_230)), "4.2 s");
        assert_eq!(time(Duration::from_secs(185)), "3 min 05 s");
    }
}
