import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import {
  callTool,
  createHttpTestApp,
  createTaskApp,
  getResultText,
  toBridgeToken,
} from "../../support/http-test-app.ts";

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

const MB = 2 ** 20;

/** Creates an app with one task, ONB-1, of the agent Imhotep. */
async function createAppWithTask(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const { app, item } = await createTaskApp("Write the report", "Imhotep", {}, options);
  const upload = (file: string) =>
    app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.bin", file });
  return { app, item, upload };
}

/** Uploads a file with `PUT /agent/upload_deliverable`. */
const putFile = (app: HttpTestApp, query: string, body: Uint8Array<ArrayBuffer> | string, agent = "Imhotep") =>
  app.request(`/agent/upload_deliverable?${query}`, toBridgeToken(agent), { method: "PUT", body });

const refusal = (message: unknown) => ({ error: { code: expect.any(String), message } });

test("reliability 19: upload_deliverable takes base64, and neither a URL nor a path", async () => {
  const { app, item, upload } = await createAppWithTask();
  for (const [message, files] of [
    [/URLs are not fetched/, ["http://127.0.0.1:8080/secret", "http://[::1]/x", "http://2130706433/x"]],
    [/URLs are not fetched/, ["file:///etc/passwd", "data:text/plain;base64,eA=="]],
    [/file is a path.*groundcrew upload_deliverable --task ONB-12 --file report.pdf/s, ["/etc/passwd", "~"]],
    [/file is a path/, [" /tmp/a ", "/home/ann/My report.pdf", "~/report", "./report", "../report.md", "docs/report"]],
    [/file is a path/, ["C:\\Users\\ann\\report.pdf", "c:/report", "\\\\server\\share\\report"]],
    [/base64/, ["not base64!", "abc==", "a"]],
  ] as const)
    for (const file of files)
      expect(await upload(file), file).toMatchObject({ status: 400, json: refusal(expect.stringMatching(message)) });
  expect(app.plane.attachments(item)).toEqual([]);
  // A JPEG, text in UTF-16 and an xz archive begin with a slash in base64.
  for (const file of ["/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQ==", "/v8AYQBi", "/Td6WFoAAATm1rRG"])
    expect((await upload(file)).status, file).toBe(200);
});

test("OPENCLAW-07, OPENCLAW-19 PUT /agent/upload_deliverable streams 30 MB with their type: the storage receives the start before the end is sent", async () => {
  let received = 0;
  const firstMegabyte = Promise.withResolvers<void>();
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      received += piece.length;
      if (received > MB) firstMegabyte.resolve();
      controller.enqueue(piece);
    },
  });
  const { app, item } = await createAppWithTask({
    fileSizeLimit: 50 * MB,
    fetch: (input, init) =>
      fetch(input, init?.body instanceof ReadableStream ? { ...init, body: init.body.pipeThrough(count) } : init),
  });
  const hash = createHash("sha256");
  const authorization = `Bearer ${toBridgeToken("Imhotep")}`;
  const headers = { authorization, "content-length": 30 * MB, "content-type": "application/pdf" };
  const url = `${app.url}/agent/upload_deliverable?task=ONB-1&name=big.pdf`;
  const request = httpRequest(url, { method: "PUT", headers });
  const answer = once(request, "response");
  let ahead = 0;
  for (let sent = 0; sent < 30; sent += 1) {
    if (sent === 15) await firstMegabyte.promise;
    const piece = Buffer.alloc(MB, sent);
    hash.update(piece);
    ahead = Math.max(ahead, (sent + 1) * MB - received);
    if (!request.write(piece)) await once(request, "drain");
  }
  request.end();
  const [response] = await answer;
  expect(JSON.parse(await text(response))).toMatchObject({
    ...{ task: "ONB-1", name: "big.pdf", size: 30 * MB, sha256: hash.digest("hex"), type: "application/pdf" },
  });
  expect(app.plane.attachments(item)[0]?.bytes?.length).toBe(30 * MB);
  // Only the sockets' buffers and a few chunks are in memory, not the whole file.
  expect(ahead).toBeLessThan(18 * MB);
});

test("PUT /agent/upload_deliverable refuses what it cannot store and another agent's task, names the reason and records it in the audit log", async () => {
  const { app, item } = await createAppWithTask();
  for (const [query, status, reason] of [
    ["task=ONB-1&name=..%2Fx.md", 400, "path separator"],
    ["task=ONB-1&name=x.exe", 415, "pdf"],
    ["name=x.md", 400, "task=ONB-12"],
    ["task=ONB-1&name=x.md&sha256=abc", 400, "64 hex"],
    [`task=ONB-1&name=x.md&sha256=${"0".repeat(64)}`, 400, "not 0000"],
    ["task=ONB-99&name=x.md", 404, "ONB-99"],
  ] as const) {
    const response = await putFile(app, query, "some bytes");
    expect([response.status, await response.json()]).toEqual([status, refusal(expect.stringContaining(reason))]);
  }
  const init = { method: "PUT", body: new Blob(["chunked"]).stream(), duplex: "half" } as RequestInit;
  const chunked = await app.request("/agent/upload_deliverable?task=ONB-1&name=a.txt", toBridgeToken("Imhotep"), init);
  expect([chunked.status, await chunked.text()]).toEqual([400, expect.stringContaining("Content-Length")]);
  expect((await putFile(app, "task=ONB-1&name=x.md", "some bytes", "Thot")).status).toBe(403);
  expect(app.plane.attachments(item)).toEqual([]);
  const audit = await app.request("/audit?agent=Thot", "admin-token-for-http-tests");
  expect(await audit.text()).toContain('"tool":"upload_deliverable"');
});

/** Thot's task ONB-1 with files, and Imhotep's task ONB-2 that waits for it. */
async function createAppWithFiles(files: Record<string, string | Uint8Array<ArrayBuffer>>) {
  const app = await createHttpTestApp({ fileSizeLimit: 50 * MB });
  const blocker = app.addTask("Draw the plan", "Thot");
  const successor = app.addTask("Build it", "Imhotep");
  app.plane.relate(successor, blocker);
  await app.runFirstPoll();
  await app.runUntilIdle();
  for (const [name, body] of Object.entries(files))
    expect((await putFile(app, `${new URLSearchParams({ task: "ONB-1", name })}`, body, "Thot")).status).toBe(200);
  const stream = (agent: string, name: string) =>
    app.request(`/agent/download_deliverable?${new URLSearchParams({ task: "ONB-1", name })}`, toBridgeToken(agent));
  const read = (agent: string, name: string) => app.callTool(agent, "download_deliverable", { task: "ONB-1", name });
  return { app, blocker, successor, stream, read };
}

test("OPENCLAW-14 an agent reads the deliverable of the task that its own task waited for, over MCP, and nothing once it is not its task", async () => {
  const { app, blocker, successor, stream, read } = await createAppWithFiles({ "plan.md": "# Plan\n\nTwo floors.\n" });
  app.plane.editItem(blocker, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  const imhotep = await app.connectMcpClient("Imhotep");
  const details = JSON.parse(getResultText(await callTool(imhotep, "get_task_details", { task: "ONB-2" })));
  expect(details.inputs).toEqual([{ key: "ONB-1", title: "Draw the plan", status: "done" }]);
  const answer = await callTool(imhotep, "download_deliverable", { task: "ONB-1", name: "plan.md" });
  const plan = { task: "ONB-1", name: "plan.md", type: "text/markdown", size: 20, text: "# Plan\n\nTwo floors.\n" };
  expect(JSON.parse(getResultText(answer))).toMatchObject(plan);

  app.plane.editItem(successor, { assignees: [app.getUser("Thot")] });
  await app.poll();
  await app.runUntilIdle();
  const requests = await app.recordRequests(async () => {
    expect((await read("Imhotep", "plan.md")).status).toBe(403);
    expect((await stream("Imhotep", "plan.md")).status).toBe(403);
  });
  expect(requests).toEqual([]);
  expect((await read("Concierge", "plan.md")).status).toBe(200);
});

test("download_deliverable returns the newest file of a name, lists the names for an unknown one, shortens long texts and refuses what does not fit", async () => {
  const picture = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const { app, read } = await createAppWithFiles({
    "long.txt": "é".repeat(50_000),
    "small.png": picture,
    "large.png": new Uint8Array(70_000),
    "huge.txt": "x".repeat(MB + 1),
  });
  expect(await read("Thot", "long.txt")).toMatchObject({
    json: { text: "é".repeat(40_000), left_out: 10_000, size: 100_000 },
  });
  app.advance(60_000);
  await putFile(app, "task=ONB-1&name=long.txt", "second", "Thot");
  expect(await read("Thot", "long.txt")).toMatchObject({ json: { text: "second" } });
  const small = { type: "image/png", file: Buffer.from(picture).toString("base64") };
  expect(await read("Thot", "small.png")).toMatchObject({ json: small });
  for (const name of ["large.png", "huge.txt"]) {
    const json = refusal(expect.stringContaining("GET /agent/download_deliverable?task=ONB-12"));
    expect(await read("Thot", name)).toMatchObject({ status: 413, json });
  }
  const names = expect.stringMatching(/^ONB-1 has no file "plan"\. Its files are: long\.txt, .*small\.png/);
  expect(await read("Thot", "plan")).toMatchObject({ status: 404, json: refusal(names) });
});

test("GET /agent/download_deliverable streams files that no browser shows or runs, at most four at once, of which each that ends makes room", async () => {
  const bytes = new Uint8Array(20 * MB).fill(7);
  const { app, stream } = await createAppWithFiles({ "été (1).zip": bytes });
  const open = await Promise.all([1, 2, 3, 4].map(() => stream("Thot", "été (1).zip")));
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const refused = await stream("Thot", "été (1).zip");
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: "unavailable" } }]);
  await open[0]?.body?.cancel();
  await expect.poll(async () => (await stream("Thot", "été (1).zip")).status).toBe(200);
  const [, response] = open;
  expect(Object.fromEntries(response?.headers ?? [])).toMatchObject({
    "content-type": "application/octet-stream",
    "content-disposition": "attachment; filename*=UTF-8''%C3%A9t%C3%A9%20%281%29.zip",
    "x-content-type-options": "nosniff",
  });
  const content = (await response?.arrayBuffer()) ?? new ArrayBuffer(0);
  expect(Buffer.compare(Buffer.from(content), Buffer.from(bytes))).toBe(0);
  expect((await app.request("/agent/download_deliverable?task=ONB-1", toBridgeToken("Thot"))).status).toBe(400);
});
