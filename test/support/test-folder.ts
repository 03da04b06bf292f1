import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Creates an empty folder, which is removed when the test ends; its name begins with `groundcrew-<name>`. */
export function createTestFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `groundcrew-${name}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
