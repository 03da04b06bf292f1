import { defineConfig } from "vitest/config";
import { summaryReporter } from "./test/support/summary-reporter.ts";

/** Wrangler asks its makers for news and Cloudflare for a request's place unless it is told not to. */
const OFFLINE = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_ERROR_REPORTS: "false",
};

/** A test without a single assertion fails, for example when it only asserts in a loop over an empty list. */
const EXPECT_OPTIONS = { requireAssertions: true };

export default defineConfig({
  test: {
    // The slowest tests wait for browsers and processes, so two at once even where there is one processor.
    maxWorkers: 2,
    reporters: ["default", summaryReporter],
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/worker/**"],
          testTimeout: 20_000,
          expect: EXPECT_OPTIONS,
        },
      },
      {
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          testTimeout: 20_000,
          env: OFFLINE,
          expect: EXPECT_OPTIONS,
        },
      },
    ],
  },
});
