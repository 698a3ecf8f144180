//! Tables in the documentation that tests write: a table that is not what the test found fails it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Compares the part of `docs/operators.md` between `<!-- NAME -->` and `<!-- /NAME -->` with `table`; with
/// `PELLUCID_BLESS=1` in the environment it writes it there instead.
///
/// # Errors
/// Where they differ, or the document has no such part.
pub fn hold(name: &str, table: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md");
    // Another test may be writing its own table.
    let lock = File::open(&path).with_context(|| format!("{} is missing", path.display()))?;
    lock.lock()?;
    let text = fs::read_to_string(&path)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text
        .split_once(&begin)
        .context("the table's begin is missing")?;
    let (stands, after) = rest
        .split_once(&end)
        .context("the table's end is missing")?;
    if std::env::var_os("PELLUCID_BLESS").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}"))?;
        return Ok(());
    }
    let changed: Vec<_> = table
        .lines()
        .filter(|line| !stands.lines().any(|old| old == *line))
        .collect();
    ensure!(
        stands == table,
        "docs/operators.md tells another story; run this test with PELLUCID_BLESS=1 and look at the difference. New lines:\n{}",
        changed.join("\n")
    );
    Ok(())
}
