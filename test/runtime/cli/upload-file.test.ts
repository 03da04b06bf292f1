import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createCliTestApp } from "./cli-test-app.ts";

test("OPENCLAW-07 groundcrew upload_deliverable uploads a file of the current folder; repeating the command is the same upload", async () => {
  const { app, item, cwd, runCommand } = await createCliTestApp({ fileSizeLimit: 50 * 2 ** 20 });
  const bytes = Buffer.alloc(3 * 2 ** 20, "report");
  mkdirSync(join(cwd, "out"));
  writeFileSync(join(cwd, "out", "report.pdf"), bytes);
  const args = ["upload_deliverable", "ONB-1", "--file", "out/report.pdf", "--text", "-", "--json"];
  const first = await runCommand(args, { stdin: "Here it is." });
  expect(JSON.parse(first.out)).toMatchObject({
    task: "ONB-1",
    name: "report.pdf",
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  expect(JSON.parse((await runCommand(args, { stdin: "Here it is." })).out)).toMatchObject({ already: true });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true, size: bytes.length }]);
  expect(app.readComments(item).filter((text) => text.includes("Here it is."))).toHaveLength(1);
  expect(await (await app.request("/audit", HTTP_ADMIN_TOKEN)).text()).toContain("upload_deliverable");
});

test("groundcrew upload_deliverable reads only regular files below the current folder", async () => {
  const { app, item, cwd, runCommand } = await createCliTestApp();
  symlinkSync("/etc/hostname", join(cwd, "link.txt"));
  const ended = await runCommand(["upload_deliverable", "--task", "ONB-1", "--file", "link.txt"]);
  expect(ended).toMatchObject({ exit: 2, err: expect.stringContaining("is a symbolic link") });
  expect(app.plane.attachments(item)).toEqual([]);
});

test("groundcrew upload_deliverable refuses a text that is too long for an upload", async () => {
  const { app, item, cwd, runCommand } = await createCliTestApp();
  writeFileSync(join(cwd, "report.md"), "# Report\n");
  const stdin = "書".repeat(2_000);
  expect(
    await runCommand(["upload_deliverable", "ONB-1", "--file", "report.md", "--text", "-"], { stdin }),
  ).toMatchObject({
    exit: 2,
    err: expect.stringContaining("add_comment"),
  });
  expect(app.plane.attachments(item)).toEqual([]);
});

test("groundcrew upload_deliverable refuses a file that is too large or of another type before sending it, with what is allowed", async () => {
  const { cwd, runCommand } = await createCliTestApp();
  writeFileSync(join(cwd, "big.bin"), Buffer.alloc(5 * 2 ** 20 + 1));
  expect(await runCommand(["upload_deliverable", "ONB-1", "--file", "big.bin"])).toMatchObject({
    exit: 1,
    err: expect.stringContaining("5242880 (5 MB)"),
  });
  writeFileSync(join(cwd, "x.exe"), "MZ");
  expect(await runCommand(["upload_deliverable", "ONB-1", "--file", "x.exe"])).toMatchObject({
    exit: 1,
    err: expect.stringContaining("pdf, "),
  });
});
