import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSessionFile } from "../../../runtime/runner/session-folder.ts";

const LIMIT = 80_000;

/** Reads what `create` puts in the place of a session's file. */
function readCreated(create: (path: string, folder: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-session-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "completion.txt");
  create(path, folder);
  return readSessionFile(path, LIMIT)?.text;
}

test.each([
  ["nothing", () => {}],
  ["a folder", (path: string) => mkdirSync(path)],
  ["a pipe without a writer", (path: string) => execFileSync("mkfifo", [path])],
  [
    "a link to a file",
    (path: string, folder: string) => {
      writeFileSync(join(folder, "secret"), "secret");
      symlinkSync(join(folder, "secret"), path);
    },
  ],
  ["a link to itself", (path: string) => symlinkSync(path, path)],
  ["a link to a device", (path: string) => symlinkSync("/dev/zero", path)],
] as const)("in the place of a session's file %s is not read", (_, create) => {
  expect(readCreated(create)).toBeUndefined();
});

test("of a session's file of 1 GB only the beginning is read", () => {
  const text = readCreated((path) => {
    writeFileSync(path, "Done");
    truncateSync(path, 1024 ** 3);
  });
  expect(text).toBe("Done".padEnd(LIMIT, "\0"));
});

test("a session's file that is not UTF-8 is read with replacement characters", () => {
  expect(readCreated((path) => writeFileSync(path, Buffer.from([0x44, 0xff, 0xc3])))).toBe("D\ufffd\ufffd");
});

test("a session's file under two names is read", () => {
  const text = readCreated((path, folder) => {
    writeFileSync(join(folder, "written"), "Done");
    linkSync(join(folder, "written"), path);
  });
  expect(text).toBe("Done");
});
