/** What a spreadsheet would take for a formula, however it is quoted (OWASP, CSV Injection); full-width forms count too. */
const FORMULA = /^[\s]*[=+\-@\t\r\n＝＋－＠|%]/;

/** One cell: text in quotes, harmless to spreadsheets; a number as it is; nothing where there is none. */
function cell(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = FORMULA.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

/**
 * Rows as a CSV file (RFC 4180) in UTF-8, with the mark by which spreadsheets know that: a Blob.
 */
export function csv(rows) {
  const text = rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
  return new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" });
}
