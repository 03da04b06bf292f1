/**
 * Returns a function that runs `sweep` once in as many calls as there are entries, so that visiting all entries has a
 * constant average cost per call and expired entries do not accumulate.
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
