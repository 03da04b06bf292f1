import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { z } from "zod";
import { callTool, createHttpTestApp, getResultText, toBridgeToken } from "../../support/http-test-app.ts";

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

const MB = 2 ** 20;

const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Creates an app with one task, ONB-1, of the agent Imhotep. */
async function createAppWithTask(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  return { app, item };
}

/** Uploads a file with `PUT /agent/upload_deliverable`. */
const putFile = (
  app: HttpTestApp,
  query: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers = {},
  agent = "Imhotep",
) => app.request(`/agent/upload_deliverable?${query}`, toBridgeToken(agent), { method: "PUT", body, headers });

test("reliability 19: upload_deliverable takes base64, and neither a URL nor a path", async () => {
  const { app, item } = await createAppWithTask();
  const upload = (file: string) =>
    app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.bin", file });
  for (const [refusal, files] of [
    [/URLs are not fetched/, ["http://127.0.0.1:8080/secret", "http://[::1]/x", "http://2130706433/x"]],
    [/URLs are not fetched/, ["file:///etc/passwd", "data:text/plain;base64,eA=="]],
    [
      /file is a path.*groundcrew upload_deliverable --task ONB-12 --file report.pdf/s,
      ["/etc/passwd", " /tmp/a ", "~"],
    ],
    [/file is a path/, ["/root/secret", "/home/ann/My report.pdf", "~/report", "./report", "../report.md"]],
    [/file is a path/, ["C:\\Users\\ann\\report.pdf", "c:/report", "\\\\server\\share\\report", "docs/report"]],
    [/base64/, ["not base64!", "abc==", "a"]],
  ] as const)
    for (const file of files) {
      const { status, json } = await upload(file);
      expect([status, refusalSchema.parse(json).error.message], file).toEqual([400, expect.stringMatching(refusal)]);
    }
  expect(app.plane.attachments(item)).toEqual([]);
  // A JPEG, text in UTF-16 and an xz archive begin with a slash in base64.
  for (const file of ["/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQ==", "/v8AYQBi", "/Td6WFoAAATm1rRG"])
    expect((await upload(file)).status, file).toBe(200);
});

test("upload_deliverable accepts 1 MB; its refusal of larger files names PUT /agent/upload_deliverable", async () => {
  const { app } = await createAppWithTask();
  const createFile = (bytes: number) => Buffer.alloc(bytes, 7).toString("base64");
  expect(
    (await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "a.bin", file: createFile(MB) }))
      .status,
  ).toBe(200);
  const larger = await app.callTool("Imhotep", "upload_deliverable", {
    task: "ONB-1",
    name: "b.bin",
    file: createFile(MB + 3),
  });
  expect(larger.status).toBe(413);
  expect(refusalSchema.parse(larger.json).error.message).toContain("PUT /agent/upload_deliverable");
});

/** Creates a `fetch` that counts the bytes of uploads while the storage receives them. */
function createCountingFetch() {
  let received = 0;
  const firstMegabyte = Promise.withResolvers<void>();
  const createCounter = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        received += piece.length;
        if (received > MB) firstMegabyte.resolve();
        controller.enqueue(piece);
      },
    });
  const countingFetch: typeof fetch = (input, init) =>
    init?.body instanceof ReadableStream
      ? fetch(input, { ...init, body: init.body.pipeThrough(createCounter()) })
      : fetch(input, init);
  return { fetch: countingFetch, firstMegabyte: firstMegabyte.promise, countReceived: () => received };
}

/** Sends a body in pieces, each after the previous one was written; returns the text of the response. */
async function sendInPieces(
  app: HttpTestApp,
  query: string,
  size: number,
  piece: () => Promise<Buffer>,
): Promise<string> {
  const type = "application/pdf";
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}`, "content-length": size, "content-type": type };
  const request = httpRequest(`${app.url}/agent/upload_deliverable?${query}`, { method: "PUT", headers });
  const responseEvent = once(request, "response");
  for (let sent = 0; sent < size; ) {
    const bytes = await piece();
    sent += bytes.length;
    if (!request.write(bytes)) await once(request, "drain");
  }
  request.end();
  const [response] = await responseEvent;
  return text(response);
}

test("OPENCLAW-07, OPENCLAW-19 PUT /agent/upload_deliverable streams 30 MB with their type: the storage receives the start before the end is sent", async () => {
  const storage = createCountingFetch();
  const { app, item } = await createAppWithTask({ fileSizeLimit: 50 * MB, fetch: storage.fetch });
  const hash = createHash("sha256");
  let sent = 0;
  let ahead = 0;
  const body = await sendInPieces(app, "task=ONB-1&name=big.pdf", 30 * MB, async () => {
    if (sent === 15) await storage.firstMegabyte;
    const piece = Buffer.alloc(MB, sent);
    hash.update(piece);
    sent += 1;
    ahead = Math.max(ahead, sent * MB - storage.countReceived());
    return piece;
  });
  expect(JSON.parse(body)).toMatchObject({
    ...{ task: "ONB-1", name: "big.pdf", size: 30 * MB, sha256: hash.digest("hex"), type: "application/pdf" },
  });
  expect(app.plane.attachments(item)[0]?.bytes?.length).toBe(30 * MB);
  // Only the sockets' buffers and a few chunks are in memory, not the whole file.
  expect(ahead).toBeLessThan(18 * MB);
});

test("PUT /agent/upload_deliverable survives a client that disconnects; repeating the upload leaves one attachment", async () => {
  const storage = createCountingFetch();
  const { app, item } = await createAppWithTask({ fetch: storage.fetch });
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}`, "content-length": 4 * MB };
  const path = "/agent/upload_deliverable?task=ONB-1&name=a.bin";
  const request = httpRequest(app.url + path, { method: "PUT", headers });
  const closed = new Promise((resolve) => request.once("close", resolve));
  request.on("error", () => {});
  request.write(Buffer.alloc(2 * MB));
  await storage.firstMegabyte;
  request.destroy();
  await closed;
  await expect.poll(() => JSON.stringify(app.logged)).toContain("received incompletely");
  const response = await putFile(app, "task=ONB-1&name=a.bin", new Uint8Array(4 * MB));
  expect(response.status).toBe(200);
  expect(app.plane.attachments(item)).toMatchObject([{ is_uploaded: true }]);
});

test("PUT /agent/upload_deliverable refuses a file without a Content-Length", async () => {
  const { app } = await createAppWithTask();
  const body = new Blob(["chunked"]).stream();
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}` };
  const url = `${app.url}/agent/upload_deliverable?task=ONB-1&name=a.txt`;
  const response = await fetch(url, { method: "PUT", body, headers, duplex: "half" } as RequestInit);
  expect(response.status).toBe(400);
  expect(refusalSchema.parse(await response.json()).error.message).toContain("Content-Length");
});

test("PUT /agent/upload_deliverable refuses what it cannot store, and the message names the reason", async () => {
  const { app, item } = await createAppWithTask();
  for (const [query, status, reason] of [
    ["task=ONB-1&name=..%2Fx.md", 400, "path separator"],
    ["task=ONB-1&name=http%3A%2F%2F127.0.0.1%2Fx.md", 400, "URLs are not fetched"],
    ["task=ONB-1&name=x.exe", 415, "pdf"],
    ["name=x.md", 400, "task=ONB-12"],
    ["task=ONB-1&name=x.md&sha256=abc", 400, "64 hex"],
    [`task=ONB-1&name=x.md&sha256=${"0".repeat(64)}`, 400, "not 0000"],
    ["task=ONB-99&name=x.md", 404, "ONB-99"],
  ] as const) {
    const response = await putFile(app, query, "some bytes");
    expect(response.status, query).toBe(status);
    expect(refusalSchema.parse(await response.json()).error.message).toContain(reason);
  }
  expect(app.plane.attachments(item)).toEqual([]);
});

test("PUT /agent/upload_deliverable refuses another agent's task and records the refusal in the audit log", async () => {
  const { app } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=x.md", "some bytes", {}, "Thot");
  expect(response.status).toBe(403);
  expect(await (await app.request("/audit", "admin-token-for-http-tests")).text()).toContain(
    '"tool":"upload_deliverable"',
  );
});

/** Starts an upload and sends the first of its two bytes; `end` sends the second. */
function startUpload(app: HttpTestApp, agent: string, name: string) {
  const headers = { authorization: `Bearer ${toBridgeToken(agent)}`, "content-length": 2 };
  const path = `/agent/upload_deliverable?task=ONB-1&name=${name}`;
  const request = httpRequest(app.url + path, { method: "PUT", headers });
  const answer = once(request, "response").then(async ([response]) => {
    const body: unknown = JSON.parse(await text(response));
    return { status: Number(response.statusCode), body };
  });
  request.write("a");
  return { answer, end: () => request.end("b") };
}

test("PUT /agent/upload_deliverable accepts four uploads of an agent at once; a fifth is refused without being read", async () => {
  const { app, item } = await createAppWithTask();
  const uploads = ["a.md", "b.md", "c.md", "d.md", "e.md"].map((name) => startUpload(app, "Imhotep", name));
  const first = await Promise.race(uploads.map(({ answer }) => answer));
  expect(first).toMatchObject({ status: 503, body: { error: { code: "unavailable" } } });
  expect(JSON.stringify(first.body)).toContain("4 uploads");
  expect((await putFile(app, "task=ONB-1&name=x.md", "x", {}, "Thot")).status).toBe(403);
  expect((await putFile(app, "task=ONB-1&name=x.md", "x")).status).toBe(503);
  for (const { end } of uploads) end();
  const statuses = (await Promise.all(uploads.map(({ answer }) => answer))).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([200, 200, 200, 200, 503]);
  expect(app.plane.attachments(item)).toHaveLength(4);
  expect((await putFile(app, "task=ONB-1&name=f.md", "f")).status).toBe(200);
});

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
  expect(JSON.parse(getResultText(answer))).toMatchObject({
    task: "ONB-1",
    name: "plan.md",
    type: "text/markdown",
    size: 20,
    text: "# Plan\n\nTwo floors.\n",
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
