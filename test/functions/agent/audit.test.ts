import { expect, test } from "vitest";
import { z } from "zod";
import { callTool, createHttpTestApp, HTTP_ADMIN_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN as OPERATOR, startTestRuntime } from "../../support/test-runtime.ts";

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

const auditSchema = z.object({
  calls: z.array(
    z.object({
      at: z.iso.datetime(),
      agent: z.string(),
      tool: z.string(),
      item: z.string().optional(),
      outcome: z.string(),
      ms: z.number(),
      via: z.enum(["mcp", "http"]),
      correlation: z.string(),
    }),
  ),
  next: z.string().optional(),
});

async function readAudit(app: HttpTestApp, query = "") {
  return auditSchema.parse(await (await app.request(`/audit${query}`, HTTP_ADMIN_TOKEN)).json());
}

async function readAuditLines(app: HttpTestApp, query = "") {
  const { calls } = await readAudit(app, query);
  return calls.map(({ agent, tool, item, outcome, via }) => [agent, tool, item ?? "-", outcome, via].join(" "));
}

test("GET /audit lists every call, newest first, with caller, tool, task and outcome", async () => {
  const app = await createHttpTestApp();
  const task = app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  await app.callTool("Imhotep", "claim_task", { task: "onb-1" });
  await callTool(await app.connectMcpClient("Imhotep"), "claim_task", { task: task.id });
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await app.callTool("Thot", "claim_task", {});
  await app.callTool("Thot", "delete_everything", { task: "ONB-1" });
  expect(await readAuditLines(app)).toEqual([
    "Thot delete_everything ONB-1 not_found http",
    "Thot claim_task - bad_request http",
    "Thot claim_task ONB-1 forbidden http",
    "Imhotep claim_task ONB-1 ok mcp",
    "Imhotep claim_task ONB-1 ok http",
  ]);
  expect(await readAuditLines(app, "?agent=Imhotep")).toHaveLength(2);
  expect(await readAuditLines(app, "?task=onb-1")).toHaveLength(4);
  const { calls, next } = await readAudit(app, "?agent=Imhotep&limit=1");
  expect([calls, (await readAudit(app, `?agent=Imhotep&after=${encodeURIComponent(next ?? "")}`)).calls]).toEqual([
    [expect.objectContaining({ via: "mcp" })],
    [expect.objectContaining({ via: "http" })],
  ]);
  expect(await readAuditLines(app, "?task=ONB-1&agent=Thot")).toEqual([
    "Thot delete_everything ONB-1 not_found http",
    "Thot claim_task ONB-1 forbidden http",
  ]);
});

test("GET /audit returns the calls in pages", async () => {
  const app = await createHttpTestApp();
  for (const task of ["A-1", "A-2", "A-3", "A-4", "A-5"]) await app.callTool("Thot", "claim_task", { task, x: 1 });
  const items: (string | undefined)[] = [];
  let query = "?limit=2";
  for (let page = 0; page < 5; page += 1) {
    const { calls, next } = await readAudit(app, query);
    items.push(...calls.map(({ item }) => item));
    if (next === undefined) break;
    query = `?limit=2&after=${encodeURIComponent(next)}`;
  }
  expect(items).toEqual(["A-5", "A-4", "A-3", "A-2", "A-1"]);
});

test("GET /audit returns a call for 30 days", async () => {
  const app = await createHttpTestApp();
  await app.callTool("Thot", "claim_task", {});
  app.advance(30 * 86_400_000 - 1_000);
  expect(await readAuditLines(app)).toHaveLength(1);
  app.advance(2_000);
  expect(await readAuditLines(app)).toHaveLength(0);
});

test("GET /audit contains names and no texts that agents wrote", async () => {
  const app = await createHttpTestApp();
  await app.callTool("Thot", "claim_task", { task: "marked text of a task", text: "marked" });
  await app.callTool("Thot", `marked\u202e${"x".repeat(200)}`, {});
  const { calls } = await readAudit(app);
  expect(calls[1]).not.toHaveProperty("item");
  expect(calls[0]?.tool).toBe(`marked${"x".repeat(57)}…`);
});

test("GET /audit requires ADMIN_TOKEN and refuses an invalid query", async () => {
  const app = await createHttpTestApp();
  expect((await app.request("/audit", toBridgeToken("Concierge"))).status).toBe(403);
  expect((await app.request("/audit?limit=0", HTTP_ADMIN_TOKEN)).status).toBe(400);
});

test("A tool call is answered before its audit entry is written", async () => {
  const app = await createHttpTestApp();
  const { store } = app;
  const commit = store.commit.bind(store);
  const written = Promise.withResolvers<void>();
  store.commit = async (given) => {
    if (given.put?.some(({ key }) => key.startsWith("audit:"))) await written.promise;
    return commit(given);
  };
  expect(await app.callTool("Thot", "claim_task", {})).toMatchObject({ status: 400 });
  expect(await readAuditLines(app)).toEqual([]);
  written.resolve();
  await expect.poll(() => readAuditLines(app)).toHaveLength(1);
});

test("A tool call is counted and timed by tool and outcome, with one label for all unknown tools", async () => {
  const { url } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: "bridge-token-of-the-concierge" } });
  const call = (tool: string) =>
    fetch(`${url}/agent/${tool}`, { method: "POST", ...createBearerHeaders("bridge-token-of-the-concierge") });
  for (const tool of ["claim_task", "claim_task", "marked_one", "marked_two"]) await call(tool);
  const metrics = async () => (await fetch(`${url}/metrics`, createBearerHeaders(OPERATOR))).text();
  await expect.poll(metrics).toContain('groundcrew_agent_calls_total{tool="unknown",outcome="not_found"} 2');
  const text = await metrics();
  expect(text).toContain('groundcrew_agent_calls_total{tool="claim_task",outcome="bad_request"} 2');
  expect(text).toContain('groundcrew_agent_call_duration_seconds_count{tool="claim_task"} 2');
  expect(text).not.toContain("marked");
});

test("A tool call leaves its token neither in the log nor in an answer nor in the store (reliability 21)", async () => {
  const app = await createHttpTestApp();
  const token = toBridgeToken("Thot");
  const answers = [
    await app.callTool("Thot", "claim_task", { task: token }),
    await app.callTool("Thot", "claim_task", { [token]: 1 }),
    await app.callTool("Thot", token, {}),
  ];
  await expect.poll(() => readAuditLines(app)).toHaveLength(3);
  const written = JSON.stringify([answers, app.logged, (await readAudit(app)).calls]);
  expect(written).not.toContain(token);
});

test("A tool call is logged, as a warning when it is forbidden to the agent (reliability 20)", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  await app.callTool("Imhotep", "claim_task", { task: "ONB-1" });
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await expect
    .poll(() => app.logged.filter(({ message }) => message === "agent call"))
    .toMatchObject([
      { level: "info", agent: "Imhotep", tool: "claim_task", item: "ONB-1", outcome: "ok", via: "http" },
      { level: "warn", agent: "Thot", outcome: "forbidden", reason: expect.stringContaining("belongs to Imhotep") },
    ]);
});
