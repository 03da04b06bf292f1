import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createHttpTestApp, HTTP_ADMIN_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";
import { runCli, runCliHere } from "../../support/program.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { startServer } from "../../support/test-server.ts";

/** Creates a test app with a task of Imhotep, and his command line. */
async function createCliTestApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  const cwd = createTestFolder();
  const env = { GROUNDCREW_URL: app.url, GROUNDCREW_TOKEN: toBridgeToken("Imhotep") };
  const runCommand = (args: string[], more: { env?: Record<string, string>; stdin?: string } = {}) =>
    runCliHere(args, { cwd, ...more, env: { ...env, ...more.env } });
  return { app, item, cwd, runCommand };
}

test("groundcrew lists the tools that this agent may call, and a tool's options", async () => {
  const { runCommand } = await createCliTestApp();
  const { exit, out } = await runCommand(["--help"]);
  expect(exit).toBe(0);
  expect(out).toMatch(/^ {2}claim_task +Claim your task/m);
  expect(out).not.toContain("create_project");
  const help = await runCommand(["upload_deliverable", "--help"]);
  expect(help.out).toMatch(/--task <text> +.*\(required\)/);
  expect(help.out).toMatch(/--file <text> +a file below the current folder/);
});

test("groundcrew calls a tool and prints text for people or JSON for programs; the task needs no option", async () => {
  const { runCommand } = await createCliTestApp();
  const people = await runCommand(["claim_task", "onb-1"]);
  expect(people).toMatchObject({ exit: 0, err: "", out: expect.stringContaining("task: ONB-1\n") });
  const program = await runCommand(["claim-task", "--task=ONB-1", "--json"]);
  expect(JSON.parse(program.out)).toMatchObject({ task: "ONB-1" });
  expect(await runCommand(["claim_task"])).toMatchObject({ exit: 2, err: expect.stringContaining("needs --task") });
});

/** provision and doctor are programs of their own. */
const runOwn = (args: readonly string[], env: Record<string, string>) =>
  args[0] === "provision" || args[0] === "doctor"
    ? runCli(args, { cwd: createTestFolder(), env })
    : runCliHere(args, { env });

test.each([["doctor"], ["start"], ["openclaw"], ["tickets", "approve"], ["claim_task"], ["upload_deliverable"]])(
  "groundcrew %s %s --help exits with 0 and needs neither settings nor a connection",
  async (...command) => {
    const { exit, out, err } = await runOwn([...command, "--help"], {});
    expect([exit, err]).toEqual([0, ""]);
    expect(out).toContain(command[0] === "doctor" ? "--checklist" : command.at(-1));
  },
);

test.each([
  [["doctr"], "Did you mean doctor?"],
  [["provison"], "Did you mean provision?"],
  [["claim_task", "--tsak", "x"], "Did you mean --task?"],
  [["tickets", "reject", "ONB-1", "--reson", "x"], "Did you mean --reason?"],
  [["runner", "--once"], "has no option --once"],
])("groundcrew %j exits with 2 and names the nearest, also while its server does not answer", async (args, hint) => {
  const { exit, err } = await runOwn(args, { GROUNDCREW_URL: "http://127.0.0.1:1", GROUNDCREW_TOKEN: "x".repeat(40) });
  expect([exit, err]).toEqual([2, expect.stringContaining(hint)]);
});

test("groundcrew prints a refusal to standard error and exits with 1", async () => {
  const { runCommand } = await createCliTestApp();
  const refused = await runCommand(["claim_task", "ONB-99"]);
  expect(refused).toMatchObject({ exit: 1, out: "", err: expect.stringContaining("There is no task ONB-99") });
  const asJson = await runCommand(["claim_task", "ONB-99", "--json"]);
  expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: "not_found" } });
});

test("groundcrew prints others' text without terminal control characters", async () => {
  const { app, item, runCommand } = await createCliTestApp();
  app.plane.editItem(item, { name: "\u001b]0;x\u0007\u202eevil\u009b31m" });
  await app.poll();
  const shown = await runCommand(["get_task_details", "ONB-1"]);
  expect(shown.exit).toBe(0);
  expect(shown.out).toContain("evil");
  expect(shown.out).not.toMatch(/[^\P{Cc}\n\t]|\p{Bidi_Control}/u);
});

test.each([
  [429, '{"error":{"code":"rate_limited","message":"Too many.","retry_after":7}}', 75, "try again in 7 s"],
  [503, "<html><h1>Bad gateway</h1></html>", 75, "answered 503"],
  [200, "<html>", 1, "is not Groundcrew"],
])("groundcrew tells what an answer %i %j means, with its exit code", async (status, body, exit, message) => {
  const env = { GROUNDCREW_URL: await startFixedServer(status, body), GROUNDCREW_TOKEN: "t" };
  const answer = { exit, err: expect.stringContaining(message) };
  expect(await runCliHere(["claim_task", "X-1"], { env })).toMatchObject(answer);
});

test("groundcrew does not follow redirects, which would receive the token", async () => {
  const elsewhere: string[] = [];
  const other = await startFixedServer(200, "{}", (headers) => elsewhere.push(String(headers["authorization"])));
  const url = await startFixedServer(307, "", undefined, { location: `${other}/agent/openapi.json` });
  const ended = await runCliHere(["claim_task", "X-1"], { env: { GROUNDCREW_URL: url, GROUNDCREW_TOKEN: "t" } });
  expect(ended).toMatchObject({ exit: 1, err: expect.stringContaining(`redirects to ${other}`) });
  expect(elsewhere).toEqual([]);
});

const withoutToken = { GROUNDCREW_TOKEN: "" };

test("the token is found in .groundcrew/token of a folder above", async () => {
  const { app, cwd } = await createCliTestApp();
  writeFiles(cwd, { ".groundcrew/token": `${toBridgeToken("Imhotep")}\n` });
  mkdirSync(join(cwd, "a", "b"), { recursive: true });
  const ended = await runCli(["claim_task", "ONB-1"], { cwd: join(cwd, "a", "b"), env: { GROUNDCREW_URL: app.url } });
  expect(ended).toMatchObject({ exit: 0 });
});

test.each([0o640, 0o604])("the token is refused when others can read its file (mode %o)", async (mode) => {
  const { cwd, runCommand } = await createCliTestApp();
  writeFiles(cwd, { ".groundcrew/token": toBridgeToken("Imhotep") });
  const path = join(cwd, ".groundcrew", "token");
  chmodSync(path, mode);
  const ended = await runCommand(["claim_task", "ONB-1"], { env: withoutToken });
  expect(ended).toMatchObject({ exit: 77, err: expect.stringContaining(`chmod 600 ${path}`) });
});

test("the token is refused as an argument, under any name, and not repeated; a text may look like one", async () => {
  const { runCommand } = await createCliTestApp();
  const token = toBridgeToken("Imhotep");
  const named = [["--token", "abc"], ["--api-key=abc"], ["-authorization", "abc"], ["--my_secret_file=abc"]];
  for (const args of [...named, ["--text", `it is ${token}`]]) {
    const ended = await runCommand(["claim_task", "ONB-1", ...args]);
    expect(ended).toMatchObject({ exit: 77, err: expect.stringContaining("every process of this machine") });
    expect(ended.err).not.toMatch(/abc|bridge-token/);
  }
  for (const text of ["--password-reset works", "- tokens\n- secrets", "--text=--token=x y"])
    expect(await runCommand(["add_comment", "ONB-1", `--text=${text}`])).toMatchObject({ exit: 0 });
  const missing = { exit: 77, err: expect.stringContaining("No token found") };
  expect(await runCommand(["claim_task", "ONB-1"], { env: withoutToken })).toMatchObject(missing);
  expect((await runCommand(["claim_task", "ONB-1"], { env: { GROUNDCREW_TOKEN: "wrong" } })).exit).toBe(77);
});

/** A server that answers everything alike. */
const startFixedServer = (
  status: number,
  body: string,
  see?: (headers: Record<string, unknown>) => void,
  headers: Record<string, string> = {},
) =>
  startServer((request, response) => {
    see?.(request.headers);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  });

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
