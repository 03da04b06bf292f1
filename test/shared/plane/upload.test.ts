import { createServer, type RequestListener } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { noMetrics } from "../../../shared/metrics.ts";
import { attachmentsApi, type UploadSource, uploadFile } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { type ScriptedStep, startScriptedServer } from "../../support/scripted-server.ts";
import { captureError } from "./plane-client-harness.ts";

async function uploadTo(step: ScriptedStep) {
  const server = await startScriptedServer(step);
  onTestFinished(() => server.close());
  return uploadFileTo(server.url, new Blob(["bytes"]));
}

/** Starts a storage whose handler sees the upload while it arrives. */
async function startStorage(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}`;
}
/** Reads the whole request and never answers. */
const neverAnswer: RequestListener = (request) => void request.resume();

async function uploadFileTo(url: string, file: UploadSource, limits: { stall?: number } = {}) {
  const recorded = readRecordedExchanges().get("attachments.json")?.[0]?.response.body;
  const ticket = attachmentsApi.create.answer.parse(recorded);
  ticket.upload_data.url = `${url}/uploads`;
  return uploadFile({ fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now, ...limits }, ticket, file);
}

test("a file that the storage refuses is reported with the storage's reason", async () => {
  const body = "<?xml version='1.0'?><Error><Code>EntityTooLarge</Code><Message>…</Message></Error>";
  const error = await captureError(uploadTo({ status: 400, body }));
  expect(error).toBeInstanceOf(PlaneInvalidError);
  expect(error).toMatchObject({ status: 400, message: expect.stringContaining("EntityTooLarge") });
});

test("an upload to an unavailable storage fails as unavailable, not as refused", async () => {
  expect(await captureError(uploadTo({ status: 503, body: "<html>" }))).toBeInstanceOf(PlaneUnavailableError);
  expect(await captureError(uploadTo((_request, response) => void response.destroy()))).toBeInstanceOf(
    PlaneUnavailableError,
  );
});

const MB = 2 ** 20;

test("a file is streamed with a known length: its beginning arrives before its end has been read", async () => {
  const arrived = Promise.withResolvers<number>();
  let bytes = 0;
  const headers: Record<string, unknown> = {};
  const url = await startStorage((request, response) => {
    Object.assign(headers, request.headers);
    request.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MB) arrived.resolve(bytes);
    });
    request.on("end", () => response.writeHead(204).end());
  });
  let sentPieces = 0;
  let ahead = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The second half becomes available only after part of the first has arrived.
      if (sentPieces === 15) await arrived.promise;
      if (sentPieces === 30) return controller.close();
      sentPieces += 1;
      ahead = Math.max(ahead, sentPieces * MB - bytes);
      controller.enqueue(new Uint8Array(MB));
    },
  });
  await uploadFileTo(url, { size: 30 * MB, stream: () => stream });
  expect(headers["content-length"]).toBe(String(bytes));
  expect(headers["transfer-encoding"]).toBeUndefined();
  expect(bytes - 30 * MB).toBeLessThan(4_000);
  expect(ahead).toBeLessThan(16 * MB);
});

test("an upload is aborted when the file's stream stalls, and the error names the file", async () => {
  const stream = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const error = await captureError(
    uploadFileTo(await startStorage(neverAnswer), { size: 5, stream: () => stream }, { stall: 50 }),
  );
  expect(error).toMatchObject({ message: expect.stringContaining("The file's transfer stalled") });
});

test("an upload is aborted when the storage stalls", async () => {
  const error = await captureError(uploadFileTo(await startStorage(neverAnswer), new Blob(["bytes"]), { stall: 50 }));
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining("no data was transferred") });
});

test.each([
  ["fewer", 6, "only 5 arrived"],
  ["more", 4, "more arrived"],
])("a file with %s bytes than declared is refused", async (_, size, message) => {
  const file = new Blob(["bytes"]);
  const error = await captureError(
    uploadFileTo(await startStorage(neverAnswer), { size, stream: () => file.stream() }),
  );
  expect(error).toMatchObject({ message: expect.stringContaining(message) });
});

test("a redirect of the storage is not followed", async () => {
  const error = await captureError(uploadTo({ status: 307, headers: { location: "http://127.0.0.1:1/" } }));
  expect(error).toMatchObject({ status: 307 });
});

test("the list of attachments accepts one without a type, from an older version of Plane", () => {
  const body = readRecordedExchanges()
    .get("attachments.json")
    ?.find(({ name }) => name === "attachments_list")?.response.body;
  const rows = attachmentsApi.list.answer.parse(body);
  const oldRows = rows.map((row) => ({ ...row, attributes: { name: "plan.pdf", size: 3 } }));
  expect(attachmentsApi.list.answer.parse(oldRows)[0]?.attributes).toEqual({ name: "plan.pdf", size: 3, type: "" });
});
