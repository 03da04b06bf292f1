/** Creates the nth picture of a terminal of 120 columns and 40 rows. It also runs in the page, so it uses nothing else. */
export function createTerminalScreen(n: number): string {
  const rows = Array.from({ length: 40 }, (_, row) => {
    const colour = `\u001b[38;2;${(n + row) % 256};${(n * 3) % 256};${(row * 6) % 256}m`;
    return `${colour}row ${row}\u001b[39m of picture ${n}: \u001b[1msome words\u001b[22m as an agent writes them, é ─ 漢`;
  });
  return rows.join("\n");
}
