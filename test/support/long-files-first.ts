import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, the longest first. A fresh clone has no times of an earlier run. */
const LONG_FILES = [
  "test/browser/demo.test.ts",
  "test/browser/every-view.test.ts",
  "test/runtime/runner/whole-product.test.ts",
  "test/portability/portability.test.ts",
  "test/browser/page.test.ts",
  "test/compose/backup.test.ts",
  "test/browser/whole-day.test.ts",
  "test/runtime/runner/codex.test.ts",
  "test/runtime/package.test.ts",
  "test/runtime/runner/box.test.ts",
  "test/runtime/runner/publish.test.ts",
  "test/browser/tickets.test.ts",
  "test/browser/inbox.test.ts",
  "test/reliability/notices.test.ts",
  "test/runtime/openclaw-upgrade/compose-upgrade.test.ts",
  "test/reliability/clock-jumps.test.ts",
  "test/runtime/runner/policy.test.ts",
  "test/reliability/wakes.test.ts",
  "test/runtime/runner/sessions.test.ts",
  "test/browser/views.test.ts",
  "test/browser/ticket-page.test.ts",
  "test/runtime/provision/provision-command.test.ts",
  "test/worker/worker.test.ts",
  "test/runtime/stores/redis-sentinel.test.ts",
  "test/reliability/busy-board.test.ts",
  "test/runtime/runner/publication-crashes.test.ts",
  "test/reliability/redis.test.ts",
  "test/reliability/several-processes.test.ts",
  "test/docs/page-commands.test.ts",
  "test/runtime/main.test.ts",
];

/**
 * Begins with the files that take longest, and ends with the parts, whose files are short: otherwise the run would end
 * with one long file, while the other processor has nothing to do.
 */
export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = LONG_FILES.filter((path) => !existsSync(path));
    if (missing.length > 0)
      throw new Error(`test/support/long-files-first.ts names missing files: ${missing.join(", ")}`);
    const ranks = new Map(LONG_FILES.map((path, i) => [resolve(path), i]));
    const rank = ({ moduleId, project }: TestSpecification) =>
      ranks.get(moduleId) ?? (project.name === "parts" ? LONG_FILES.length + 1 : LONG_FILES.length);
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
