/** One figure of the bench. */
export interface BenchLine {
  what: string;
  ours: string;
  floor?: string;
  ratio?: string;
  aim?: string;
  /** Whether the aim is met; absent where there is none. */
  met?: boolean;
}

const HEAD = ["what", "ours", "floor", "ratio", "aim", "met"] as const;

/** The lines as a Markdown table, which can be read as plain text, too. */
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
