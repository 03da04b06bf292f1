import { test, vi } from "vitest";
import { runPlanAndPublish } from "../runtime/runner/plan-and-publish.ts";
import { createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

test("TICKET-01 TICKET-04 a plan and a result are sent back, then approved, published, repaired when checks are red, merged and cleaned", async () => {
  const rig = await createClaudeRig({ isApart: true, publish: "pull-request", planFirst: true });
  await runPlanAndPublish(rig, () => rig.restart("groundcrew"));
});
