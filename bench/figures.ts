/** Returns the median; for an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Returns the percentile by nearest rank: the smallest value that `percent` % of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export const formatCount = (value: number): string => Math.round(value).toLocaleString("en");
export const formatRate = (value: number): string => `${formatCount(value)}/s`;
export const formatMs = (value: number): string => (value < 10 ? `${value.toFixed(1)} ms` : `${formatCount(value)} ms`);
export const formatMib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
