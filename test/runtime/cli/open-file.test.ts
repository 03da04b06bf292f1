import { execFileSync } from "node:child_process";
import { appendFileSync, linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileBelow } from "../../../runtime/cli/files.ts";
import { createTempFolder } from "./cli-process.ts";

test.each([
  ["a folder above", "../secret.txt", "is not below"],
  ["a folder above, through a subfolder", "folder/../../secret.txt", "is not below"],
  ["an absolute path", "/etc/hostname", "is not below"],
  ["the folder itself", ".", "is not below"],
  ["a folder", "folder", "is not a regular file"],
  ["a symbolic link", "link.txt", "is a symbolic link"],
  ["a symbolic link to a file beside it", "beside.txt", "is a symbolic link"],
  ["a file behind a linked folder", "linked/hidden.txt", "leads through a symbolic link"],
  ["a hard link", "hard.txt", "is a hard link"],
  ["a pipe", "pipe.txt", "is not a regular file"],
  ["a NUL", "a\0.txt", "contains a NUL"],
  ["a URL", "http://127.0.0.1/x.txt", "URLs are not fetched"],
  ["a file that does not exist", "none.txt", "File none.txt does not exist"],
])(
  "reliability 19: uploads read only regular files below the current folder: %s is refused",
  async (_, file, message) => {
    const cwd = createTempFolder();
    const outerFolder = createTempFolder();
    writeFileSync(join(outerFolder, "hidden.txt"), "a secret");
    writeFileSync(join(cwd, "real.txt"), "mine");
    mkdirSync(join(cwd, "folder"));
    symlinkSync(join(outerFolder, "hidden.txt"), join(cwd, "link.txt"));
    symlinkSync("real.txt", join(cwd, "beside.txt"));
    symlinkSync(outerFolder, join(cwd, "linked"));
    linkSync(join(outerFolder, "hidden.txt"), join(cwd, "hard.txt"));
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(cwd, "pipe.txt")]);
    await expect(openFileBelow(cwd, file)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(message),
    });
  },
);

test("a file that replaces an opened file is not read", async () => {
  const cwd = createTempFolder();
  writeFileSync(join(cwd, "mine.txt"), "mine");
  const { file, size, name } = await openFileBelow(cwd, "./mine.txt");
  renameSync(join(cwd, "mine.txt"), join(cwd, "old.txt"));
  symlinkSync("/etc/hostname", join(cwd, "mine.txt"));
  appendFileSync(join(cwd, "old.txt"), " and more");
  expect({ size, name }).toEqual({ size: 4, name: "mine.txt" });
  expect((await file.readFile("utf8")).slice(0, size)).toBe("mine");
  await file.close();
});
