import type { Reporter, TestModule } from "vitest/node";

/**
 * Prints `N passed, N failed` as a machine-readable last line. A file that failed to load counts as failed. Tests that
 * passed only when they were run again are listed, so that nobody overlooks them.
 */
export const summaryReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], errors) {
    const unsteady: string[] = [];
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") counts[state] += 1;
        if (test.diagnostic()?.flaky) unsteady.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    for (const name of unsteady) process.stdout.write(`Passed only when it was run again: ${name}\n`);
    if (counts.skipped > 0) process.stdout.write(`${counts.skipped} skipped: they belong to the full run\n`);
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
  },
};
