import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { LongFilesFirst } from "./test/support/long-files-first.ts";
import { summaryReporter } from "./test/support/summary-reporter.ts";

/** Wrangler asks its makers for news and Cloudflare for a request's place unless it is told not to. */
const OFFLINE = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_ERROR_REPORTS: "false",
};

/** Limit of a test: 60 s, several times what the slowest needs alone, because six files share two processors in CI. */
const TEST_TIMEOUT_MS = 60_000;

/** Limit of `expect.poll`: 30 s, for the same reason. */
const POLL_TIMEOUT_MS = 30_000;

/** A test without a single assertion fails, for example when it only asserts in a loop over an empty list. */
const EXPECT_OPTIONS = { requireAssertions: true, poll: { timeout: POLL_TIMEOUT_MS } };

/** Tests of functions and handlers within the test's own process. */
const PARTS = ["test/shared/**/*.test.ts", "test/functions/**/*.test.ts"];

/** Their files run in hosts of their own, or with programs that only some machines have. */
const OWN_HOSTS = ["worker", "workerd", "claude", "codex", "openclaw"].map((folder) => `test/${folder}/**`);

/**
 * Files share a process and its loaded modules, because their tests undo what they change outside themselves. New
 * objects have 64 MB, four times Node's limit, which saves a twentieth of the processor's time.
 */
const SHARED_PROCESS = {
  isolate: false,
  setupFiles: "test/support/free-memory.ts",
  execArgv: ["--max-semi-space-size=64"],
};

export default defineConfig({
  test: {
    globalSetup: "test/support/build.ts",
    // The slowest tests wait for browsers and processes, so six files at once even on one or two processors.
    maxWorkers: 6,
    sequence: { sequencer: LongFilesFirst },
    reporters: ["default", summaryReporter],
    // In CI a failed test is run once more, because thousands start real processes on a busy machine; those that pass
    // only then are listed at the end. Elsewhere every failure counts.
    retry: process.env["CI"] ? 1 : 0,
    projects: [
      // Only `npm run test:claude` has the path of an installed Claude Code.
      ...(process.env["TEST_CLAUDE"]
        ? [{ test: { name: "claude", include: ["test/claude/**/*.test.ts"], expect: EXPECT_OPTIONS } }]
        : []),
      // Only `npm run test:codex` has the path of an installed Codex.
      ...(process.env["TEST_CODEX"]
        ? [{ test: { name: "codex", include: ["test/codex/**/*.test.ts"], expect: EXPECT_OPTIONS } }]
        : []),
      // Only `npm run test:openclaw` has the path of an installed OpenClaw.
      ...(process.env["TEST_OPENCLAW"]
        ? [{ test: { name: "openclaw", include: ["test/openclaw/**/*.test.ts"], expect: EXPECT_OPTIONS } }]
        : []),
      {
        test: {
          name: "parts",
          include: PARTS,
          // They wait for nothing but the processor, and each process costs it 12 s to load and compile the product. So
          // they come last, and two processes share them.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: TEST_TIMEOUT_MS,
          expect: EXPECT_OPTIONS,
          ...SHARED_PROCESS,
        },
      },
      {
        test: {
          name: "product",
          include: ["test/**/*.test.ts"],
          exclude: [...PARTS, ...OWN_HOSTS],
          testTimeout: TEST_TIMEOUT_MS,
          expect: EXPECT_OPTIONS,
          ...SHARED_PROCESS,
        },
      },
      {
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          testTimeout: TEST_TIMEOUT_MS,
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
        test: {
          name: "workerd",
          include: ["test/workerd/**/*.test.ts"],
          testTimeout: TEST_TIMEOUT_MS,
          expect: EXPECT_OPTIONS,
        },
      },
    ],
  },
});
