import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestHarness } from "wrangler";

const ADMIN = "admin-token-of-tests";
const TOKEN = "bridge-token-of-the-concierge";
const worker = createTestHarness({
  workers: [
    {
      configPath: "wrangler.jsonc",
      vars: { PLANE_URL: "http://127.0.0.1:1", PLANE_WORKSPACE: "javisi", ALLOWED_HOSTS: "crew.example.com" },
      secrets: { PLANE_API_KEY: "plane_api_of_this_test", ADMIN_TOKEN: ADMIN, AGENT_TOKEN_CONCIERGE: TOKEN },
    },
  ],
});

beforeAll(async () => {
  await worker.listen();
}, 60_000);
afterAll(() => worker.close());

const ORIGIN = "https://crew.example.com";
const callMcp = (method: string, params: object) =>
  worker.fetch(`${ORIGIN}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });

test("Groundcrew in workerd serves the tools over MCP and records each call even after its response was sent", async () => {
  expect((await worker.fetch(`${ORIGIN}/mcp`, { method: "POST" })).status).toBe(401);
  const list = await callMcp("tools/list", {});
  expect([list.status, await list.text()]).toEqual([200, expect.stringContaining('"name":"claim_task"')]);
  const refused = await callMcp("tools/call", { name: "claim_task", arguments: {} });
  expect(await refused.json()).toMatchObject({ result: { isError: true } });
  const audit = await worker.fetch(`${ORIGIN}/audit`, { headers: { authorization: `Bearer ${ADMIN}` } });
  expect(await audit.json()).toMatchObject({
    calls: [{ agent: "Concierge", tool: "claim_task", outcome: "bad_request", via: "mcp" }],
  });
});
