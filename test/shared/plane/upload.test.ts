import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { attachmentsApi, type UploadSource, uploadFile } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { startServer } from "../../support/test-server.ts";
import { captureError } from "./plane-client-harness.ts";

/** Uploads to a storage whose handler sees the file while it arrives. */
async function uploadTo(handle: RequestListener, file: UploadSource = new Blob(["bytes"]), limits: object = {}) {
  const recorded = readRecordedExchanges().get("attachments.json")?.[0]?.response.body;
  const ticket = attachmentsApi.create.answer.parse(recorded);
  ticket.upload_data.url = `${await startServer(handle)}/uploads`;
  return uploadFile({ fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now, ...limits }, ticket, file);
}
/** Reads the whole request and never answers. */
const neverAnswer: RequestListener = (request) => void request.resume();

test("a file that the storage refuses is reported with its reason, an unavailable storage as unavailable, and no redirect is followed", async () => {
  const body = "<?xml version='1.0'?><Error><Code>EntityTooLarge</Code><Message>…</Message></Error>";
  const answer = (status: number, text = "") =>
    captureError(uploadTo((_, response) => void response.writeHead(status, { location: "http://x.test/" }).end(text)));
  const error = await answer(400, body);
  expect(error).toBeInstanceOf(PlaneInvalidError);
  expect(error).toMatchObject({ status: 400, message: expect.stringContaining("EntityTooLarge") });
  expect(await answer(503, "<html>")).toBeInstanceOf(PlaneUnavailableError);
  expect(await answer(307)).toMatchObject({ status: 307 });
  const broken = uploadTo((_, response) => void response.destroy());
  expect(await captureError(broken)).toBeInstanceOf(PlaneUnavailableError);
});

const MB = 2 ** 20;

test("a file is streamed with a known length: its beginning arrives before its end has been read", async () => {
  const arrived = Promise.withResolvers<number>();
  let bytes = 0;
  const headers: Record<string, unknown> = {};
  const receive: RequestListener = (request, response) => {
    Object.assign(headers, request.headers);
    request.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MB) arrived.resolve(bytes);
    });
    request.on("end", () => response.writeHead(204).end());
  };
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
  await uploadTo(receive, { size: 30 * MB, stream: () => stream });
  expect(headers["content-length"]).toBe(String(bytes));
  expect(headers["transfer-encoding"]).toBeUndefined();
  expect(bytes - 30 * MB).toBeLessThan(4_000);
  expect(ahead).toBeLessThan(16 * MB);
});

test("an upload ends when the file's stream or the storage stalls, and when the file has other bytes than declared", async () => {
  const stall = { stall: 50 };
  const stream = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const stalled = uploadTo(neverAnswer, { size: 5, stream: () => stream }, stall);
  expect(await captureError(stalled)).toMatchObject({
    message: expect.stringContaining("The file's transfer stalled"),
  });
  const unanswered = await captureError(uploadTo(neverAnswer, new Blob(["bytes"]), stall));
  expect(unanswered).toBeInstanceOf(PlaneUnavailableError);
  expect(unanswered).toMatchObject({ message: expect.stringContaining("no data was transferred") });
  for (const [size, message] of [[6, "only 5 arrived"] as const, [4, "more arrived"] as const]) {
    const file = { size, stream: () => new Blob(["bytes"]).stream() };
    const error = await captureError(uploadTo(neverAnswer, file));
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
  }
});
