import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { answerOf } from "../../../shared/plane/answer.ts";
import { createPlaneSession } from "../../../shared/plane/app/session.ts";
import { attachments } from "../../../shared/plane/attachments.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
} from "../../../shared/plane/errors.ts";
import { createRequest } from "../../../shared/plane/request.ts";
import { planeTime } from "../../../shared/plane/time.ts";
import { uploadFile } from "../../../shared/plane/upload.ts";
import { workItems } from "../../../shared/plane/work-items.ts";
import { type Exchange, type Recording, recordedExchanges, startRecording } from "../../plane-recording.ts";
import { harness } from "./harness.ts";
import { endpointFor, paramsIn } from "./recorded-calls.ts";

const files = recordedExchanges();
const STORAGE = "http://storage.test";
let plane: Recording;
let replayed = 0;

beforeAll(async () => {
  plane = await startRecording();
});
afterAll(() => plane.close());

/** The storage's address leads to the recording, everything else to where it says. */
const routed: typeof fetch = (input, init) => fetch(String(input).replace(STORAGE, plane.url), init);
const network = { fetch: routed, metrics: noMetrics, clock: Date.now };

/** Asks as the recording did, through the part of the client that is for such a call. */
async function ask({ name, as, auth, request }: Exchange): Promise<unknown> {
  const { query, json, form } = request;
  if (name === "attachment_upload_to_storage")
    return uploadFile(network, await ticketOf(request), new Blob(["bytes of the report"]));
  if (name === "malformed_json" || name === "method_not_allowed") {
    const send = createRequest(network);
    const sent = { operation: name, method: request.method, route: request.path, url: plane.url + request.path };
    const reply = await send({ ...sent, body: typeof form === "string" ? form : json });
    return answerOf({ ...workItems.list, operation: name }, reply).data;
  }
  const endpoint = endpointFor({ name, request });
  const params = paramsIn(endpoint.path, request.path);
  if (!params || endpoint.method !== request.method)
    throw new Error(`${name} is recorded on another route than ${endpoint.path}`);
  if (auth === "api_key" || endpoint.operation.startsWith("instance_info")) {
    const { workspace = "javisi" } = params;
    const { client } = harness({ url: plane.url, workspace, apiKey: `plane_api_${as}_token`, retryDelays: [] });
    return (await client.call(endpoint, { params, ...(query && { query }), ...(json && { json }) })).data;
  }
  const session = createPlaneSession({ ...network, url: plane.url });
  const body = { ...(json && { json }), ...(typeof form === "object" && { form }) };
  return (await session.call(endpoint, { params, ...(query && { query }), ...body })).data;
}

async function ticketOf({ path, form }: Exchange["request"]) {
  const created = files.get("attachments.json")?.find(({ name }) => name === "attachment_create");
  const ticket = attachments.create.answer.parse(created?.response.body);
  expect({ path: ticket.upload_data.url, form: ticket.upload_data.fields }).toEqual({ path, form });
  return ticket;
}

describe.each([...files])("%s", (_file, exchanges) => {
  test.each(exchanges.map((exchange, nth) => ({ nth, name: exchange.name, exchange })))(
    "$nth $name is asked and answered as recorded",
    async ({ exchange }) => {
      plane.play(exchange.response);
      const outcome = await ask(exchange).catch((thrown: unknown) => thrown);
      expect(plane.received).toHaveLength(1);
      expectRequest(exchange);
      expectOutcome(outcome, exchange);
      replayed += 1;
    },
  );
});

test("no recorded exchange is left out", () => {
  expect(replayed).toBe([...files.values()].flat().length);
  expect(replayed).toBe(191);
});

function expectRequest({ as, auth, request }: Exchange) {
  const [got] = plane.received;
  expect(got?.method).toBe(request.method);
  expect(got?.path).toBe(request.path.replace(STORAGE, ""));
  const query = Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value)]);
  expect(got?.query).toEqual(Object.fromEntries(query));
  const key =
    auth === "api_key" &&
    request.path.startsWith("/api/v1/") &&
    typeof request.form !== "string" &&
    request.method !== "PUT";
  expect(got?.headers["x-api-key"]).toBe(key ? `plane_api_${as}_token` : undefined);
  const body = got?.body ?? "";
  if (request.json) expect(JSON.parse(body)).toEqual(request.json);
  else if (typeof request.form === "string") expect(body).toBe(request.form);
  else if (request.path.startsWith(STORAGE)) expectMultipart(body, request.form ?? {});
  else if (request.form) expect(Object.fromEntries(new URLSearchParams(body))).toEqual(request.form);
  else expect(body).toBe("");
}

/** The recorded fields, each as a part of its own, and the file behind them all. */
function expectMultipart(body: string, form: Record<string, string>) {
  const parts = body.split(/--[-\w]+\r\n|--[-\w]+--\r\n/).filter(Boolean);
  const names = parts.map((part) => /name="([^"]+)"/.exec(part)?.[1]);
  expect(names).toEqual([...Object.keys(form), "file"]);
  for (const [nth, value] of Object.values(form).entries()) expect(parts[nth]).toContain(`\r\n\r\n${value}\r\n`);
  expect(parts.at(-1)).toContain("bytes of the report");
}

function expectOutcome(outcome: unknown, { name, response }: Exchange) {
  const { status, body, headers } = response;
  if (status < 300) return expectSaid(outcome, body ?? undefined);
  if (status === 302) {
    if (name === "attachment_get") return expect(outcome).toEqual({ location: headers["location"] });
    const query = new URL(headers["location"] ?? "").searchParams;
    const refused = { code: Number(query.get("error_code")), reason: query.get("error_message") };
    return expect(outcome).toEqual({ refused: refused.code === 0 ? undefined : refused });
  }
  const known = {
    400: PlaneInvalidError,
    401: PlaneAuthError,
    403: PlaneAuthError,
    404: PlaneNotFoundError,
    409: PlaneConflictError,
    429: PlaneRateLimitedError,
  };
  const expected = Object.entries(known).find(([code]) => Number(code) === status)?.[1] ?? PlaneError;
  expect(outcome).toBeInstanceOf(expected);
  if (outcome instanceof PlaneError) {
    expect(outcome.status).toBe(status);
    for (const words of textsIn(body)) expect(outcome.message).toContain(words);
  }
  if (outcome instanceof PlaneConflictError) expect(outcome.id).toBe(idIn(body));
  if (outcome instanceof PlaneRateLimitedError) expect(outcome.retryAfter).toBe(60_000);
  if (outcome instanceof PlaneAuthError)
    expect(outcome.reason).toBe(/api_key|deleted_token|configurations/.test(name) ? "key" : "permission");
  if (outcome instanceof PlaneNotFoundError)
    expect(outcome.noRoute).toBe(JSON.stringify(body).includes("Page not found."));
}

/** Everything the client answers was said by Plane, in the same place; times may be printed another way. */
function expectSaid(answer: unknown, said: unknown) {
  if (Array.isArray(answer) && Array.isArray(said)) {
    expect(answer).toHaveLength(said.length);
    answer.forEach((entry, nth) => {
      expectSaid(entry, said[nth]);
    });
  } else if (isRecord(answer) && isRecord(said)) {
    expect(Object.keys(answer).length).toBeGreaterThan(0);
    for (const [key, value] of Object.entries(answer)) expectSaid(value, said[key]);
  } else if (answer !== said && typeof said === "string") expect(answer).toBe(planeTime(said));
  else expect(answer).toEqual(said);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Plane's words in the body of an error; the id of a 409 is not one of them. */
function textsIn(body: unknown): string[] {
  if (typeof body === "string") return [body];
  if (!isRecord(body) && !Array.isArray(body)) return [];
  return Object.entries(body).flatMap(([key, value]) => (key === "id" ? [] : textsIn(value)));
}

function idIn(body: unknown): unknown {
  return isRecord(body) ? body["id"] : undefined;
}
