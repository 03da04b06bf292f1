/**
 * Runs `operation` `count` times, with `callers` at once each waiting for its own, and returns operations per second.
 */
export async function measureRate(
  { count, callers }: { count: number; callers: number },
  operation: (n: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const runCaller = async () => {
    for (let n = next++; n < count; n = next++) await operation(n);
  };
  await Promise.all(Array.from({ length: callers }, runCaller));
  return (count * 1000) / (performance.now() - startedAt);
}
