import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createTestHarness } from "wrangler";
import { VERSION } from "../../shared/version.ts";
import { startServer } from "../support/test-server.ts";
import { createWebhookHeaders, WEBHOOK_SECRET } from "../support/webhook-signature.ts";

const ADMIN_TOKEN = "admin-token-of-tests";
const ADMIN = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };
const AGENT_TOKEN = "bridge-token-of-the-concierge";
const ORIGIN = "https://crew.example.com";
const BODY = JSON.stringify({ event: "issue", action: "updated", data: { id: "525a36c6" } });

/** Limit of the bundle, compressed: 640 KiB, a little more than it has with the scripts of all views, so that a large new part is noticed. */
const MAX_BUNDLE_KIB = 640;

/** Paths that were requested from the Plane server below, which refuses each request. */
const requestedPaths: string[] = [];
const planeUrl = await startServer((request, response) => {
  requestedPaths.push(request.url ?? "");
  response.writeHead(403, { "content-type": "application/json" }).end('{"detail":"Given API token is not valid"}');
}, afterAll);

const worker = createTestHarness({
  workers: [
    {
      configPath: "wrangler.jsonc",
      vars: { PLANE_URL: planeUrl, PLANE_WORKSPACE: "javisi", ALLOWED_HOSTS: "crew.example.com" },
      secrets: {
        ...{ PLANE_API_KEY: "plane_api_of_this_test", PLANE_WEBHOOK_SECRET: WEBHOOK_SECRET },
        ...{ ADMIN_TOKEN, AGENT_TOKEN_CONCIERGE: AGENT_TOKEN },
      },
    },
  ],
});

beforeAll(async () => {
  await worker.listen();
}, 60_000);

afterAll(() => worker.close());

test("Groundcrew in workerd reports that it is healthy, refuses another host, and requires ADMIN_TOKEN for operators' routes", async () => {
  const response = await worker.fetch(`${ORIGIN}/health`);
  expect([response.status, await response.json()]).toMatchObject([200, { status: "healthy", version: VERSION }]);
  const { headers } = response;
  expect([headers.get("x-content-type-options"), headers.get("cache-control")]).toEqual(["nosniff", "no-store"]);
  expect((await worker.fetch("https://evil.example/health")).status).toBe(403);
  expect((await worker.fetch(`${ORIGIN}/dead-letters`)).status).toBe(401);
  expect((await worker.fetch(`${ORIGIN}/dead-letters`, ADMIN)).status).toBe(200);
});

test("Groundcrew in workerd accepts a signed webhook and refuses a forged one", async () => {
  const post = (headers: Record<string, string>) =>
    worker.fetch(`${ORIGIN}/webhooks/plane`, { method: "POST", headers, body: BODY });
  const response = await post(createWebhookHeaders(BODY));
  expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
  const { "x-plane-delivery": _, ...forged } = createWebhookHeaders(BODY, "a forged secret");
  const refused = await post(forged);
  expect([refused.status, await refused.json()]).toMatchObject([401, { error: { code: "unauthorized" } }]);
});

test("Groundcrew in workerd polls Plane at its start, by the object's alarm", async () => {
  const asked = () => requestedPaths.find((path) => path.includes("/workspaces/javisi/projects/"));
  await expect.poll(asked, { timeout: 15_000 }).toBeDefined();
  expect((await worker.getWorker().scheduled({ scheduledTime: new Date() })).outcome).toBe("ok");
});

const callMcp = (method: string, params: object) =>
  worker.fetch(`${ORIGIN}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${AGENT_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });

test("Groundcrew in workerd serves the tools over MCP and records each call even after its response was sent", async () => {
  expect((await worker.fetch(`${ORIGIN}/mcp`, { method: "POST" })).status).toBe(401);
  const list = await callMcp("tools/list", {});
  expect([list.status, await list.text()]).toEqual([200, expect.stringContaining('"name":"claim_task"')]);
  const refused = await callMcp("tools/call", { name: "claim_task", arguments: {} });
  expect(await refused.json()).toMatchObject({ result: { isError: true } });
  const audit = await worker.fetch(`${ORIGIN}/audit`, ADMIN);
  expect(await audit.json()).toMatchObject({
    calls: [{ agent: "Concierge", tool: "claim_task", outcome: "bad_request", via: "mcp" }],
  });
});

test("Groundcrew in workerd serves its page without tickets, and data only after signing in", async () => {
  const page = await worker.fetch(ORIGIN);
  expect([page.status, page.headers.get("content-security-policy")]).toEqual([200, expect.stringContaining("'none'")]);
  const markup = await page.text();
  expect(markup).toContain('data-view="inbox"');
  expect(markup).not.toContain('data-view="tickets"');
  expect(await (await worker.fetch(`${ORIGIN}/assets/page.js`)).text()).toContain("EventSource");
  // Its views whose scripts are loaded when they are opened.
  for (const name of ["plan.js", "schedules.js", "palette.js", "task-page.js"])
    expect(await (await worker.fetch(`${ORIGIN}/assets/${name}`)).text()).toMatch(/from"\.\/page\.js"/);
  for (const path of ["/assets/tickets.js", "/terminal/ONB-1", "/api/sessions"])
    expect([path, (await worker.fetch(ORIGIN + path)).status]).toEqual([path, 404]);
  expect((await worker.fetch(`${ORIGIN}/api/board`)).status).toBe(401);
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ token: ADMIN_TOKEN });
  const signedIn = await worker.fetch(`${ORIGIN}/api/session`, { method: "POST", headers, body });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const board = await worker.fetch(`${ORIGIN}/api/board`, { headers: { cookie } });
  expect([board.status, await board.json()]).toMatchObject([200, { projects: [], demo: false }]);

  expect((await worker.fetch(`${ORIGIN}/api/events`)).status).toBe(401);
  const events = await worker.fetch(`${ORIGIN}/api/events`, { headers: { cookie } });
  const { value } = (await events.body?.getReader().read()) ?? {};
  expect([events.headers.get("content-type"), new TextDecoder().decode(value)]).toEqual([
    "text/event-stream",
    expect.stringMatching(/^event: change\ndata: [\d.]+\n\n$/),
  ]);
});

test("wrangler deploy --dry-run bundles the worker without Node modules", { timeout: 60_000 }, async () => {
  const args = ["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--config", "wrangler.jsonc"];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: { ...process.env } });
  expect(stdout).toContain("--dry-run: exiting now");
  expect(Number(/gzip: ([\d.]+) KiB/.exec(stdout)?.[1])).toBeLessThan(MAX_BUNDLE_KIB);
  expect(stdout + stderr).not.toMatch(/node:|nodejs_compat|warning/i);
});

test("Groundcrew in workerd refuses Redis at its start, and breaks the answer to a webhook off so that Plane repeats it", async () => {
  const vars = { PLANE_URL: "http://127.0.0.1:1", PLANE_WORKSPACE: "javisi", STORE_URL: "redis://127.0.0.1:6379" };
  const secrets = { PLANE_API_KEY: "plane_api_of_this_test" };
  const refused = createTestHarness({ workers: [{ configPath: "wrangler.jsonc", vars, secrets }] });
  onTestFinished(() => refused.close());
  const { url } = await refused.listen();
  const answer = await fetch(new URL("/health", url));
  expect([answer.status, await answer.json()]).toMatchObject([503, { error: { code: "unavailable" } }]);
  const reason = /STORE_URL.*on Workers the store is the Durable Object/;
  expect(refused.getLogs().map(({ message }) => message)).toContainEqual(expect.stringMatching(reason));
  const init = { method: "POST", headers: createWebhookHeaders("{}"), body: "{}" };
  const readAnswer = async () => (await fetch(new URL("/webhooks/plane", url), init)).text();
  await expect(readAnswer()).rejects.toThrow(TypeError);
});
