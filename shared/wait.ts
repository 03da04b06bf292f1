import type { Ms } from "./time.ts";

/**
 * Resolves after `ms` milliseconds, or as soon as the signal is aborted. Code that has `Deps` calls `deps.wait`, which
 * tests replace.
 */
export function wait(ms: Ms, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
