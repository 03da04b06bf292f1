import { expect, test } from "vitest";
import { approvePlan, rejectPlan } from "../../../../shared/tasks/planning/decide-plan.ts";
import { readPlanRuns } from "../../../../shared/tasks/views/overview.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

test("a decision about a plan that does not exist is refused", async () => {
  const app = await createAgentTestApp();
  expect(await approvePlan(app.deps, "0123456789abcdef", { hash: "h", by: "Ada" })).toBe("unknown");
  expect(await rejectPlan(app.deps, "0123456789abcdef", { by: "Ada" })).toBe("unknown");
  expect(await readPlanRuns(app.deps)).toEqual([]);
});
