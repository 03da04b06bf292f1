import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findServerAddress } from "../../../runtime/cli/api-client.ts";
import { parseCliInput, parseToolSpecs } from "../../../runtime/cli/options.ts";
import { formatAnswer, formatJsonLine } from "../../../runtime/cli/output.ts";
import { createStatusLine } from "../../../runtime/node/process.ts";

const schema = {
  type: "object",
  properties: {
    task: { type: "string" },
    status: { type: "string", enum: ["todo", "done"] },
    text: { type: "string" },
    percent: { type: "integer" },
    fresh: { type: "boolean" },
    blocked_by: { type: "array", items: { type: "string" } },
    due_date: { anyOf: [{ type: "string" }, { type: "null" }] },
    tasks: { type: "array", items: { type: "object" } },
    tests: { type: ["string", "object"] },
  },
  required: ["task"],
};
const [toolSpec] = parseToolSpecs({
  paths: {
    "/agent/do_it": {
      post: { summary: "Do it.", requestBody: { content: { "application/json": { schema } } } },
    },
  },
});
if (!toolSpec) throw new Error("no tool");
const parseArgs = (...args: string[]) => parseCliInput(toolSpec, args, async () => "from standard input");

test.each([
  [["--task", "ONB-1"], {}],
  [["ONB-1", "--status", "done"], { status: "done" }],
  [["ONB-1", "--tests", "12 passed"], { tests: "12 passed" }],
  [["ONB-1", "--tests", '{"passed": 12, "failed": 0}'], { tests: { passed: 12, failed: 0 } }],
  [["ONB-1", "--percent=-0.5"], { percent: -0.5 }],
  [["ONB-1", "--fresh"], { fresh: true }],
  [["ONB-1", "--no-fresh"], { fresh: false }],
  [["ONB-1", "--blocked_by", "ONB-2, ONB-3"], { blocked_by: ["ONB-2", "ONB-3"] }],
  [["ONB-1", "--blocked-by", "ONB-2", "--blocked-by", "ONB-3"], { blocked_by: ["ONB-2", "ONB-3"] }],
  [["ONB-1", "--due-date", "null"], { due_date: null }],
  [["ONB-1", "--text", "null"], { text: "null" }],
  [["ONB-1", "--text", "-"], { text: "from standard input" }],
  [["ONB-1", "--text", "--flag $(id); `x`"], { text: "--flag $(id); `x`" }],
  [["ONB-1", "--tasks", '[{"id": 1}]'], { tasks: [{ id: 1 }] }],
])("the options of a tool are parsed from %j", async (args, expected) => {
  expect(await parseArgs(...args)).toEqual({ task: "ONB-1", ...expected });
});

test.each([
  [["ONB-1", "ONB-2"], "Unexpected argument"],
  [["--task", "A-1", "--task", "A-2"], "set twice"],
  [["ONB-1", "--status", "finished"], "one of todo, done"],
  [["ONB-1", "--percent", "half"], "must be a number"],
  [["ONB-1", "--fresh=perhaps"], "true or false"],
  [["ONB-1", "--tasks", "[{"], "must be valid JSON"],
  [["ONB-1", "--text", "--status", "done"], "needs a value"],
  [["ONB-1", "--statsu", "done"], "Did you mean --status?"],
  [[], "needs --task"],
])("the options of a tool are refused as %j", async (args, message) => {
  await expect(parseArgs(...args)).rejects.toThrow(message);
});

const answer = {
  tasks: [{ key: "ONB-1", title: "Write\nit", status: "todo", blocked_by: [{ key: "ONB-2", status: "done" }] }],
  age: 5,
  notes: "two\nlines",
  none: [],
};

test("an answer is formatted for people", () => {
  expect(formatAnswer(answer)).toBe(
    [
      ...["tasks (1):", "  ONB-1  Write it", "    status: todo", "    blocked_by (1):"],
      ...["      - key: ONB-2", "        status: done", "age: 5", "notes:", "  two", "  lines", "none: none", ""],
    ].join("\n"),
  );
});

test("an answer is formatted as one line of JSON without terminal control characters", () => {
  const hostile = { text: "\u001b[31m\u202e\u009bx\u{e0041}" };
  expect(formatJsonLine(hostile)).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(formatJsonLine(hostile))).toEqual(hostile);
});

/** A folder as provision leaves it, with these lines in connection.env. */
function createProvisionedFolder(lines: string) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-address-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "agents/imhotep"), { recursive: true });
  const GROUNDCREW_TOKEN_FILE = join(folder, "agents/imhotep/token");
  writeFileSync(GROUNDCREW_TOKEN_FILE, "a-token-of-these-tests\n", { mode: 0o600 });
  const connection = join(folder, "connection.env");
  writeFileSync(connection, lines, { mode: 0o600 });
  return { connection, env: { GROUNDCREW_TOKEN_FILE } };
}

test.each([
  ["PORT=9001\n", "http://127.0.0.1:9001"],
  ["PORT=9001\nPUBLIC_URL=https://crew.example.com\n", "https://crew.example.com"],
  ["HOST=0.0.0.0\nPORT=9001\n", "http://127.0.0.1:9001"],
])("groundcrew finds the address beside the token that provision created (%j)", (lines, address) => {
  const { env } = createProvisionedFolder(`PLANE_URL=https://plane.example.com\n${lines}`);
  expect(findServerAddress(env)).toBe(address);
});

test("groundcrew sends no token to an address that others could have written", () => {
  const { env, connection } = createProvisionedFolder("PLANE_URL=https://plane.example.com\nPORT=9001\n");
  chmodSync(connection, 0o666);
  expect(() => findServerAddress(env)).toThrow(/connection\.env is a file of mode 0666; .* Or set GROUNDCREW_URL\./);
});

const CLEAR_LINE = "\r\u001b[2K";

test("Text is written above the line, which is never wider than the terminal", () => {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 10, write: (part: string) => written.push(part) > 0 };
  const status = createStatusLine(stream as never);
  status.show("reading a long list");
  status.write("a note\n");
  status.show("");
  const line = `${CLEAR_LINE}reading a`;
  expect(written).toEqual([line, CLEAR_LINE, "a note\n", line, CLEAR_LINE]);
});
