/** The known name that a mistyped one most likely means; undefined when none is close. */
export function findNearestName(input: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewestEdits = Math.max(2, Math.ceil(input.length / 3)) + 1;
  for (const name of known) {
    const edits = computeEditDistance(input.toLowerCase(), name.toLowerCase());
    if (edits < fewestEdits) {
      fewestEdits = edits;
      best = name;
    }
  }
  return best;
}

/** Levenshtein distance. */
function computeEditDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
