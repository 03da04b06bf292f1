/** An answer that consists of several options: joined to one text, and found again in it. Pure. */

/**
 * Joins chosen options to one answer as Claude Code does (2.1.330): separated by commas, those that contain a separator
 * or a quote as JSON strings.
 */
export function joinChoices(labels: readonly string[]): string {
  return labels.map(quoteChoice).join(", ");
}

function quoteChoice(label: string): string {
  return label.includes(", ") || label.includes('"') ? JSON.stringify(label) : label;
}

/**
 * Finds the options at the beginning of an answer that `joinChoices` has made, in the order of the options. `rest` is
 * what a person has written besides.
 */
export function splitChoices(options: readonly string[], answer: string): { chosen: number[]; rest: string } {
  // A label may begin with another one, so the longest that fits counts.
  const labels = options.map((label, index) => ({ index, text: quoteChoice(label) }));
  labels.sort((a, b) => b.text.length - a.text.length);
  const chosen = new Set<number>();
  let rest = answer.trim();
  while (rest !== "") {
    const found = labels.find(({ text }) => rest === text || rest.startsWith(`${text}, `));
    if (!found) break;
    chosen.add(found.index);
    rest = rest.slice(found.text.length + 2).trim();
  }
  return { chosen: [...chosen].sort((a, b) => a - b), rest };
}
