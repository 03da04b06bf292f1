import { cloudflareTest } from "@cloudflare/vitest-plugin";
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
    // The slowest tests wait for browsers and processes, so four files at once even on one or two processors.
    maxWorkers: 4,
    reporters: ["default", summaryReporter],
    projects: [
      // Only `npm run test:claude` has the path of an installed Claude Code.
      ...(process.env["TEST_CLAUDE"]
        ? [{ test: { name: "claude", include: ["test/claude/**/*.test.ts"], expect: EXPECT_OPTIONS } }]
        : []),
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/worker/**", "test/workerd/**", "test/claude/**"],
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
      {
        plugins: [
          cloudflareTest({
            main: "./test/workerd/empty-object.ts",
            miniflare: {
              compatibilityDate: "2026-10-01",
              compatibilityFlags: ["nodejs_compat"],
              durableObjects: { OBJECT: { className: "EmptyObject", useSQLite: true } },
            },
          }),
        ],
        test: { name: "workerd", include: ["test/workerd/**/*.test.ts"], testTimeout: 20_000, expect: EXPECT_OPTIONS },
      },
    ],
  },
});
