/** One row of the table: a measured figure. */
export interface BenchLine {
  what: string;
  ours: string;
  floor?: string;
  ratio?: string;
  aim?: string;
  /** Whether the aim is met; absent without an aim. */
  met?: boolean;
}

const HEAD = ["what", "ours", "floor", "ratio", "aim", "met"] as const;

/** Renders a Markdown table whose columns are aligned, so that it also reads well as plain text. */
export function renderTable(lines: readonly BenchLine[]): string {
  const rows = lines.map(({ what, ours, floor = "", ratio = "", aim = "", met }) => [
    what,
    ours,
    floor,
    ratio,
    aim,
    met === undefined ? "" : met ? "yes" : "no",
  ]);
  const widths = HEAD.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? "").length)));
  const renderRow = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [renderRow(HEAD), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(renderRow)].join(
    "\n",
  );
}
