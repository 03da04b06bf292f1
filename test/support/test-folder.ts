import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Takes what ends something that a test has started; by default it is called at the end of the test. */
export type OnEnd = (end: () => void | Promise<void>) => void;

/** Creates an empty folder, which is removed when the test ends, unless `onEnd` takes its removal. */
export function createTestFolder(name = "test", onEnd: OnEnd = onTestFinished): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `groundcrew-${name}-`)));
  // What was ended by a signal may still write there while it ends.
  onEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

/** Writes files below a folder, with the folders that they need; an object is written as JSON. */
export function writeFiles(folder: string, files: Record<string, string | Uint8Array | object>, mode = 0o600): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    const isText = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(folder, name), isText ? content : JSON.stringify(content), { mode });
  }
}

/** Writes programs of a folder as shell scripts of these lines. */
export function writeScripts(folder: string, scripts: Record<string, string>): void {
  const texts = Object.entries(scripts).map(([name, lines]) => [name, `#!/bin/sh\n${lines}\n`]);
  writeFiles(folder, Object.fromEntries(texts), 0o755);
}
