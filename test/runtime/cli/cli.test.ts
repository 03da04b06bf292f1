import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toBridgeToken } from "../../support/http-test-app.ts";
import { runCli, runCliHere } from "../../support/program.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { startServer } from "../../support/test-server.ts";
import { createCliTestApp } from "./cli-test-app.ts";

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
