import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { createCliTestApp } from "./cli-test-app.ts";

test.each([
  ["a folder above", "../secret.txt", "is not below"],
  ["an absolute path", "/etc/hostname", "is not below"],
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
  "reliability 19: uploads read only regular files below the current folder: %s is refused, and nothing is sent",
  async (_, file, message) => {
    const { app, item, cwd, runCommand } = await createCliTestApp();
    const outerFolder = createTestFolder();
    writeFiles(outerFolder, { "hidden.txt": "a secret" });
    mkdirSync(join(cwd, "folder"));
    symlinkSync(join(outerFolder, "hidden.txt"), join(cwd, "link.txt"));
    writeFiles(cwd, { "real.txt": "mine" });
    symlinkSync("real.txt", join(cwd, "beside.txt"));
    symlinkSync(outerFolder, join(cwd, "linked"));
    linkSync(join(outerFolder, "hidden.txt"), join(cwd, "hard.txt"));
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(cwd, "pipe.txt")]);
    const ended = await runCommand(["upload_deliverable", "ONB-1", "--file", file]);
    expect(ended).toMatchObject({ exit: 2, err: expect.stringContaining(message) });
    expect(app.plane.attachments(item)).toEqual([]);
  },
);

test("OPENCLAW-07 groundcrew upload_deliverable uploads a file of the current folder; repeating the command is the same upload", async () => {
  const { app, item, cwd, runCommand } = await createCliTestApp({ fileSizeLimit: 50 * 2 ** 20 });
  const bytes = Buffer.alloc(3 * 2 ** 20, "report");
  writeFiles(cwd, { "out/report.pdf": bytes });
  const args = ["upload_deliverable", "ONB-1", "--file", "out/report.pdf", "--text", "-", "--json"];
  const first = await runCommand(args, { stdin: "Here it is." });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  expect(JSON.parse(first.out)).toMatchObject({ task: "ONB-1", name: "report.pdf", size: bytes.length, sha256 });
  expect(JSON.parse((await runCommand(args, { stdin: "Here it is." })).out)).toMatchObject({ already: true });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true, size: bytes.length }]);
  expect(app.readComments(item).filter((text) => text.includes("Here it is."))).toHaveLength(1);
  expect(await (await app.request("/audit", HTTP_ADMIN_TOKEN)).text()).toContain("upload_deliverable");
});

/** Imhotep's task ONB-1 with the file plan.md, which the command has uploaded. */
async function createAppWithFile() {
  const cli = await createCliTestApp();
  writeFiles(cli.cwd, { "plan.md": "# Plan\n" });
  expect(await cli.runCommand(["upload_deliverable", "ONB-1", "--file", "plan.md"])).toMatchObject({ exit: 0 });
  const download = (...more: string[]) =>
    cli.runCommand(["download_deliverable", "ONB-1", "--name", "plan.md", ...more]);
  return { ...cli, download };
}

test("groundcrew download_deliverable prints a file, or writes it to a new file that only its owner can read", async () => {
  const { cwd, download } = await createAppWithFile();
  expect(await download()).toMatchObject({ exit: 0, out: expect.stringContaining("# Plan") });
  const written = await download("--output", "copy.md", "--json");
  expect(JSON.parse(written.out)).toEqual({ task: "ONB-1", name: "plan.md", output: "copy.md", size: 7 });
  expect(readFileSync(join(cwd, "copy.md"), "utf8")).toBe("# Plan\n");
  expect(statSync(join(cwd, "copy.md")).mode & 0o777).toBe(0o600);
});

test("groundcrew download_deliverable writes only new files below the current folder", async () => {
  const { cwd, download } = await createAppWithFile();
  mkdirSync(join(cwd, "inside"));
  symlinkSync("/tmp", join(cwd, "outside"));
  const existing = { exit: 2, err: expect.stringContaining("exists already") };
  expect(await download("--output", "plan.md")).toMatchObject(existing);
  for (const output of ["../copy.md", "/tmp/copy-of-plan.md", "outside/copy-of-plan.md", "missing/copy.md"])
    expect(await download("--output", output)).toMatchObject({ exit: 2 });
  expect(existsSync("/tmp/copy-of-plan.md")).toBe(false);
  expect(await download("--output", "inside/copy.md")).toMatchObject({ exit: 0 });
});
