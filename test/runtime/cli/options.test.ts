import { expect, test } from "vitest";
import { parseCliInput, parseToolSpecs } from "../../../runtime/cli/options.ts";
import { formatJsonLine } from "../../../runtime/cli/output.ts";

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
const post = { summary: "Do it.", requestBody: { content: { "application/json": { schema } } } };
const [toolSpec] = parseToolSpecs({ paths: { "/agent/do_it": { post } } });
if (!toolSpec) throw new Error("no tool");
const parseArgs = (...args: string[]) => parseCliInput(toolSpec, args, async () => "from standard input");

test.each([
  [["--task", "ONB-1"], {}],
  [["ONB-1", "--status", "done"], { status: "done" }],
  [["ONB-1", "--tests", '{"passed": 12, "failed": 0}'], { tests: { passed: 12, failed: 0 } }],
  [["ONB-1", "--fresh"], { fresh: true }],
  [["ONB-1", "--blocked-by", "ONB-2", "--blocked-by", "ONB-3"], { blocked_by: ["ONB-2", "ONB-3"] }],
  [["ONB-1", "--due-date", "null"], { due_date: null }],
  [["ONB-1", "--text", "-"], { text: "from standard input" }],
  [["ONB-1", "--text", "--flag $(id); `x`"], { text: "--flag $(id); `x`" }],
  [["ONB-1", "--tasks", '[{"id": 1}]'], { tasks: [{ id: 1 }] }],
])("the options of a tool are parsed from %j", async (args, expected) => {
  expect(await parseArgs(...args)).toEqual({ task: "ONB-1", ...expected });
});

test.each([
  [["ONB-1", "ONB-2"], "Unexpected argument"],
  [["ONB-1", "--status", "finished"], "one of todo, done"],
  [["ONB-1", "--tasks", "[{"], "must be valid JSON"],
  [["ONB-1", "--text", "--status", "done"], "needs a value"],
])("the options of a tool are refused as %j", async (args, message) => {
  await expect(parseArgs(...args)).rejects.toThrow(message);
});

test("an answer is formatted as one line of JSON without terminal control characters", () => {
  const hostile = { text: "\u001b[31m\u202e\u009bx\u{e0041}" };
  expect(formatJsonLine(hostile)).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(formatJsonLine(hostile))).toEqual(hostile);
});
