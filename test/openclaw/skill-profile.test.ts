import { expect, test } from "vitest";
import { checkOpenclawAccess } from "../../functions/doctor/openclaw-access.ts";
import { findOpenclawConfig } from "../../runtime/doctor/openclaw-probe.ts";
import { BATCH, createForbiddenCalls, replyInBatches } from "./forbidden-calls.ts";
import { IS_OLD, startOpenclaw, VERSION, waitUntil } from "./openclaw-rig.ts";

test.runIf(IS_OLD)(
  "AGENT-01 OpenClaw 2026.2 takes the provisioned settings and wakes, refuses all but the shell, and the doctor says so",
  { timeout: 1_200_000 },
  async () => {
    const rig = await startOpenclaw();
    await rig.addTasks();
    // The shell is what the doctor warns of.
    const calls = createForbiddenCalls(rig.places).filter(({ tool }) => !["exec", "bash"].includes(tool));
    rig.model.reply = replyInBatches(calls);
    expect(calls.length).toBeGreaterThanOrEqual(40);
    expect(await rig.wake("imhotep", "Work.")).toMatchObject({ status: 202 });
    await waitUntil(() => rig.model.requests.length > calls.length / BATCH);
    expect(rig.model.requests[0]?.prompt).toContain("Work.");
    expect(rig.model.requests[0]?.prompt).not.toMatch(/do not execute|UNTRUSTED/i);
    expect(rig.model.requests[0]?.offered.sort()).toEqual(["edit", "exec", "read", "write"]);
    const results = rig.model.requests.at(-1)?.results ?? [];
    for (const [i, { what, tool }] of calls.entries())
      expect(results[i], `${tool}: ${what}`).toMatch(/not found|unknown|not allowed|denied|outside|escapes|error/i);

    const files = findOpenclawConfig(rig.env);
    if (!files) throw new Error("OpenClaw's settings were not found.");
    const findings = await checkOpenclawAccess(files, rig.app.settings, {
      ...{ reader: { readTools: async () => undefined }, version: VERSION },
    });
    const texts = findings.map(({ status, detail }) => `${status}: ${detail}`).join("\n");
    expect(texts).toMatch(/^warning: with the skill each agent needs a shell.*concierge, imhotep, thot/m);
  },
);
