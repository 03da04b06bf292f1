import { createServer, type RequestListener } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { noMetrics } from "../../../shared/metrics.ts";
import { attachmentsApi } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { type UploadSource, uploadFile } from "../../../shared/plane/upload.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { type ScriptedStep, startScriptedServer } from "../../support/scripted-server.ts";
import { captureError } from "./plane-client-harness.ts";

async function uploadTo(step: ScriptedStep) {
  const server = await startScriptedServer(step);
  onTestFinished(() => server.close());
  return uploadFileTo(server.url, new Blob(["bytes"]));
}

/** A storage that looks at what comes as it comes. */
async function startStorage(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}`;
}
/** Takes everything and never answers. */
const neverAnswer: RequestListener = (request) => void request.resume();

async function uploadFileTo(url: string, file: UploadSource, limits: { stall?: number } = {}) {
  const recorded = readRecordedExchanges().get("attachments.json")?.[0]?.response.body;
  const ticket = attachmentsApi.create.answer.parse(recorded);
  ticket.upload_data.url = `${url}/uploads`;
  return uploadFile({ fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now, ...limits }, ticket, file);
}

test("a file the storage refuses says the storage's reason", async () => {
  const body = "<?xml version='1.0'?><Error><Code>EntityTooLarge</Code><Message>…</Message></Error>";
  const error = await captureError(uploadTo({ status: 400, body }));
  expect(error).toBeInstanceOf(PlaneInvalidError);
  expect(error).toMatchObject({ status: 400, message: expect.stringContaining("EntityTooLarge") });
});

test("a storage that is down is not a refusal", async () => {
  expect(await captureError(uploadTo({ status: 503, body: "<html>" }))).toBeInstanceOf(PlaneUnavailableError);
  expect(await captureError(uploadTo((_request, response) => void response.destroy()))).toBeInstanceOf(
    PlaneUnavailableError,
  );
});

const MB = 2 ** 20;

test("a file passes through as it comes: its length is known, its beginning arrives before its end is there", async () => {
  const arrived = Promise.withResolvers<number>();
  let bytes = 0;
  const seen: Record<string, unknown> = {};
  const url = await startStorage((request, response) => {
    Object.assign(seen, request.headers);
    request.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MB) arrived.resolve(bytes);
    });
    request.on("end", () => response.writeHead(204).end());
  });
  let given = 0;
  let ahead = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The second half is there only after the storage has seen some of the first.
      if (given === 15) await arrived.promise;
      if (given === 30) return controller.close();
      given += 1;
      ahead = Math.max(ahead, given * MB - bytes);
      controller.enqueue(new Uint8Array(MB));
    },
  });
  await uploadFileTo(url, { size: 30 * MB, stream: () => stream });
  expect(seen["content-length"]).toBe(String(bytes));
  expect(seen["transfer-encoding"]).toBeUndefined();
  expect(bytes - 30 * MB).toBeLessThan(4_000);
  expect(ahead).toBeLessThan(16 * MB);
});

test("a file that stops coming is given up, and the sender is told that it was he", async () => {
  const stream = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const error = await captureError(
    uploadFileTo(await startStorage(neverAnswer), { size: 5, stream: () => stream }, { stall: 50 }),
  );
  expect(error).toMatchObject({ message: expect.stringContaining("stopped coming") });
});

test("a storage that stops taking is given up", async () => {
  const error = await captureError(uploadFileTo(await startStorage(neverAnswer), new Blob(["bytes"]), { stall: 50 }));
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining("nothing moved") });
});

test.each([
  ["fewer", 6, "only 5 came"],
  ["more", 4, "more came"],
])("a file with %s bytes than it says is not sent as if it were whole", async (_, size, said) => {
  const file = new Blob(["bytes"]);
  const error = await captureError(
    uploadFileTo(await startStorage(neverAnswer), { size, stream: () => file.stream() }),
  );
  expect(error).toMatchObject({ message: expect.stringContaining(said) });
});

test("what breaks the file's own stream is what is told", async () => {
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("it tore")) });
  const error = await captureError(uploadFileTo(await startStorage(neverAnswer), { size: 5, stream: () => broken }));
  expect(error).toMatchObject({ message: "it tore" });
});

test("a redirect of the storage is not followed", async () => {
  const error = await captureError(uploadTo({ status: 307, headers: { location: "http://127.0.0.1:1/" } }));
  expect(error).toMatchObject({ status: 307 });
});
