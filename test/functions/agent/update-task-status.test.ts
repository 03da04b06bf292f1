import { expect, test } from "vitest";
import { parseToolInput } from "../../../functions/agent/tool.ts";
import { getTool } from "../../support/get-tool.ts";

const parseStatusInput = (fields: Record<string, unknown>) =>
  parseToolInput(getTool("update_task_status"), { task: "ONB-1", status: "done", ...fields });

test.each([
  ["session", "two\nlines"],
  ["session", "x".repeat(101)],
  ["cost", -1],
  ["cost", 1e300],
  ["confidence", 1.1],
  ["status", "finished"],
])("update_task_status refuses %s %j in the same way as report", (field, value) => {
  expect(() => parseStatusInput({ [field]: value })).toThrow(new RegExp(`^update_task_status: ${field}: `));
});

test("OPENCLAW-18 white space does not count as a commit or as tests", () => {
  expect(parseStatusInput({ commit: " \n", tests: " all pass ", session: "" })).toMatchObject({
    commit: "",
    tests: "all pass",
  });
});
