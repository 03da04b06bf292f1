import { expect, test } from "vitest";
import { createPreviousVersionApp } from "./previous-version-app.ts";
import { TIMEOUT } from "./previous-version-backlog.ts";

/** Fields that version 0.1 did not answer. */
const NEW_FIELDS = ["plans", "inputs"];
/** Times that pass between two answers, and words that each version chooses for itself. */
const VARIABLE_FIELDS = ["version", "age_s", "held_until", "until", "totals_s", "why_not", "history", "comments"];

function withoutVariableFields(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (name, value) => ([...VARIABLE_FIELDS, ...NEW_FIELDS].includes(name) ? undefined : value)),
  );
}

test("a store of version 0.1 is answered from as that version did", TIMEOUT, async () => {
  const app = await createPreviousVersionApp(0);
  const { answers, timeCsv, cookie } = app.world;
  for (const [path, answer] of Object.entries(answers)) {
    const response = await app.request(path);
    expect([path, withoutVariableFields(await response.json())]).toEqual([path, withoutVariableFields(answer)]);
  }
  expect(await (await app.request("/time.csv")).text()).toBe(timeCsv);
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
