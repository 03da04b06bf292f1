import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { toBridgeToken } from "../../support/http-test-app.ts";
import {
  createAppWithTask,
  type HttpTestApp,
  hashSha256,
  MB,
  putFile,
  refusalSchema,
  uploadAnswerSchema,
} from "./upload-test-app.ts";

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
  const headers = { authorization: `Bearer ${toBridgeToken("Imhotep")}`, "content-length": size };
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

test("OPENCLAW-07 PUT /agent/upload_deliverable uploads a file to Plane with its own content type", async () => {
  const { app, item } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=report.pdf", "%PDF-1.7", {
    "content-type": "application/pdf",
  });
  expect(response.status).toBe(200);
  expect(uploadAnswerSchema.parse(await response.json())).toEqual({
    task: "ONB-1",
    name: "report.pdf",
    size: 8,
    sha256: hashSha256("%PDF-1.7"),
    type: "application/pdf",
  });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true }]);
});

test("OPENCLAW-19 PUT /agent/upload_deliverable streams 30 MB: the storage receives the start before the end is sent", async () => {
  const storage = createCountingFetch();
  const { app, item } = await createAppWithTask({ fileSizeLimit: 50 * MB, fetch: storage.fetch });
  const hash = createHash("sha256");
  let sent = 0;
  let ahead = 0;
  const body = await sendInPieces(app, "task=ONB-1&name=big.bin", 30 * MB, async () => {
    if (sent === 15) await storage.firstMegabyte;
    const piece = Buffer.alloc(MB, sent);
    hash.update(piece);
    sent += 1;
    ahead = Math.max(ahead, sent * MB - storage.countReceived());
    return piece;
  });
  expect(uploadAnswerSchema.parse(JSON.parse(body))).toMatchObject({ size: 30 * MB, sha256: hash.digest("hex") });
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

test("PUT /agent/upload_deliverable survives a storage that disconnects", async () => {
  const brokenFetch: typeof fetch = (input, init) => {
    if (!(init?.body instanceof ReadableStream)) return fetch(input, init);
    const brokenBody = new TransformStream<Uint8Array, Uint8Array>({
      transform: (_, controller) => controller.error(new Error("the storage's connection broke")),
    });
    return fetch(input, { ...init, body: init.body.pipeThrough(brokenBody) });
  };
  const { app, item } = await createAppWithTask({ fetch: brokenFetch });
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
  ["a file name with a path", "task=ONB-1&name=..%2Fx.md", 400, "path separator"],
  ["a URL as file name", "task=ONB-1&name=http%3A%2F%2F127.0.0.1%2Fx.md", 400, "URLs are not fetched"],
  ["a file type that Plane does not allow", "task=ONB-1&name=x.exe", 415, "pdf"],
  ["a missing task", "name=x.md", 400, "task=ONB-12"],
  ["a malformed SHA-256", "task=ONB-1&name=x.md&sha256=abc", 400, "64 hex"],
  ["the SHA-256 of other content", `task=ONB-1&name=x.md&sha256=${"0".repeat(64)}`, 400, "not 0000"],
  ["a task that does not exist", "task=ONB-99&name=x.md", 404, "ONB-99"],
])(
  "PUT /agent/upload_deliverable refuses %s, and the message names the reason",
  async (_, query, status, expectedText) => {
    const { app, item } = await createAppWithTask();
    const response = await putFile(app, query, "some bytes");
    expect(response.status).toBe(status);
    expect(refusalSchema.parse(await response.json()).error.message).toContain(expectedText);
    expect(app.plane.attachments(item)).toEqual([]);
  },
);

test("PUT /agent/upload_deliverable refuses another agent's task and records the refusal in the audit log", async () => {
  const { app } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=x.md", "some bytes", {}, "Thot");
  expect(response.status).toBe(403);
  expect(await (await app.request("/audit", "admin-token-for-http-tests")).text()).toContain(
    '"tool":"upload_deliverable"',
  );
});

test("PUT /agent/upload_deliverable refuses a large file for another agent's task, and the client receives the response", async () => {
  const { app } = await createAppWithTask();
  const response = await putFile(app, "task=ONB-1&name=x.bin", new Uint8Array(4 * MB), {}, "Thot");
  expect(response.status).toBe(403);
});

test("GET /agent/upload_deliverable returns the limits of uploads", async () => {
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
