import { expect, test } from "vitest";
import {
  callTool,
  createHttpTestApp,
  HTTP_ADMIN_TOKEN,
  HTTP_TICK_TOKEN,
  toBridgeToken,
} from "../../support/http-test-app.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN as OPERATOR, startTestRuntime } from "../../support/test-runtime.ts";

const TOO_LARGE = 2 * 1024 * 1024 + 1;

test("POST /agent/<tool> refuses an invalid input with 400 and says what to do", async () => {
  const app = await createHttpTestApp();
  for (const [input, message] of [
    [{}, "claim_task: task is missing."],
    [{ task: 12 }, "claim_task: task: Invalid input: expected string, received number."],
    [{ task: null }, "claim_task: task is missing."],
    [{ tsk: "ONB-1" }, 'claim_task has no field "tsk". Did you mean task? Its fields: task, start.'],
    [{ task: "ONB-1", why: "x" }, 'claim_task has no field "why". Its fields: task, start.'],
    [JSON.parse('{"task": "ONB-1", "__proto__": {"a": 1}}'), expect.stringContaining('has no field "__proto__"')],
    [["ONB-1"], expect.stringContaining("takes a JSON object")],
    ["ONB-1", expect.stringContaining("takes a JSON object")],
    [undefined, "claim_task: task is missing."],
    [{ task: "'; drop table" }, expect.stringContaining("is not a valid task key. Give a key")],
  ]) {
    const { status, json } = await app.callTool("Imhotep", "claim_task", input);
    expect([status, json]).toEqual([400, { error: { code: "bad_request", message } }]);
  }
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

test("an agent whose name has a space is found by the poll, and works as every other", async () => {
  const name = "Zoe Marie";
  const app = await createHttpTestApp({ agents: { [name]: { email: "zoe.marie@javisi.local.test" } } });
  await app.runFirstPoll();
  app.addTask("Write the guide", name);
  await app.pollUntilIdle();
  expect(await app.callTool(name, "list_my_tasks")).toMatchObject({ json: { tasks: [{ key: "ONB-1" }] } });
  for (const status of ["in_progress", "done"]) {
    const input = { task: "ONB-1", status, ...(status === "done" ? { text: "Written." } : {}) };
    expect(await app.callTool(name, "update_task_status", input)).toMatchObject({ status: 200 });
    await app.pollUntilIdle();
  }
});

test("NUL and halves of characters in the commit and the tests, which Plane refuses, do not reach it", async () => {
  const app = await createHttpTestApp();
  const item = app.addTask("Write the guide", "Imhotep");
  await app.runFirstPoll();
  await app.callTool("Imhotep", "claim_task", { task: "ONB-1", start: true });
  const report = { text: "Written.", commit: "a1b2c3d\0", tests: "12 passed \ud800!" };
  expect(
    await app.callTool("Imhotep", "update_task_status", { task: "ONB-1", status: "done", ...report }),
  ).toMatchObject({ status: 200 });
  await app.runUntilIdle();
  expect(app.readComments(item)).toContainEqual(expect.stringMatching(/a1b2c3d\ufffd<.*12 passed \ufffd!</u));
});

test("an estimate that no sum can hold is refused with its limit", async () => {
  const app = await createHttpTestApp();
  await app.runFirstPoll();
  const tasks = ["a", "b"].map((id) => ({ id, title: id, assignee: "Imhotep", estimate: { cost: 1e308 } }));
  expect(await app.callTool("Concierge", "plan_project", { project: "Guides", tasks, dry_run: true })).toMatchObject({
    status: 400,
    json: { error: { message: expect.stringContaining("estimate.cost: Too big: expected number to be <=1000000000") } },
  });
});

test("OPENCLAW-08 create_project finds a project whose name is written in other letters, with and without a wish", async () => {
  const app = await createHttpTestApp();
  await app.runFirstPoll();
  const create = (name: string) => app.callTool("Concierge", "create_project", { name });
  const message = expect.stringMatching(/"Onboarding" \(ONB\) exists and was not created by Groundcrew/);
  expect(await create("onboarding")).toMatchObject({ status: 409, json: { error: { message } } });
  await app.addWish();
  expect(await create("ONBOARDING")).toMatchObject({ status: 409 });
  expect(await create("Website")).toMatchObject({ json: { identifier: "WEBS" } });
  expect(await create("website")).toMatchObject({ json: { identifier: "WEBS", name: "Website" } });
  expect(app.plane.projects().map(({ name }) => name)).toEqual(["Onboarding", "Website"]);
});

test("POST /agent/<tool> answers 404 for an unknown tool, with the available ones", async () => {
  const app = await createHttpTestApp();
  const { status, json } = await app.callTool("Imhotep", "delete_everything", {});
  expect(status).toBe(404);
  expect(JSON.stringify(json)).toContain("claim_task");
  expect(JSON.stringify(json)).not.toContain("plan_project");
});

test("OPENCLAW-20 POST /agent/<tool> returns retry_after in whole seconds while Plane's quota is used up", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  app.plane.faults.add({}, { kind: "status", status: 429, headers: { "retry-after": "40" } });
  const { status, headers, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-77" });
  expect([status, headers.get("retry-after")]).toEqual([429, "40"]);
  const error = { code: "rate_limited", message: expect.any(String), retry_after: 40 };
  expect(json).toEqual({ error, retry_after: 40 });
});

test("POST /agent/<tool> hides the text of an unexpected error and logs it", async () => {
  const app = await createHttpTestApp();
  app.addTask("Write the menu", "Imhotep");
  await app.runFirstPoll();
  const { store } = app;
  store.commit = () => Promise.reject(new Error("disk /secret/path is full"));
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-1" });
  expect([status, JSON.stringify(json)]).toEqual([500, expect.not.stringContaining("/secret/path")]);
  expect(app.logged.find(({ message }) => message === "agent call failed unexpectedly")).toMatchObject({
    agent: "Imhotep",
    tool: "claim_task",
    error: "disk /secret/path is full",
  });
});

test("A bridge token is required: 403 names it for another token, 401 is for none and for an unknown one; it opens nothing else", async () => {
  const app = await createHttpTestApp();
  for (const path of ["/dead-letters", "/audit", "/metrics", "/api/board"])
    expect((await app.request(path, toBridgeToken("Concierge"))).status, path).toBe(403);
  for (const [method, path] of [
    ["POST", "/agent/claim_task"],
    ["POST", "/mcp"],
    ["PUT", "/agent/upload_deliverable"],
    ["GET", "/agent/openapi.json"],
  ] as const) {
    const init = method === "GET" ? {} : { method, body: "{}" };
    expect((await fetch(app.url + path, init)).status).toBe(401);
    const response = await app.request(path, `${toBridgeToken("Thot")}x`, init);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="groundcrew"']);
    for (const [name, token] of Object.entries({ ADMIN_TOKEN: HTTP_ADMIN_TOKEN, TICK_TOKEN: HTTP_TICK_TOKEN })) {
      const refused = await app.request(path, token, init);
      expect([refused.status, await refused.text()]).toEqual([
        403,
        expect.stringContaining(`AGENT_TOKEN_<AGENT>); ${name}`),
      ]);
    }
  }
});

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

interface AuditEntry {
  agent: string;
  tool: string;
  item?: string;
  outcome: string;
  via: string;
}

async function readAudit(app: HttpTestApp, query = ""): Promise<{ calls: AuditEntry[]; next?: string }> {
  return JSON.parse(await (await app.request(`/audit${query}`, HTTP_ADMIN_TOKEN)).text());
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

test("GET /audit returns a call for 30 days, without texts that agents wrote", async () => {
  const app = await createHttpTestApp();
  await app.callTool("Thot", "claim_task", {});
  app.advance(30 * 86_400_000 - 1_000);
  await app.callTool("Thot", `marked\u202e${"x".repeat(200)}`, { task: "marked text of a task" });
  expect(await readAuditLines(app)).toEqual([
    `Thot marked${"x".repeat(57)}… - not_found http`,
    "Thot claim_task - bad_request http",
  ]);
  app.advance(2_000);
  expect(await readAuditLines(app)).toHaveLength(1);
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

const MARK = "(hidden text removed)";

const HIDDEN_TEXTS = [
  ["display", '<p style="display:none">SECRET</p>'],
  ["display in capitals and with spaces", "<p STYLE=' DISPLAY : None !important '>SECRET</p>"],
  ["display with a comment", '<p style="display:/**/none">SECRET</p>'],
  ["display with an escape", '<p style="d\\69 splay:none">SECRET</p>'],
  ["display with a character reference", '<p style="display&#58;none">SECRET</p>'],
  ["visibility", '<span style="visibility:hidden">SECRET</span>'],
  ["opacity", '<div style="opacity:0.01">SECRET</div>'],
  ["a filter", '<div style="filter:opacity(0)">SECRET</div>'],
  ["font-size", '<span style="font-size:0">SECRET</span>'],
  ["a tiny font-size", '<span style="font-size:1px">SECRET</span>'],
  ["font", '<span style="font:0/0 a">SECRET</span>'],
  ["white on white", '<span style="color:#fff">SECRET</span>'],
  ["nearly white on white", '<span style="color:rgb(254 254 254)">SECRET</span>'],
  ["black on black", '<p style="background:#000;color:#010101">SECRET</p>'],
  [
    "the colour of the element around it",
    '<div style="background:red"><b style="color:#f00">SECRET</b></div>'.replace("red", "#f00"),
  ],
  ["a transparent colour", '<span style="color:transparent">SECRET</span>'],
  ["a font element", '<font color="white">SECRET</font>'],
  ["a position off the screen", '<p style="position:absolute;left:-9999px">SECRET</p>'],
  ["a text indent", '<p style="text-indent:-999em">SECRET</p>'],
  ["a transformation", '<p style="transform:translateX(-5000px)">SECRET</p>'],
  ["a scale", '<p style="transform:scale(0)">SECRET</p>'],
  ["a clip", '<p style="position:absolute;clip:rect(0,0,0,0)">SECRET</p>'],
  ["a box without height", '<p style="height:0;overflow:hidden">SECRET</p>'],
  ["the attribute hidden", "<p hidden>SECRET</p>"],
  ["the attribute hidden in an outer element", "<div hidden><ul><li><p>SECRET</p></li></ul></div>"],
  ["a popover", "<div popover>SECRET</div>"],
  ["a closed dialog", "<dialog>SECRET</dialog>"],
  ["a class of Plane", '<p class="sr-only">SECRET</p>'],
  ["a style sheet", '<style>.x > b, i { display: none }</style><p class="x"><b>SECRET</b></p>'],
  ["a style sheet with a long rule", `<style>b{${"a:b;".repeat(600)}display:none}</style><b>SECRET</b>`],
  ["closed details", "<details><summary>Visible</summary><p>SECRET</p></details>"],
  ["closed details without a summary", "<details>SECRET</details>"],
  ["a table row", '<table><tr><th>a</th></tr><tr style="display:none"><td>SECRET</td></tr></table>'],
  ["a table section", "<table><tr><th>a</th></tr><tbody hidden><tr><td>SECRET</td></tr></tbody></table>"],
  ["a list item", "<ul><li hidden>SECRET</li><li>b</li></ul>"],
  ["elements that are nested deeply", `${"<div>".repeat(60)}<p hidden>SECRET</p>`],
  ["elements that are nested too deeply for a tree", `${"<div>".repeat(9_000)}<p hidden>SECRET</p>`],
  ["many formats that are not closed", `${'<b style="">'.repeat(300)}${"<p>a</p>".repeat(300)}<p hidden>SECRET</p>`],
] as const;

test("hidden text reaches agents neither from a description nor from a comment, and a mark says so", async () => {
  const app = await createHttpTestApp();
  const items = HIDDEN_TEXTS.map(([, hidden]) => app.addTask("Write it down", "Thot", { description_html: hidden }));
  await app.runFirstPoll();
  for (const [i, [way, hidden]] of HIDDEN_TEXTS.entries()) {
    app.plane.addComment(items[i] ?? "", `${hidden}<p>Bye</p>`);
    const { json } = await app.callTool("Thot", "get_task_details", { task: `ONB-${i + 1}` });
    expect(JSON.stringify(json), way).not.toContain("SECRET");
    expect(json, way).toMatchObject({
      text: expect.stringContaining(MARK),
      comments: { latest: [{ text: expect.stringContaining(MARK) }] },
    });
  }
  const list = await app.callTool("Thot", "list_my_tasks", {});
  expect(list).toMatchObject({ status: 200, json: { tasks: expect.any(Array) } });
  expect(JSON.stringify(list.json)).not.toContain("SECRET");
});

test("text that people see reaches agents unchanged, whatever its style", async () => {
  const app = await createHttpTestApp();
  const html =
    '<p style="text-align:center;color:#333;font-size:12px;line-height:1.5;margin:0">a</p>' +
    '<p style="background-color:#000;color:#fff;font:700 12px/1 serif">b</p>' +
    '<div style="color:white;background:rgb(20, 20, 20)"><span style="opacity:0.8">c</span></div>' +
    "<details open><summary>d</summary><p>e</p></details>" +
    '<table><tr><th style="width:0;min-width:25px">f</th></tr></table>' +
    '<p class="editor-paragraph-block hidden-gem" style="top:0;left:-10px;transform:rotate(-360deg)">g</p>';
  app.addTask("Write it down", "Thot", { description_html: html });
  await app.runFirstPoll();
  const { json } = await app.callTool("Thot", "get_task_details", { task: "ONB-1" });
  expect(json).toMatchObject({ text: "a\n\nb\n\nc\n\nd\n\ne\n\n| f |\n| - |\n\ng" });
});
