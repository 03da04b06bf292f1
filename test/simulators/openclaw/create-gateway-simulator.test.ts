import { expect, test } from "vitest";
import type { GatewayRun } from "../../../simulators/openclaw/create-gateway-simulator.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";

function post(gateway: { url: string; token: string }, path: string, body: object) {
  const headers = { authorization: `Bearer ${gateway.token}`, "content-type": "application/json" };
  return fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
}

const WORK = { message: "work", agentId: "imhotep", deliver: false };

test("the simulated gateway hands a run to the agent once the request is answered", async () => {
  const seen: GatewayRun[] = [];
  const gateway = await startGateway({ version: "2026.9.6", onRun: (run) => void seen.push(run) });
  expect((await post(gateway, "/hooks/agent", WORK)).status).toBe(200);
  await gateway.waitForRuns();
  expect(seen).toMatchObject([{ agent: "imhotep", message: "work", isWrapped: true, deliver: false }]);
});

test("the simulated gateway accepts a run that then fails without a sign", async () => {
  const seen: GatewayRun[] = [];
  const gateway = await startGateway({ version: "2026.2.26", onRun: (run) => void seen.push(run) });
  gateway.faults.push("no run");
  expect((await post(gateway, "/hooks/agent", WORK)).status).toBe(202);
  await gateway.waitForRuns();
  expect(gateway.runs).toMatchObject([{ agent: "imhotep", hasFailed: true }]);
  expect(seen).toEqual([]);
});

test.each([
  ["2026.2.26", "now", 1],
  ["2026.2.26", "next-heartbeat", 0],
  ["2026.9.6", "now", 0],
] as const)(
  "the simulated OpenClaw %s starts a run in wake mode %s and %d further ones",
  async (version, wakeMode, n) => {
    const gateway = await startGateway({ version });
    await post(gateway, "/hooks/agent", { ...WORK, wakeMode });
    expect(gateway.runs).toHaveLength(1);
    expect(gateway.heartbeats).toHaveLength(n);
  },
);

test("a mapping of the simulated gateway chooses the agent by source and passes the message unwrapped", async () => {
  const mappings = ["imhotep", "thot"].map((agentId) => ({
    path: "groundcrew",
    source: agentId,
    agentId,
    messageTemplate: "{{message}}",
    allowUnsafeExternalContent: true,
  }));
  const gateway = await startGateway({ version: "2026.9.6", mappings });
  expect((await post(gateway, "/hooks/groundcrew", { source: "thot", message: "work" })).status).toBe(200);
  expect((await post(gateway, "/hooks/groundcrew", { source: "nobody", message: "work" })).status).toBe(404);
  expect(gateway.runs).toMatchObject([{ agent: "thot", message: "work", isWrapped: false }]);
});

test("the simulated gateway listens on the same port again after a stop", async () => {
  const gateway = await startGateway({ version: "2026.9.6" });
  await gateway.stop();
  await expect(post(gateway, "/hooks/agent", WORK)).rejects.toThrow();
  expect(await gateway.start()).toBe(gateway.url);
  expect((await post(gateway, "/hooks/agent", WORK)).status).toBe(200);
});
