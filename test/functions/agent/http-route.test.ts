import { expect, test } from "vitest";
import { z } from "zod";
import { createHttpTestApp, HTTP_ADMIN_TOKEN, HTTP_TICK_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";

const openApiSchema = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.object({
      post: z.object({ requestBody: z.object({ content: z.record(z.string(), z.object({ schema: z.json() })) }) }),
    }),
  ),
});

const TOO_LARGE = 2 * 1024 * 1024 + 1;

test("POST /agent/<tool> calls the tool as the agent to which the token belongs", async () => {
  const app = await createHttpTestApp();
  const task = app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "onb-1" });
  expect([status, json]).toEqual([200, expect.objectContaining({ task: "ONB-1" })]);
  expect(await app.callTool("Imhotep", "claim_task", { task: task.id })).toMatchObject({ status: 200 });
});

test("OPENCLAW-20 POST /agent/<tool> answers a call about another agent's task with 403 and the owner", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  const { status, json } = await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  expect(status).toBe(403);
  expect(json).toEqual({
    error: { code: "forbidden", message: expect.stringMatching(/^ONB-1 belongs to Imhotep; .*not Thot/) },
  });
});

test.each([
  ["a missing field", {}, "claim_task: task is missing."],
  ["a field of another type", { task: 12 }, "claim_task: task: Invalid input: expected string, received number."],
  ["null for what is needed", { task: null }, "claim_task: task is missing."],
  ["a mistyped field", { tsk: "ONB-1" }, 'claim_task has no field "tsk". Did you mean task? Its fields: task.'],
  ["a field too many", { task: "ONB-1", why: "x" }, 'claim_task has no field "why". Its fields: task.'],
  ["__proto__", JSON.parse('{"task": "ONB-1", "__proto__": {"a": 1}}'), /has no field "__proto__"/],
  ["a list", ["ONB-1"], /takes a JSON object/],
  ["a word", "ONB-1", /takes a JSON object/],
  ["nothing", undefined, "claim_task: task is missing."],
  ["an invalid task key", { task: "'; drop table" }, /is not a valid task key. Give a key/],
])("POST /agent/<tool> refuses %s with 400 and says what to do", async (_, input, message) => {
  const app = await createHttpTestApp();
  const { status, json } = await app.callTool("Imhotep", "claim_task", input);
  expect(status).toBe(400);
  expect(json).toEqual({
    error: {
      code: "bad_request",
      message: typeof message === "string" ? message : expect.stringMatching(message),
    },
  });
});

test("POST /agent/<tool> refuses a body that is not JSON, of another content type, or over 2 MB", async () => {
  const app = await createHttpTestApp();
  const status = async (body: string | Uint8Array<ArrayBuffer>, type = "application/json") =>
    (
      await app.request("/agent/claim_task", toBridgeToken("Thot"), {
        method: "POST",
        body,
        headers: { "content-type": type },
      })
    ).status;
  expect(await status("{")).toBe(400);
  expect(await status(new Uint8Array([0x22, 0xff, 0x22]))).toBe(400);
  expect(await status("{}", "text/plain")).toBe(415);
  expect(await status("x".repeat(TOO_LARGE))).toBe(413);
});

test("POST /agent/<tool> accepts a body with a 1 MB deliverable in base64", async () => {
  const app = await createHttpTestApp();
  const content = "A".repeat(Math.ceil((1024 * 1024) / 3) * 4);
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-1", content });
  expect([status, JSON.stringify(json)]).toEqual([400, expect.stringContaining("has no field")]);
});

test("POST /agent/<tool> answers 404 for an unknown tool, with the available ones", async () => {
  const app = await createHttpTestApp();
  const { status, json } = await app.callTool("Imhotep", "delete_everything", {});
  expect(status).toBe(404);
  expect(JSON.stringify(json)).toContain("claim_task");
  expect(JSON.stringify(json)).not.toContain("plan_project");
});

test("POST /agent/<tool> answers 405 for another method, with the allowed one", async () => {
  const app = await createHttpTestApp();
  const response = await app.request("/agent/claim_task", toBridgeToken("Thot"));
  expect([response.status, response.headers.get("allow")]).toEqual([405, expect.stringContaining("POST")]);
});

test("OPENCLAW-20 POST /agent/<tool> returns retry_after in whole seconds while Plane's quota is used up", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  app.plane.faults.add({}, { kind: "status", status: 429, headers: { "retry-after": "40" } });
  const { status, headers, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-77" });
  expect([status, headers.get("retry-after")]).toEqual([429, "40"]);
  expect(json).toEqual({ error: { code: "rate_limited", message: expect.any(String), retry_after: 40 } });
});

test("POST /agent/<tool> answers 503 when Plane is not reachable", async () => {
  const app = await createHttpTestApp();
  await app.runFirstPoll();
  await app.plane.stop();
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-77" });
  expect([status, json]).toEqual([503, { error: expect.objectContaining({ code: "unavailable" }) }]);
});

test("POST /agent/<tool> hides the text of an unexpected error and logs it", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  const { store } = app;
  store.lease = () => Promise.reject(new Error("disk /secret/path is full"));
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-1" });
  expect([status, JSON.stringify(json)]).toEqual([500, expect.not.stringContaining("/secret/path")]);
  expect(app.logged.find(({ message }) => message === "agent call failed unexpectedly")).toMatchObject({
    agent: "Imhotep",
    tool: "claim_task",
    error: "disk /secret/path is full",
  });
});

test("A bridge token gives access to the tools and nothing else", async () => {
  const app = await createHttpTestApp();
  for (const path of ["/dead-letters", "/audit", "/metrics", "/api/board"]) {
    const response = await app.request(path, toBridgeToken("Concierge"));
    expect([path, response.status]).toEqual([path, 403]);
  }
  expect((await app.request("/agent/openapi.json", toBridgeToken("Concierge"))).status).toBe(200);
});

test.each([
  ["ADMIN_TOKEN", HTTP_ADMIN_TOKEN],
  ["TICK_TOKEN", HTTP_TICK_TOKEN],
])("A bridge token cannot be replaced by %s: 403 names the token that is needed", async (name, token) => {
  const app = await createHttpTestApp();
  for (const path of ["/agent/claim_task", "/mcp"]) {
    const response = await app.request(path, token, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining(`AGENT_TOKEN_<AGENT>); ${name}`),
    ]);
  }
});

test("A bridge token is required: the answer is 401 without a token and for an unknown one", async () => {
  const app = await createHttpTestApp();
  for (const path of ["/agent/claim_task", "/mcp", "/agent/openapi.json"]) {
    const init = path.endsWith(".json") ? {} : { method: "POST", body: "{}" };
    expect((await fetch(app.url + path, init)).status).toBe(401);
    const response = await app.request(path, `${toBridgeToken("Thot")}x`, init);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="groundcrew"']);
  }
});

test("GET /agent/openapi.json describes only the tools that the agent may call, with their inputs", async () => {
  const app = await createHttpTestApp();
  const paths = async (agent: string) => {
    const response = await app.request("/agent/openapi.json", toBridgeToken(agent));
    return openApiSchema.parse(await response.json()).paths;
  };
  const workers = await paths("Thot");
  expect(workers["/agent/claim_task"]?.post.requestBody.content["application/json"]?.schema).toEqual({
    type: "object",
    properties: { task: expect.objectContaining({ type: "string" }) },
    required: ["task"],
  });
  expect(Object.keys(workers)).not.toContain("/agent/plan_project");
});
