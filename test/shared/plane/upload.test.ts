import { expect, onTestFinished, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { attachments } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { uploadFile } from "../../../shared/plane/upload.ts";
import { recordedExchanges } from "../../plane-recording.ts";
import { failure } from "./harness.ts";
import { type Step, scriptedServer } from "./scripted-server.ts";

async function upload(step: Step) {
  const server = await scriptedServer(step);
  onTestFinished(() => server.close());
  const recorded = recordedExchanges().get("attachments.json")?.[0]?.response.body;
  const ticket = attachments.create.answer.parse(recorded);
  ticket.upload_data.url = `${server.url}/uploads`;
  return uploadFile({ fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now }, ticket, new Blob(["bytes"]));
}

test("a file the storage refuses says the storage's reason", async () => {
  const body = "<?xml version='1.0'?><Error><Code>EntityTooLarge</Code><Message>…</Message></Error>";
  const error = await failure(upload({ status: 400, body }));
  expect(error).toBeInstanceOf(PlaneInvalidError);
  expect(error).toMatchObject({ status: 400, message: expect.stringContaining("EntityTooLarge") });
});

test("a storage that is down is not a refusal", async () => {
  expect(await failure(upload({ status: 503, body: "<html>" }))).toBeInstanceOf(PlaneUnavailableError);
  expect(await failure(upload((_request, response) => void response.destroy()))).toBeInstanceOf(PlaneUnavailableError);
});
