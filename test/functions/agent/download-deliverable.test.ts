import { expect, test } from "vitest";
import { callTool, createHttpTestApp, getResultText, toBridgeToken } from "../../support/http-test-app.ts";

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

/** Thot's task ONB-1 with files, and Imhotep's task ONB-2 that waits for it. */
async function createAppWithFiles(files: Record<string, string | Uint8Array<ArrayBuffer>>) {
  const app = await createHttpTestApp({ fileSizeLimit: 50 * 2 ** 20 });
  const blocker = app.addTask("Draw the plan", "Thot");
  const successor = app.addTask("Build it", "Imhotep");
  app.plane.relate(successor, blocker);
  await app.runFirstPoll();
  await app.runUntilIdle();
  for (const [name, body] of Object.entries(files)) {
    const query = new URLSearchParams({ task: "ONB-1", name });
    const path = `/agent/upload_deliverable?${query}`;
    expect((await app.request(path, toBridgeToken("Thot"), { method: "PUT", body })).status).toBe(200);
  }
  return { app, blocker, successor };
}

const streamFile = (app: HttpTestApp, agent: string, name: string) =>
  app.request(`/agent/download_deliverable?${new URLSearchParams({ task: "ONB-1", name })}`, toBridgeToken(agent));

test("OPENCLAW-14 an agent reads the deliverable of the task that its own task waited for, over MCP", async () => {
  const { app, blocker } = await createAppWithFiles({ "plan.md": "# Plan\n\nTwo floors.\n" });
  app.plane.editItem(blocker, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  const imhotep = await app.connectMcpClient("Imhotep");
  const details = JSON.parse(getResultText(await callTool(imhotep, "get_task_details", { task: "ONB-2" })));
  expect(details.inputs).toEqual([{ key: "ONB-1", title: "Draw the plan", status: "done" }]);
  const answer = await callTool(imhotep, "download_deliverable", { task: "ONB-1", name: "plan.md" });
  expect(JSON.parse(getResultText(answer))).toEqual({
    task: "ONB-1",
    name: "plan.md",
    type: "text/markdown",
    size: 20,
    text: "# Plan\n\nTwo floors.",
  });
});

test("download_deliverable is refused for a task that the agent's tasks do not wait for, and nothing is read", async () => {
  const { app } = await createAppWithFiles({ "plan.md": "secret" });
  app.addTask("Something else", "Imhotep");
  await app.poll();
  app.plane.editItem(app.plane.items(app.onb).find(({ name }) => name === "Build it") ?? { id: "" }, {
    assignees: [app.getUser("Thot")],
  });
  await app.poll();
  app.advance(3_000);
  await app.poll();
  await app.runUntilIdle();
  const requests = await app.recordRequests(async () => {
    const { status } = await app.callTool("Imhotep", "download_deliverable", { task: "ONB-1", name: "plan.md" });
    expect(status).toBe(403);
    expect((await streamFile(app, "Imhotep", "plan.md")).status).toBe(403);
  });
  expect(requests).toEqual([]);
  expect((await app.callTool("Concierge", "download_deliverable", { task: "ONB-1", name: "plan.md" })).status).toBe(
    200,
  );
});

test("download_deliverable returns the newest file of a name, and lists the names for an unknown one", async () => {
  const { app } = await createAppWithFiles({ "plan.md": "first", "notes.txt": "notes" });
  app.advance(60_000);
  const again = "/agent/upload_deliverable?task=ONB-1&name=plan.md";
  await app.request(again, toBridgeToken("Thot"), { method: "PUT", body: "second" });
  const { json } = await app.callTool("Thot", "download_deliverable", { task: "ONB-1", name: "plan.md" });
  expect(json).toMatchObject({ text: "second" });
  expect(await app.callTool("Thot", "download_deliverable", { task: "ONB-1", name: "plan" })).toMatchObject({
    status: 404,
    json: { error: { message: 'ONB-1 has no file "plan". Its files are: plan.md, notes.txt.' } },
  });
});

test("download_deliverable shortens long texts, gives small binary files in base64 and refuses what does not fit", async () => {
  const picture = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const { app } = await createAppWithFiles({
    "long.txt": "é".repeat(50_000),
    "small.png": picture,
    "large.png": new Uint8Array(70_000),
    "huge.txt": "x".repeat(2 ** 20 + 1),
  });
  const read = (name: string) => app.callTool("Thot", "download_deliverable", { task: "ONB-1", name });
  expect(await read("long.txt")).toMatchObject({ json: { text: "é".repeat(40_000), left_out: 10_000, size: 100_000 } });
  const small = await read("small.png");
  expect(small).toMatchObject({ json: { type: "image/png", file: Buffer.from(picture).toString("base64") } });
  for (const name of ["large.png", "huge.txt"])
    expect(await read(name)).toMatchObject({
      status: 413,
      json: { error: { message: expect.stringContaining("GET /agent/download_deliverable?task=ONB-12") } },
    });
});

test("GET /agent/download_deliverable streams a file of any size that no browser shows or runs", async () => {
  const bytes = new Uint8Array(3 * 2 ** 20).fill(7);
  const { app } = await createAppWithFiles({ "été (1).zip": bytes });
  const response = await streamFile(app, "Thot", "été (1).zip");
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "application/octet-stream",
    "content-disposition": "attachment; filename*=UTF-8''%C3%A9t%C3%A9%20%281%29.zip",
    "x-content-type-options": "nosniff",
  });
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), Buffer.from(bytes))).toBe(0);
  expect((await app.request("/agent/download_deliverable?task=ONB-1", toBridgeToken("Thot"))).status).toBe(400);
});

test("an agent has at most four downloads at once, and each that ends or is abandoned makes room for another", async () => {
  const { app } = await createAppWithFiles({ "large.zip": new Uint8Array(20 * 2 ** 20) });
  const open = await Promise.all([1, 2, 3, 4].map(() => streamFile(app, "Thot", "large.zip")));
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const refused = await streamFile(app, "Thot", "large.zip");
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: "unavailable" } }]);
  await open[0]?.body?.cancel();
  await expect.poll(async () => (await streamFile(app, "Thot", "large.zip")).status).toBe(200);
});
