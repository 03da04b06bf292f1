/**
 * A process that runs test files on mutants, one after the other, in one instance of Vitest: only the changed file is
 * transformed anew. The parent sends a `TestRequest` and gets a `TestAnswer`.
 */
import { join } from "node:path";
import { createVitest, type TestModule } from "vitest/node";
import { ROOT } from "./mutant-list.ts";

export interface TestRequest {
  /** The changed file, relative to the repository; absent: the tests run on the unchanged files. */
  change?: { path: string; content: string };
  /** Test files, in the order in which they run; the first failure ends the run. */
  files: string[];
}

/** `failed`: the file and the test that failed first; absent: all tests passed. */
export interface TestAnswer {
  failed?: { file: string; test: string };
}

/** Limit of a test: 20 s, several times what the slowest that `hints.json` names needs. */
const TEST_TIMEOUT_MS = 20_000;

let change: TestRequest["change"];

const vitest = await createVitest(
  "test",
  {
    config: false,
    root: ROOT,
    watch: false,
    include: ["test/**/*.test.ts"],
    bail: 1,
    maxWorkers: 1,
    fsModuleCache: false,
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    expect: { requireAssertions: true, poll: { timeout: TEST_TIMEOUT_MS } },
    reporters: [{}],
    onConsoleLog: () => false,
  },
  {
    logLevel: "silent",
    plugins: [
      {
        name: "mutant",
        enforce: "pre",
        transform: (_, id) => (change && id === join(ROOT, change.path) ? { code: change.content } : undefined),
      },
    ],
  },
);
await vitest.standalone();

process.on("message", (request: TestRequest) => void run(request).then((answer) => process.send?.(answer)));
process.send?.({});

async function run(request: TestRequest): Promise<TestAnswer> {
  const before = change;
  change = request.change;
  for (const changed of [before, change]) if (changed) vitest.invalidateFile(join(ROOT, changed.path));
  for (const file of request.files) {
    const specifications = await vitest.globTestSpecifications([file]);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
    const failed = testModules.find((module) => !module.ok());
    if (failed) return { failed: { file, test: describeFailure(failed) } };
    if (unhandledErrors.length > 0) return { failed: { file, test: String(unhandledErrors[0]) } };
  }
  return {};
}

function describeFailure(module: TestModule): string {
  const test = [...module.children.allTests("failed")][0];
  const error = test?.result().errors?.[0] ?? module.errors()[0];
  return `${test?.fullName ?? "the file"}: ${error?.message.split("\n")[0] ?? ""}`;
}
