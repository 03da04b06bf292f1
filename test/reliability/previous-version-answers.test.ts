import { expect, test } from "vitest";
import { createPreviousVersionApp } from "./previous-version-app.ts";
import { TIMEOUT } from "./previous-version-backlog.ts";

/** Fields that version 0.1 did not answer. */
const NEW_FIELDS = ["plans", "inputs", "uploads", "basis", "queue", "to"];
/** Times that pass between two answers, and words that each version chooses for itself. */
const VARIABLE_FIELDS = ["version", "age_s", "held_until", "until", "totals_s", "why_not", "history", "comments"];

/** Version 0.1 did not distinguish a woken agent from other internal jobs. */
const RENAMED_FATES: Readonly<Record<string, string>> = { woken: "passed_on" };

function withoutVariableFields(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (name, value) => {
      if ([...VARIABLE_FIELDS, ...NEW_FIELDS].includes(name)) return undefined;
      return name === "is" ? (RENAMED_FATES[value] ?? value) : value;
    }),
  );
}

test("a store of version 0.1 is answered from as that version did", TIMEOUT, async () => {
  const app = await createPreviousVersionApp(0);
  const { answers, timeCsv, cookie } = app.world;
  for (const [path, answer] of Object.entries(answers)) {
    const response = await app.request(path);
    expect([path, withoutVariableFields(await response.json())]).toEqual([path, withoutVariableFields(answer)]);
  }
  // The time is in whole seconds from start to end, which loses at most one second.
  const toRows = (csv: string) => csv.split("\n").map((row) => row.replace(/,\d+(\r?)$/, "$1"));
  const csv = await (await app.request("/time.csv")).text();
  expect(toRows(csv)).toEqual(toRows(timeCsv));
  const sum = (text: string) =>
    [...text.matchAll(/,(\d+)\r?$/gm)].reduce((total, [, seconds]) => total + Number(seconds), 0);
  expect(Math.abs(sum(csv) - sum(timeCsv))).toBeLessThanOrEqual(toRows(csv).length);
  // A page that had signed in still is.
  const headers = { cookie, authorization: "" };
  expect((await app.request("/api/board", { headers })).status).toBe(200);
});

test("agents see the tasks, claims and questions of a store of version 0.1 as before", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  for (const [who, answer] of Object.entries(app.world.details)) {
    const [agent = "", task] = who.split(" ");
    const response = await (task
      ? app.callTool(agent, "get_task_details", { task })
      : app.callTool(agent, "list_my_tasks", {}));
    expect([who, withoutVariableFields(await response.json())]).toEqual([who, withoutVariableFields(answer)]);
  }
});
