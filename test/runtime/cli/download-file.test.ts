import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCliTestApp } from "./cli-test-app.ts";

/** Imhotep's task ONB-1 with the file plan.md, which the command has uploaded. */
async function createAppWithFile(content = "# Plan\n") {
  const cli = await createCliTestApp();
  writeFileSync(join(cli.cwd, "plan.md"), content);
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
  expect(await download("--output", "plan.md")).toMatchObject({
    exit: 2,
    err: expect.stringContaining("exists already"),
  });
  for (const output of ["../copy.md", "/tmp/copy-of-plan.md", "outside/copy-of-plan.md", "missing/copy.md"])
    expect(await download("--output", output)).toMatchObject({ exit: 2 });
  expect(existsSync("/tmp/copy-of-plan.md")).toBe(false);
  expect(await download("--output", "inside/copy.md")).toMatchObject({ exit: 0 });
});

test("groundcrew download_deliverable explains an unknown file and writes none", async () => {
  const { cwd, runCommand } = await createAppWithFile();
  const unknown = ["download_deliverable", "ONB-1", "--name", "other.md", "--output", "other.md"];
  expect(await runCommand(unknown)).toMatchObject({ exit: 1, err: expect.stringContaining("Its files are: plan.md.") });
  expect(existsSync(join(cwd, "other.md"))).toBe(false);
});
