/**
 * A process that runs test files on mutants, one after the other, in one instance of Vitest: only the changed file is
 * transformed anew. The parent sends a `TestRequest` and gets a `TestAnswer`.
 */
import { join } from "node:path";
import { BaseSequencer, createVitest, type TestModule, type TestSpecification } from "vitest/node";
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
let order = new Map<string, number>();

/** Keeps the order of a request, so that the file that most likely fails runs first. */
class RequestedOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (order.get(a.moduleId) ?? 0) - (order.get(b.moduleId) ?? 0));
  }
}

const vitest = await createVitest(
  "test",
  {
    config: false,
    root: ROOT,
    watch: false,
    include: ["test/**/*.test.ts"],
    bail: 1,
    maxWorkers: 1,
    // Files share a process and its loaded modules, as in `npm test`.
    isolate: false,
    sequence: { sequencer: RequestedOrder },
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
process.on("disconnect", () => process.exit());
process.send?.({});

async function run({ change: wanted, files }: TestRequest): Promise<TestAnswer> {
  const before = change;
  change = wanted;
  for (const changed of [before, change]) if (changed) vitest.invalidateFile(join(ROOT, changed.path));
  const ids = files.map((file) => join(ROOT, file));
  const specifications = await vitest.globTestSpecifications(ids);
  order = new Map(ids.map((id, i) => [id, i]));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  // The instance also remembers the files of earlier requests.
  const failed = testModules.find((module) => order.has(module.moduleId) && !module.ok());
  const file = files[order.get(failed?.moduleId ?? "") ?? 0] ?? "";
  if (failed) return { failed: { file, test: describeFailure(failed) } };
  return unhandledErrors.length > 0 ? { failed: { file, test: String(unhandledErrors[0]) } } : {};
}

function describeFailure(module: TestModule): string {
  const test = [...module.children.allTests("failed")][0];
  const error = test?.result().errors?.[0] ?? module.errors()[0];
  return `${test?.fullName ?? "the file"}: ${error?.message.split("\n")[0] ?? ""}`;
}
