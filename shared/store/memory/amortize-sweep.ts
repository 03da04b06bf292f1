/**
 * Runs `sweep` once in as many calls as there are entries, so that walking over all of them
 * costs each call a constant on average and what has run out does not pile up.
 */
export function amortizeSweep(entries: { readonly size: number }, sweep: () => void): () => void {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls <= entries.size) return;
    calls = 0;
    sweep();
  };
}
