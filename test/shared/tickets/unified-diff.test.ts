import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { countChanges, parseDiff } from "../../../shared/tickets/unified-diff.ts";

/** Makes git's diff of two versions of a folder. */
function makeDiff(write: (folder: string) => void, change: (folder: string) => void): string {
  const folder = mkdtempSync(join(tmpdir(), "diff-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.quotePath=false", ...args],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
  git("init", "--quiet");
  write(folder);
  git("add", "-A");
  git("commit", "--quiet", "-m", "first");
  change(folder);
  git("add", "-A");
  return git("diff", "--cached");
}

const TEXT = Array.from({ length: 60 }, (_, i) => `line ${i}`);

test("a diff of git is read as files, hunks and numbered lines, whatever the files are called and contain", () => {
  const hostile = "--- a/evil\n+++ b/evil\n@@ -1 +1 @@\ndiff --git a/x b/x\n";
  const diff = makeDiff(
    (folder) => {
      mkdirSync(join(folder, "a b"));
      writeFileSync(join(folder, "a b", "é file.txt"), `${TEXT.join("\n")}\n`);
      writeFileSync(join(folder, "old name.txt"), `${TEXT.join("\n")}\n`);
      writeFileSync(join(folder, "gone.txt"), hostile);
      writeFileSync(join(folder, "bytes"), Buffer.from([0, 1, 2]));
    },
    (folder) => {
      const changed = TEXT.map((line, i) => (i === 1 || i === 50 ? `changed ${i}` : line));
      writeFileSync(join(folder, "a b", "é file.txt"), changed.join("\n"));
      renameSync(join(folder, "old name.txt"), join(folder, "new name.txt"));
      rmSync(join(folder, "gone.txt"));
      writeFileSync(join(folder, "bytes"), Buffer.from([0, 3]));
      writeFileSync(join(folder, "made.txt"), "-- x\n++ y\n+++ b/evil\n@@ -9 +9 @@\ndiff --git a/y b/y\nmore\n");
    },
  );
  const files = parseDiff(diff);
  const heads = files.map(({ hunks: _hunks, ...head }) => head);
  const base = { isBinary: false, insertions: 0, deletions: 0 };
  expect(heads).toEqual([
    { ...base, path: "a b/é file.txt", status: "changed", insertions: 3, deletions: 3 },
    { ...base, path: "bytes", status: "changed", isBinary: true },
    { ...base, path: "gone.txt", status: "deleted", deletions: 4 },
    { ...base, path: "made.txt", status: "added", insertions: 6 },
    { ...base, path: "new name.txt", from: "old name.txt", status: "renamed" },
  ]);
  expect(files[0]?.hunks.map(({ lines }) => lines.find(({ kind }) => kind === "added"))).toEqual([
    { kind: "added", after: 2, text: "changed 1" },
    { kind: "added", after: 51, text: "changed 50" },
    // Without a line end now.
    { kind: "added", after: 60, text: "line 59" },
  ]);
  expect(files[3]?.hunks[0]?.lines[0]).toEqual({ kind: "added", after: 1, text: "-- x" });
  expect(countChanges(files)).toEqual({ files: 5, insertions: 9, deletions: 7 });
});

test("what is no diff has no files", () => {
  expect(parseDiff("")).toEqual([]);
  expect(parseDiff("hello\n@@ -1 +1 @@\n+x")).toEqual([]);
});
