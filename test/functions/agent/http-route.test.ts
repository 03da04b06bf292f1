import { expect, test } from "vitest";
import {
  callTool,
  createHttpTestApp,
  createTaskApp,
  HTTP_ADMIN_TOKEN,
  HTTP_TICK_TOKEN,
  toBridgeToken,
} from "../../support/http-test-app.ts";

test("POST /agent/<tool> refuses an invalid input or body and says what to do, and answers 404 for an unknown tool with the available ones", async () => {
  const app = await createHttpTestApp();
  for (const [input, message] of [
    [{}, "claim_task: task is missing."],
    [{ task: 12 }, "claim_task: task: Invalid input: expected string, received number."],
    [{ tsk: "ONB-1" }, 'claim_task has no field "tsk". Did you mean task? Its fields: task, start.'],
    [JSON.parse('{"task": "ONB-1", "__proto__": {"a": 1}}'), expect.stringContaining('has no field "__proto__"')],
    [["ONB-1"], expect.stringContaining("takes a JSON object")],
    [undefined, "claim_task: task is missing."],
    [{ task: "'; drop table" }, expect.stringContaining("is not a valid task key. Give a key")],
  ]) {
    const { status, json } = await app.callTool("Imhotep", "claim_task", input);
    expect([status, json]).toEqual([400, { error: { code: "bad_request", message } }]);
  }
  // No sum can hold it.
  const tasks = [{ id: "a", title: "A", estimate: { cost: 1e308 } }];
  expect(await app.callTool("Concierge", "plan_project", { project: "Guides", tasks, dry_run: true })).toMatchObject({
    status: 400,
    json: { error: { message: expect.stringContaining("estimate.cost: Too big: expected number to be <=1000000000") } },
  });
  for (const [body, type, expected] of [
    [new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400],
    ["{}", "text/plain", 415],
    ["x".repeat(2 * 1024 * 1024 + 1), "application/json", 413],
  ] as const) {
    const init = { method: "POST", body, headers: { "content-type": type } };
    expect((await app.request("/agent/claim_task", toBridgeToken("Thot"), init)).status).toBe(expected);
  }
  const unknown = await app.callTool("Imhotep", "delete_everything", {});
  expect(unknown.status).toBe(404);
  expect(JSON.stringify(unknown.json)).toContain("claim_task");
  expect(JSON.stringify(unknown.json)).not.toContain("plan_project");
});

test("an agent whose name has a space works as every other, and what Plane refuses in its commit and tests does not reach it", async () => {
  const name = "Zoe Marie";
  const app = await createHttpTestApp({ agents: { [name]: { email: "zoe.marie@javisi.local.test" } } });
  await app.runFirstPoll();
  const item = app.addTask("Write the guide", name);
  await app.pollUntilIdle();
  expect(await app.callTool(name, "list_my_tasks")).toMatchObject({ json: { tasks: [{ key: "ONB-1" }] } });
  const report = { text: "Written.", commit: "a1b2c3d\0", tests: "12 passed \ud800!" };
  for (const input of [{ status: "in_progress" }, { status: "done", ...report }]) {
    expect(await app.callTool(name, "update_task_status", { task: "ONB-1", ...input })).toMatchObject({ status: 200 });
    await app.pollUntilIdle();
  }
  expect(app.readComments(item)).toContainEqual(expect.stringMatching(/a1b2c3d\ufffd<.*12 passed \ufffd!</u));
});

test("OPENCLAW-20 POST /agent/<tool> returns retry_after while Plane's quota is used up, and hides and logs an unexpected error", async () => {
  const { app } = await createTaskApp("Write the menu", "Imhotep");
  app.plane.faults.add({}, { kind: "status", status: 429, headers: { "retry-after": "40" } });
  const limited = await app.callTool("Imhotep", "claim_task", { task: "ONB-77" });
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "40"]);
  const error = { code: "rate_limited", message: expect.any(String), retry_after: 40 };
  expect(limited.json).toEqual({ error, retry_after: 40 });
  app.store.commit = () => Promise.reject(new Error("disk /secret/path is full"));
  const { status, json } = await app.callTool("Imhotep", "claim_task", { task: "ONB-1" });
  expect([status, JSON.stringify(json)]).toEqual([500, expect.not.stringContaining("/secret/path")]);
  expect(app.logged.find(({ message }) => message === "agent call failed unexpectedly")).toMatchObject({
    ...{ agent: "Imhotep", tool: "claim_task", error: "disk /secret/path is full" },
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
      const text = expect.stringContaining(`AGENT_TOKEN_<AGENT>); ${name}`);
      expect([refused.status, await refused.text()]).toEqual([403, text]);
    }
  }
});

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;
type AuditEntry = Record<"agent" | "tool" | "outcome" | "via", string> & { item?: string };

async function readAudit(
  app: HttpTestApp,
  query = "",
): Promise<{ calls: AuditEntry[]; lines: string[]; next?: string }> {
  const { calls, ...rest } = JSON.parse(await (await app.request(`/audit${query}`, HTTP_ADMIN_TOKEN)).text());
  const toLine = ({ agent, tool, item = "-", outcome, via }: AuditEntry) =>
    `${agent} ${tool} ${item} ${outcome} ${via}`;
  return { calls, lines: calls.map(toLine), ...rest };
}

test("GET /audit lists every call of 30 days, newest first, with caller, tool, task and outcome, and without texts that agents wrote", async () => {
  const { app, item: task } = await createTaskApp("Write the menu", "Imhotep");
  await app.callTool("Imhotep", "claim_task", { task: "onb-1" });
  app.advance(1_000);
  await callTool(await app.connectMcpClient("Imhotep"), "claim_task", { task: task.id });
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await app.callTool("Thot", "claim_task", {});
  await app.callTool("Thot", "delete_everything", { task: "ONB-1" });
  await app.callTool("Thot", `marked\u202e${"x".repeat(200)}`, { task: "marked text of a task" });
  const lines = [
    `Thot marked${"x".repeat(57)}… - not_found http`,
    "Thot delete_everything ONB-1 not_found http",
    "Thot claim_task - bad_request http",
    "Thot claim_task ONB-1 forbidden http",
    "Imhotep claim_task ONB-1 ok mcp",
    "Imhotep claim_task ONB-1 ok http",
  ];
  expect((await readAudit(app)).lines).toEqual(lines);
  expect((await readAudit(app, "?task=onb-1")).lines).toHaveLength(4);
  expect((await readAudit(app, "?task=ONB-1&agent=Thot")).lines).toEqual([lines[1], lines[3]]);
  const { lines: first, next = "" } = await readAudit(app, "?agent=Imhotep&limit=1");
  const second = await readAudit(app, `?agent=Imhotep&after=${encodeURIComponent(next)}`);
  expect([...first, ...second.lines]).toEqual(lines.slice(4));
  app.advance(30 * 86_400_000 - 500);
  expect((await readAudit(app)).lines).toEqual(lines.slice(0, 5));
});

test("A tool call leaves its token neither in the log nor in an answer nor in the store (reliability 21)", async () => {
  const app = await createHttpTestApp();
  const token = toBridgeToken("Thot");
  const answers = [
    await app.callTool("Thot", "claim_task", { task: token }),
    await app.callTool("Thot", "claim_task", { [token]: 1 }),
    await app.callTool("Thot", token, {}),
  ];
  await expect.poll(async () => (await readAudit(app)).lines).toHaveLength(3);
  expect(JSON.stringify([answers, app.logged, (await readAudit(app)).calls])).not.toContain(token);
});

const MARK = "(hidden text removed)";

const HIDDEN_TEXTS = [
  ["display", '<p style="display:none">SECRET</p>'],
  ["display with a comment", '<p style="display:/**/none">SECRET</p>'],
  ["display with an escape", '<p style="d\\69 splay:none">SECRET</p>'],
  ["display with a character reference", '<p style="display&#58;none">SECRET</p>'],
  ["visibility", '<span style="visibility:hidden">SECRET</span>'],
  ["font-size", '<span style="font-size:0">SECRET</span>'],
  ["white on white", '<span style="color:#fff">SECRET</span>'],
  ["black on black", '<p style="background:#000;color:#010101">SECRET</p>'],
  ["the colour around it", '<div style="background:#f00"><b style="color:#f00">SECRET</b></div>'],
  ["a font element", '<font color="white">SECRET</font>'],
  ["a position off the screen", '<p style="position:absolute;left:-9999px">SECRET</p>'],
  ["a transformation", '<p style="transform:translateX(-5000px)">SECRET</p>'],
  ["a box without height", '<p style="height:0;overflow:hidden">SECRET</p>'],
  ["the attribute hidden", "<p hidden>SECRET</p>"],
  ["the attribute hidden in an outer element", "<div hidden><ul><li><p>SECRET</p></li></ul></div>"],
  ["a closed dialog", "<dialog>SECRET</dialog>"],
  ["a class of Plane", '<p class="sr-only">SECRET</p>'],
  ["a style sheet", '<style>.x > b, i { display: none }</style><p class="x"><b>SECRET</b></p>'],
  ["closed details", "<details><summary>Visible</summary><p>SECRET</p></details>"],
  ["closed details without a summary", "<details>SECRET</details>"],
  ["a table row", '<table><tr><th>a</th></tr><tr style="display:none"><td>SECRET</td></tr></table>'],
  ["a list item", "<ul><li hidden>SECRET</li><li>b</li></ul>"],
  ["elements that are nested deeply", `${"<div>".repeat(60)}<p hidden>SECRET</p>`],
  ["elements that are nested too deeply for a tree", `${"<div>".repeat(9_000)}<p hidden>SECRET</p>`],
  ["many formats that are not closed", `${'<b style="">'.repeat(300)}${"<p>a</p>".repeat(300)}<p hidden>SECRET</p>`],
] as const;

test("hidden text reaches agents neither from a description nor from a comment, which a mark says, and what people see unchanged", async () => {
  const app = await createHttpTestApp();
  const visible =
    '<p style="text-align:center;color:#333;font-size:12px;line-height:1.5;margin:0">a</p>' +
    '<p style="background-color:#000;color:#fff;font:700 12px/1 serif">b</p>' +
    '<div style="color:white;background:rgb(20, 20, 20)"><span style="opacity:0.8">c</span></div>' +
    "<details open><summary>d</summary><p>e</p></details>" +
    '<table><tr><th style="width:0;min-width:25px">f</th></tr></table>' +
    '<p class="editor-paragraph-block hidden-gem" style="top:0;left:-10px;transform:rotate(-360deg)">g</p>';
  app.addTask("Write it down", "Thot", { description_html: visible });
  const items = HIDDEN_TEXTS.map(([, hidden]) => app.addTask("Write it down", "Thot", { description_html: hidden }));
  await app.runFirstPoll();
  for (const [i, [way, hidden]] of HIDDEN_TEXTS.entries()) {
    app.plane.addComment(items[i] ?? "", `${hidden}<p>Bye</p>`);
    const { json } = await app.callTool("Thot", "get_task_details", { task: `ONB-${i + 2}` });
    expect(JSON.stringify(json), way).not.toContain("SECRET");
    expect(json, way).toMatchObject({
      text: expect.stringContaining(MARK),
      comments: { latest: [{ text: expect.stringContaining(MARK) }] },
    });
  }
  const list = await app.callTool("Thot", "list_my_tasks", {});
  expect(list).toMatchObject({ status: 200, json: { tasks: expect.any(Array) } });
  expect(JSON.stringify(list.json)).not.toContain("SECRET");
  const { json } = await app.callTool("Thot", "get_task_details", { task: "ONB-1" });
  expect(json).toMatchObject({ text: "a\n\nb\n\nc\n\nd\n\ne\n\n| f |\n| - |\n\ng" });
});
