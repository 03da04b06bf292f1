import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { z } from "zod";
import { callTool, createHttpTestApp, getResultText, toBridgeToken } from "../../support/http-test-app.ts";

type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

const MB = 2 ** 20;
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const base64 = (text: string) => Buffer.from(text).toString("base64");
const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const answerSchema = z.object({
  task: z.string(),
  name: z.string(),
  size: z.number(),
  sha256: z.string(),
  type: z.string(),
});

async function createAppWithTask(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  return { app, item };
}

const putFile = (
  app: HttpTestApp,
  query: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers = {},
  agent = "Imhotep",
) => app.request(`/agent/upload_deliverable?${query}`, toBridgeToken(agent), { method: "PUT", body, headers });

/** Counts the bytes that the storage receives while they arrive. */
function createWatchedStorage() {
  let taken = 0;
  const some = Promise.withResolvers<void>();
  const counting = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        taken += piece.length;
        if (taken > MB) some.resolve();
        controller.enqueue(piece);
      },
    });
  const watched: typeof fetch = (input, init) =>
    init?.body instanceof ReadableStream
      ? fetch(input, { ...init, body: init.body.pipeThrough(counting()) })
      : fetch(input, init);
  return { fetch: watched, hasSome: some.promise, taken: () => taken };
}

/** Sends a body in pieces, each after the previous one was written; returns the text of the response. */
async function sendInPieces(
  app: HttpTestApp,
  query: string,
  size: number,
  piece: () => Promise<Buffer>,
): Promise<string> {
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}`, "content-length": size };
  const asked = httpRequest(`${app.url}/agent/upload_deliverable?${query}`, { method: "PUT", headers });
  const responseEvent = once(asked, "response");
  for (let sent = 0; sent < size; ) {
    const bytes = await piece();
    sent += bytes.length;
    if (!asked.write(bytes)) await once(asked, "drain");
  }
  asked.end();
  const [response] = await responseEvent;
  return text(response);
}

test("OPENCLAW-07 PUT /agent/upload_deliverable uploads a file to Plane with its own content type", async () => {
  const { app, item } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=report.pdf", "%PDF-1.7", {
    "content-type": "application/pdf",
  });
  expect(response.status).toBe(200);
  expect(answerSchema.parse(await response.json())).toEqual({
    task: "ONB-1",
    name: "report.pdf",
    size: 8,
    sha256: sha256("%PDF-1.7"),
    type: "application/pdf",
  });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true }]);
});

test("OPENCLAW-19 PUT /agent/upload_deliverable streams 30 MB: the storage receives the start before the end is sent", async () => {
  const storage = createWatchedStorage();
  const { app, item } = await createAppWithTask({ fileSizeLimit: 50 * MB, fetch: storage.fetch });
  const hash = createHash("sha256");
  let sent = 0;
  let ahead = 0;
  const body = await sendInPieces(app, "task=ONB-1&name=big.bin", 30 * MB, async () => {
    if (sent === 15) await storage.hasSome;
    const piece = Buffer.alloc(MB, sent);
    hash.update(piece);
    sent += 1;
    ahead = Math.max(ahead, sent * MB - storage.taken());
    return piece;
  });
  expect(answerSchema.parse(JSON.parse(body))).toMatchObject({ size: 30 * MB, sha256: hash.digest("hex") });
  expect(app.plane.attachments(item)[0]?.bytes?.length).toBe(30 * MB);
  // Only the sockets' buffers and a few chunks are in memory, not the whole file.
  expect(ahead).toBeLessThan(18 * MB);
});

test("PUT /agent/upload_deliverable survives a client that disconnects; repeating the upload leaves one attachment", async () => {
  const storage = createWatchedStorage();
  const { app, item } = await createAppWithTask({ fetch: storage.fetch });
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}`, "content-length": 4 * MB };
  const path = "/agent/upload_deliverable?task=ONB-1&name=a.bin";
  const asked = httpRequest(app.url + path, { method: "PUT", headers });
  const broken = new Promise((done) => asked.once("close", done));
  asked.on("error", () => {});
  asked.write(Buffer.alloc(2 * MB));
  await storage.hasSome;
  asked.destroy();
  await broken;
  await expect.poll(() => JSON.stringify(app.logged)).toContain("received incompletely");
  const response = await putFile(app, "task=ONB-1&name=a.bin", new Uint8Array(4 * MB));
  expect(response.status).toBe(200);
  expect(app.plane.attachments(item)).toMatchObject([{ is_uploaded: true }]);
});

test("PUT /agent/upload_deliverable survives a storage that disconnects", async () => {
  const breaking: typeof fetch = (input, init) => {
    if (!(init?.body instanceof ReadableStream)) return fetch(input, init);
    const torn = new TransformStream<Uint8Array, Uint8Array>({
      transform: (_, controller) => controller.error(new Error("the storage's connection broke")),
    });
    return fetch(input, { ...init, body: init.body.pipeThrough(torn) });
  };
  const { app, item } = await createAppWithTask({ fetch: breaking });
  const response = await putFile(app, "task=ONB-1&name=a.bin", new Uint8Array(4 * MB));
  expect(response.status).toBe(503);
  expect(app.plane.attachments(item)).toMatchObject([{ is_uploaded: false }]);
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

test.each([
  ["a name that leads away", "task=ONB-1&name=..%2Fx.md", 400, "path separator"],
  ["an address as name", "task=ONB-1&name=http%3A%2F%2F127.0.0.1%2Fx.md", 400, "URLs are not fetched"],
  ["a type Plane does not take", "task=ONB-1&name=x.exe", 415, "pdf"],
  ["no task", "name=x.md", 400, "task=ONB-12"],
  ["a SHA-256 that is none", "task=ONB-1&name=x.md&sha256=abc", 400, "64 hex"],
  ["another SHA-256", `task=ONB-1&name=x.md&sha256=${"0".repeat(64)}`, 400, "not 0000"],
  ["a task that is not there", "task=ONB-99&name=x.md", 404, "ONB-99"],
])("PUT /agent/upload_deliverable refuses %s and says what is allowed", async (_, query, status, expectedText) => {
  const { app, item } = await createAppWithTask();
  const response = await putFile(app, query, "some bytes");
  expect(response.status).toBe(status);
  expect(refusalSchema.parse(await response.json()).error.message).toContain(expectedText);
  expect(app.plane.attachments(item)).toEqual([]);
});

test("PUT /agent/upload_deliverable refuses another agent's task and records that in the audit log", async () => {
  const { app } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=x.md", "some bytes", {}, "Thot");
  expect(response.status).toBe(403);
  expect(await (await app.request("/audit", "admin-token-for-http-tests")).text()).toContain(
    '"tool":"upload_deliverable"',
  );
});

test("PUT /agent/upload_deliverable refuses a large file of a caller without permission so that the client sees the answer", async () => {
  const { app } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=x.bin", new Uint8Array(4 * MB), {}, "Thot");
  expect(response.status).toBe(403);
});

test("PUT /agent/upload_deliverable returns the limits on GET, before anything is sent", async () => {
  const { app } = await createAppWithTask();
  const limits: unknown = await (await app.request("/agent/upload_deliverable", toBridgeToken("Imhotep"))).json();
  expect(limits).toMatchObject({ max_bytes: 5 * MB, plane_limit: 5 * MB, types: { pdf: "application/pdf" } });
});

test("PUT /agent/upload_deliverable requires a bridge token", async () => {
  const { app } = await createAppWithTask();
  const response = await app.request("/agent/upload_deliverable?task=ONB-1&name=x.md", "nobody", {
    method: "PUT",
    body: "x",
  });
  expect(response.status).toBe(401);
});

test.each(["http", "mcp"])("upload_deliverable accepts small files inside the call over %s", async (door) => {
  const { app, item } = await createAppWithTask();
  const input = { task: "ONB-1", name: "report.md", file: base64("# Report") };
  const response =
    door === "http"
      ? (await app.callTool("Imhotep", "upload_deliverable", input)).json
      : JSON.parse(getResultText(await callTool(await app.connectMcpClient("Imhotep"), "upload_deliverable", input)));
  expect(response).toMatchObject({ task: "ONB-1", size: 8, sha256: sha256("# Report") });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.md", is_uploaded: true }]);
});

test("upload_deliverable accepts 1 MB and says how to send larger files", async () => {
  const { app } = await createAppWithTask();
  const file = (bytes: number) => Buffer.alloc(bytes, 7).toString("base64");
  expect(
    (await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "a.bin", file: file(MB) })).status,
  ).toBe(200);
  const larger = await app.callTool("Imhotep", "upload_deliverable", {
    task: "ONB-1",
    name: "b.bin",
    file: file(MB + 3),
  });
  expect(larger.status).toBe(413);
  expect(refusalSchema.parse(larger.json).error.message).toContain("PUT /agent/upload_deliverable");
});

test.each([
  "http://127.0.0.1:8080/secret",
  "http://169.254.169.254/latest/meta-data",
  "http://[::1]/x",
  "http://2130706433/x",
  "file:///etc/passwd",
  "data:text/plain;base64,eA==",
])("reliability 19 upload_deliverable fetches no URL: %s is refused", async (file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  expect(refusalSchema.parse(response.json).error.message).toContain("URLs are not fetched");
});

/** Begins an upload whose body does not end before the test says so. */
function beginUpload(app: HttpTestApp, agent: string, name: string) {
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
  const uploads = ["a.md", "b.md", "c.md", "d.md", "e.md"].map((name) => beginUpload(app, "Imhotep", name));
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

test.each([
  "/etc/passwd",
  "/root/secret",
  "/home/ann/My report.pdf",
  "/Users/ann/report",
  " /tmp/a ",
  "~/report",
  "~",
  "./report",
  "../report.md",
  "C:\\Users\\ann\\report.pdf",
  "c:/report",
  "\\\\server\\share\\report",
  "docs/report",
])("upload_deliverable takes no path for the content of a file: %s is refused", async (file) => {
  const { app, item } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  const { message } = refusalSchema.parse(response.json).error;
  expect(message).toContain("file is a path, not the content of a file");
  expect(message).toContain("groundcrew upload_deliverable --task ONB-12 --file report.pdf");
  expect(app.plane.attachments(item)).toEqual([]);
});

test.each([
  ["a JPEG", "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQ=="],
  ["text in UTF-16", "/v8AYQBi"],
  ["an xz archive", "/Td6WFoAAATm1rRG"],
])("upload_deliverable takes base64 that begins with a slash for content: %s", async (_, file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.bin", file });
  expect(response.status).toBe(200);
});

test.each(["not base64!", "abc==", "a"])("upload_deliverable accepts only base64: %s is refused", async (file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  expect(refusalSchema.parse(response.json).error.message).toContain("base64");
});
