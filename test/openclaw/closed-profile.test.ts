import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { toBridgeToken } from "../support/http-test-app.ts";
import { createForbiddenCalls } from "./forbidden-calls.ts";
import { startOpenclaw, TEAM, waitUntil } from "./openclaw-rig.ts";

const TIMEOUT = { timeout: 1_200_000 };
/** Calls of the hostile model in one answer. */
const BATCH = 10;

test("AGENT-01 a hostile model in a provisioned OpenClaw can use none of the forbidden calls", TIMEOUT, async () => {
  let calls: ReturnType<typeof createForbiddenCalls> = [];
  const rig = await startOpenclaw({
    reply: (_, index) => {
      const batch = calls.slice(index * BATCH, (index + 1) * BATCH);
      return batch.length > 0 ? batch : "OK";
    },
  });
  calls = createForbiddenCalls(rig.places);
  expect(calls.length).toBeGreaterThanOrEqual(40);
  expect((await rig.wake("imhotep", "Work.")).status).toBe(200);
  await waitUntil(() => rig.model.requests.length > calls.length / BATCH);
  const [first] = rig.model.requests;
  const last = rig.model.requests.at(-1);
  // The model is offered its own tools and files, and nothing else.
  const foreign = first?.offered.filter((name) => !/^(?:groundcrew-imhotep__\w+|read|write|edit)$/.test(name));
  expect(foreign).toEqual([]);
  expect(first?.offered).toContain("groundcrew-imhotep__claim_task");
  const results = calls.map(({ what, tool }, i) => {
    const result = last?.results.get(`call_${Math.floor(i / BATCH)}_${i % BATCH}`) ?? "no result";
    return { call: `${tool}: ${what}`, result };
  });
  process.stdout.write(`${results.map(({ call, result }) => `${call} → ${result.slice(0, 160)}`).join("\n")}\n`);
  for (const { call, result } of results)
    expect(result, call).toMatch(
      /not found|unknown|not available|not allowed|denied|outside|escapes|belongs to|error/i,
    );
  // No token, no secret and no file of others in all that the model has read.
  const secrets = [...TEAM.map(toBridgeToken), "secret-of-the-environment-file", "hook-token-of-these-tests"];
  for (const secret of [...secrets, "gateway-token-of-these-tests", "root:x:0"])
    expect(
      rig.model.requests.some(({ prompt }) => prompt.includes(secret)),
      secret,
    ).toBe(false);
  expect(
    existsSync(join(rig.places.workspaces, "concierge/AGENTS.md")) &&
      readFileSync(join(rig.places.workspaces, "concierge/AGENTS.md"), "utf8").includes("Evil"),
  ).toBe(false);
  expect(readFileSync(join(rig.places.state, "openclaw.json"), "utf8")).toContain("$include");
  expect(readFileSync(join(rig.places.state, "groundcrew.json"), "utf8")).not.toContain("exec");
  // Groundcrew heard of nobody but Imhotep, and did nothing for him.
  const audit = await (await rig.app.request("/audit", "admin-token-for-http-tests")).json();
  const heard = (audit as { calls: { agent: string; tool: string; outcome: string }[] }).calls;
  expect(heard.filter(({ agent, outcome }) => agent !== "Imhotep" || outcome === "ok")).toEqual([]);
  expect(rig.app.plane.projects().map(({ name }: { name: string }) => name)).not.toContain("Evil");
});

test("AGENT-03 the loop of a task takes a real OpenClaw at most 70,000 prompt tokens", TIMEOUT, async () => {
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
  const rig = await startOpenclaw({ reply: (_, index) => answers[index] ?? "OK" });
  await rig.wake("imhotep", "ONB-1: It is yours to do: call claim_task ONB-1 with start.");
  await waitUntil(() => rig.model.requests.length >= 4);
  await rig.wake("imhotep", "ONB-1: Your question is answered: English.");
  await waitUntil(() => rig.model.requests.length >= 6);
  const tokens = rig.model.requests.map(({ prompt }) => Math.ceil(prompt.length / 4));
  const sum = tokens.reduce((total, count) => total + count, 0);
  process.stdout.write(`prompt tokens of the loop: ${sum} in ${tokens.length} calls (${tokens.join(", ")})\n`);
  expect(sum).toBeLessThanOrEqual(70_000);
  expect(rig.app.plane.item(rig.app.plane.items(rig.app.onb)[0]?.id ?? "")?.state).toBe(
    rig.app.plane.states(rig.app.onb).find(({ group }) => group === "completed")?.id,
  );
  // The wake was trusted: nothing tells the model not to act.
  expect(rig.model.requests[0]?.prompt).not.toMatch(/do not execute|UNTRUSTED/i);
});

test("the gateway tells the doctor the tools that it offers", TIMEOUT, async () => {
  const rig = await startOpenclaw({ reply: () => "OK" });
  await rig.wake("imhotep", "Work.");
  await waitUntil(() => rig.model.requests.length > 0);
  const params = JSON.stringify({ sessionKey: "agent:imhotep:main" });
  const args = ["gateway", "call", "tools.effective", "--json", "--params", params];
  const run = promisify(execFile)(process.env["TEST_OPENCLAW"] ?? "", args, { env: rig.env, cwd: "/" });
  const { stdout } = await run.catch((thrown: { stdout: string; stderr: string }) => thrown);
  process.stdout.write(`${stdout.slice(0, 1_500)}\n`);
  expect(stdout).toContain('"groups"');
});
