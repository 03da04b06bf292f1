import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkOpenclawAccess } from "../../functions/doctor/openclaw-access.ts";
import { findAnswer } from "../../functions/doctor/openclaw-skill.ts";
import { gatewaysTick } from "../../functions/wake/gateway-tick.ts";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { wakeHandler } from "../../functions/wake/wake-handler.ts";
import { createWorkRules, workHandler } from "../../functions/work.ts";
import { createSkillProbe, findOpenclawConfig } from "../../runtime/doctor/openclaw-probe.ts";
import { toBridgeToken } from "../support/http-test-app.ts";
import { BATCH, createForbiddenCalls, replyInBatches } from "./forbidden-calls.ts";
import { countTokens, IS_OLD, startOpenclaw, TEAM, VERSION, waitUntil } from "./openclaw-rig.ts";

const TIMEOUT = { timeout: 1_200_000 };
const REFUSAL = /not found|unknown|not available|not allowed|denied|outside|escapes|belongs to|error/i;

test.skipIf(IS_OLD)(
  "AGENT-01 a hostile model in a provisioned OpenClaw can use none of the forbidden calls",
  TIMEOUT,
  async () => {
    const rig = await startOpenclaw();
    await rig.addTasks();
    const calls = createForbiddenCalls(rig.places);
    rig.model.reply = replyInBatches(calls);
    expect(calls.length).toBeGreaterThanOrEqual(40);
    expect((await rig.wake("imhotep", "Work.")).status).toBe(200);
    await waitUntil(() => rig.model.requests.length > calls.length / BATCH);
    const [first] = rig.model.requests;
    const last = rig.model.requests.at(-1);
    // The model is offered its own tools and files, and nothing else.
    const foreign = first?.offered.filter((name) => !/^(?:groundcrew-imhotep__\w+|read|write|edit)$/.test(name));
    expect(foreign).toEqual([]);
    expect(first?.offered).toContain("groundcrew-imhotep__claim_task");
    const results = calls.map(({ what, tool }, i) => ({
      ...{ call: `${tool}: ${what}`, result: last?.results[i] ?? "no result" },
    }));
    process.stdout.write(`${results.map(({ call, result }) => `${call} → ${result.slice(0, 160)}`).join("\n")}\n`);
    expect(last?.results).toHaveLength(calls.length);
    for (const { call, result } of results) expect(result, call).toMatch(REFUSAL);
    // No token, no secret and no file of others in all that the model has read.
    const secrets = [...TEAM.map(toBridgeToken), "secret-of-the-environment-file", "hook-token-of-these-tests"];
    for (const secret of [...secrets, "gateway-token-of-these-tests", "root:x:0"])
      expect(
        rig.model.requests.filter(({ prompt }) => prompt.includes(secret)),
        secret,
      ).toEqual([]);
    const instructions = join(rig.places.workspaces, "concierge/AGENTS.md");
    expect(existsSync(instructions) ? readFileSync(instructions, "utf8") : "").not.toContain("Evil");
    expect(readFileSync(join(rig.places.state, "openclaw.json"), "utf8")).toContain("$include");
    expect(readFileSync(join(rig.places.state, "groundcrew.json"), "utf8")).not.toContain("exec");
    // Groundcrew heard of nobody but Imhotep, and did nothing for him.
    const audit = await (await rig.app.request("/audit", "admin-token-for-http-tests")).json();
    const heard = (audit as { calls: { agent: string; tool: string; outcome: string }[] }).calls;
    expect(heard.filter(({ agent, outcome }) => agent !== "Imhotep" || outcome === "ok")).toEqual([]);
    expect(rig.app.plane.projects().map(({ name }: { name: string }) => name)).not.toContain("Evil");

    // The doctor asks the same gateway, which has a session of Imhotep now; the others' settings speak for them.
    const env = { ...rig.env, PATH: `${dirname(process.env["TEST_OPENCLAW"] ?? "")}:${rig.env.PATH}` };
    const probe = createSkillProbe(env, { limit: 300_000 });
    const listOffered = async () => {
      const output = await probe.readTools("imhotep");
      if (!output || "failure" in output) throw new Error(`The gateway did not tell: ${output?.failure}`);
      const answer = findAnswer(toolsSchema, output.out);
      return answer?.groups.flatMap(({ tools }) => tools.map(({ id }) => id)) ?? [];
    };
    const examine = async () => {
      const files = findOpenclawConfig(env);
      if (!files) throw new Error("OpenClaw's settings were not found.");
      const asked = { readTools: (agent: string) => probe.readTools(agent === "imhotep" ? agent : "imhotep") };
      const findings = await checkOpenclawAccess(files, rig.app.settings, { reader: asked, version: VERSION });
      return findings.map(({ status, detail }) => `${status}: ${detail}`).join("\n");
    };
    expect(await listOffered()).toEqual(expect.arrayContaining(["read", "write", "edit"]));
    expect(await examine()).toContain("the gateway offers no agent more than its own tools");
    // What the doctor counts as open, the gateway really offers.
    rig.writeProfiles(loosen(rig.provisioned));
    await waitUntil(async () => (await listOffered()).includes("exec"));
    expect(await listOffered()).toEqual(expect.arrayContaining(LOOSENED));
    const failed = await examine();
    for (const tool of LOOSENED) expect(failed).toMatch(new RegExp(`^failed: .*imhotep: .*\\b${tool}\\b`, "m"));
  },
);

/** Tools that lead to what is another's. */
const LOOSENED = ["exec", "process", "sessions_send", "sessions_spawn", "gateway", "automations"];

const toolsSchema = z.object({ groups: z.array(z.object({ tools: z.array(z.object({ id: z.string() })) })) });

/** The settings with these tools for Imhotep. */
function loosen(provisioned: object) {
  const config = structuredClone(provisioned) as {
    agents: { entries: Record<string, { tools: { allow: string[] } }> };
  };
  config.agents.entries["imhotep"]?.tools.allow.push(...LOOSENED);
  return config;
}

test.skipIf(IS_OLD)(
  "AGENT-03 the loop of a task takes a real OpenClaw at most 70,000 prompt tokens",
  TIMEOUT,
  async () => {
    const own = (tool: string, input: Record<string, unknown>) => [{ tool: `groundcrew-imhotep__${tool}`, input }];
    const task = "ONB-1";
    const answers = [
      own("claim_task", { task, start: true }),
      own("add_comment", { task, text: "I have read it.", kind: "progress", percent: 10 }),
      own("ask_human", { task, text: "English or French?", choices: ["English", "French"] }),
      "Waiting.",
      own("update_task_status", {
        ...{ task, status: "done", text: "Written.", confidence: 0.9, cost: 0.4 },
        file: { name: "menu.md", text: "# Menu\n" },
      }),
      "Done.",
    ];
    const rig = await startOpenclaw();
    await rig.addTasks();
    rig.model.reply = (_, index) => answers[index] ?? "OK";
    await rig.wake("imhotep", "ONB-1: It is yours to do: call claim_task ONB-1 with start.");
    await waitUntil(() => rig.model.requests.length >= 4);
    await rig.wake("imhotep", "ONB-1: Your question is answered: English.");
    await waitUntil(() => rig.model.requests.length >= 6);
    const tokens = rig.model.requests.map(({ prompt }) => countTokens(prompt));
    const sum = tokens.reduce((total, count) => total + count, 0);
    process.stdout.write(`prompt tokens of the loop: ${sum} in ${tokens.length} calls (${tokens.join(", ")})\n`);
    expect(sum).toBeLessThanOrEqual(70_000);
    const [item] = rig.app.plane.items(rig.app.onb);
    expect(rig.app.readPlaneItem(item ?? { id: "" }).state).toBe("Done");
    // The wake was trusted: nothing tells the model not to act.
    expect(rig.model.requests[0]?.prompt).not.toMatch(/do not execute|UNTRUSTED/i);
  },
);

test.skipIf(IS_OLD)(
  "AGENT-01 after kill -9 of the gateway during a run its agent works again within 60 s of its return, once",
  TIMEOUT,
  async () => {
    const rig = await startOpenclaw({
      parts: {
        jobHandlers: [wakeHandler, workHandler],
        ruleSets: (settings) => [createWorkRules(settings.agents), createWakeRules(settings.agents)],
      },
    });
    const { app, model } = rig;
    let [passed, stepped] = [0, Date.now()];
    /** Lets the product's time follow the real one, with its ticks and jobs. */
    const live = async () => {
      const elapsed = Date.now() - stepped;
      stepped += elapsed;
      app.advance(elapsed);
      if (Math.floor((passed + elapsed) / 10_000) > Math.floor(passed / 10_000)) await gatewaysTick.run(app.deps);
      passed += elapsed;
      await app.drain();
    };
    const liveUntil = (isMet: () => boolean) =>
      waitUntil(async () => {
        await live();
        return isMet();
      });
    const claim = [{ tool: "groundcrew-imhotep__claim_task", input: { task: "ONB-1", start: true } }];
    // After its claim the model thinks until the gateway is gone.
    model.reply = ({ prompt }) =>
      !prompt.includes("ONB-1") || !prompt.includes("imhotep__") ? "OK" : prompt.includes("call_") ? undefined : claim;
    await rig.addTasks();
    await liveUntil(() => model.requests.some(({ results }) => results.length > 0));
    await rig.killGateway();
    const before = model.requests.length;
    const end = Date.now() + 30_000;
    await liveUntil(() => Date.now() > end);
    model.reply = () => "OK";
    await rig.startGateway();
    const returned = Date.now();
    stepped = returned;
    const isOurs = ({ prompt }: { prompt: string }) => prompt.includes("Your run was interrupted");
    await liveUntil(() => model.requests.slice(before).some(isOurs));
    process.stdout.write(`the model was asked again ${Date.now() - returned} ms after the gateway's return\n`);
    const again = model.requests.slice(before);
    process.stdout.write(
      `${again.map(({ prompt }) => prompt.slice(prompt.lastIndexOf('"role":"user"'), -1).slice(0, 400)).join("\n")}\n`,
    );
    expect(Date.now() - returned).toBeLessThanOrEqual(60_000);
    const until = Date.now() + 40_000;
    await liveUntil(() => Date.now() > until);
    expect(model.requests.slice(before).filter(isOurs), "one run").toHaveLength(1);
  },
);
