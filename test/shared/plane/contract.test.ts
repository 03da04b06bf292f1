import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createPlaneSession } from "../../../shared/plane/app/session.ts";
import { attachmentsApi, uploadFile } from "../../../shared/plane/attachments.ts";
import { planeTimeSchema } from "../../../shared/plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
} from "../../../shared/plane/errors.ts";
import { createRequestSender, parseReply } from "../../../shared/plane/request.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import {
  type RecordedExchange,
  type ReplayServer,
  readRecordedExchanges,
  startReplayServer,
} from "../../support/plane-replay-server.ts";
import { createPlaneClientHarness } from "./plane-client-harness.ts";
import { getRecordedEndpoint, parseRouteParams } from "./recorded-endpoints.ts";

const files = readRecordedExchanges();
const STORAGE = "http://storage.test";
let replayServer: ReplayServer;
let replayedCount = 0;

beforeAll(async () => {
  replayServer = await startReplayServer();
});
afterAll(() => replayServer.close());

/** Redirects requests to the storage to the replay server. */
const routeToReplay: typeof fetch = (input, init) => fetch(String(input).replace(STORAGE, replayServer.url), init);
const network = { fetch: routeToReplay, metrics: noMetrics, clock: Date.now };

/** Repeats the recorded request with the part of the client that makes such calls. */
async function callAsRecorded({ name, as, auth, request }: RecordedExchange): Promise<unknown> {
  const { query, json, form } = request;
  if (name === "attachment_upload_to_storage")
    return uploadFile(network, await readTicket(request), new Blob(["bytes of the report"]));
  if (name === "malformed_json" || name === "method_not_allowed") {
    const send = createRequestSender(network);
    const sent = { operation: name, method: request.method, route: request.path, url: replayServer.url + request.path };
    const reply = await send({ ...sent, body: typeof form === "string" ? form : json });
    return parseReply({ ...workItemsApi.list, operation: name }, reply).data;
  }
  const endpoint = getRecordedEndpoint({ name, request });
  const params = parseRouteParams(endpoint.path, request.path);
  if (!params || endpoint.method !== request.method)
    throw new Error(`${name} is recorded on another route than ${endpoint.path}`);
  if (auth === "api_key" || endpoint.operation.startsWith("instance_info")) {
    const { workspace = "javisi" } = params;
    const { client } = createPlaneClientHarness({
      url: replayServer.url,
      workspace,
      apiKey: `plane_api_${as}_token`,
      retryDelays: [],
    });
    return (await client.call(endpoint, { params, ...omitUndefined({ query, json }) })).data;
  }
  const session = createPlaneSession({ ...network, url: replayServer.url });
  const body = omitUndefined({ json, form: typeof form === "object" ? form : undefined });
  return (await session.call(endpoint, { params, ...omitUndefined({ query }), ...body })).data;
}

async function readTicket({ path, form }: RecordedExchange["request"]) {
  const created = files.get("attachments.json")?.find(({ name }) => name === "attachment_create");
  const ticket = attachmentsApi.create.answer.parse(created?.response.body);
  expect({ path: ticket.upload_data.url, form: ticket.upload_data.fields }).toEqual({ path, form });
  return ticket;
}

describe.each([...files])("%s", (_file, exchanges) => {
  test.each(exchanges.map((exchange, nth) => ({ nth, name: exchange.name, exchange })))(
    "$nth $name is requested and answered as recorded",
    async ({ exchange }) => {
      replayServer.play(exchange.response);
      const outcome = await callAsRecorded(exchange).catch((thrown: unknown) => thrown);
      expect(replayServer.received).toHaveLength(1);
      expectRequest(exchange);
      expectOutcome(outcome, exchange);
      replayedCount += 1;
    },
  );
});

test("all recorded exchanges of Plane are replayed", () => {
  expect(replayedCount).toBe([...files.values()].flat().length);
  expect(replayedCount).toBe(191);
});

function expectRequest({ as, auth, request }: RecordedExchange) {
  const [got] = replayServer.received;
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

/** Expects each recorded field as a part of its own, followed by the file. */
function expectMultipart(body: string, form: Record<string, string>) {
  const parts = body.split(/--[-\w]+\r\n|--[-\w]+--\r\n/).filter(Boolean);
  const names = parts.map((part) => /name="([^"]+)"/.exec(part)?.[1]);
  expect(names).toEqual([...Object.keys(form), "file"]);
  for (const [nth, value] of Object.values(form).entries()) expect(parts[nth]).toContain(`\r\n\r\n${value}\r\n`);
  expect(parts.at(-1)).toContain("bytes of the report");
}

function expectOutcome(outcome: unknown, { name, response }: RecordedExchange) {
  const { status, body, headers } = response;
  if (status < 300) return expectFromPlane(outcome, body ?? undefined);
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
    for (const text of getTexts(body)) expect(outcome.message).toContain(text);
  }
  if (outcome instanceof PlaneConflictError) expect(outcome.id).toBe(getId(body));
  if (outcome instanceof PlaneRateLimitedError) expect(outcome.retryAfter).toBe(60_000);
  if (outcome instanceof PlaneAuthError)
    expect(outcome.reason).toBe(/api_key|deleted_token|configurations/.test(name) ? "key" : "permission");
  if (outcome instanceof PlaneNotFoundError)
    expect(outcome.noRoute).toBe(JSON.stringify(body).includes("Page not found."));
}

/** Expects every value of the answer at the same place in Plane's answer; only the format of times may differ. */
function expectFromPlane(answer: unknown, recorded: unknown) {
  if (Array.isArray(answer) && Array.isArray(recorded)) {
    expect(answer).toHaveLength(recorded.length);
    answer.forEach((entry, nth) => {
      expectFromPlane(entry, recorded[nth]);
    });
  } else if (isRecord(answer) && isRecord(recorded)) {
    expect(Object.keys(answer).length).toBeGreaterThan(0);
    for (const [key, value] of Object.entries(answer)) expectFromPlane(value, recorded[key]);
  } else if (answer !== recorded && typeof recorded === "string") expect(answer).toBe(planeTimeSchema.parse(recorded));
  else expect(answer).toEqual(recorded);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The texts in the body of an error, without the id of a 409. */
function getTexts(body: unknown): string[] {
  if (typeof body === "string") return [body];
  if (!isRecord(body) && !Array.isArray(body)) return [];
  return Object.entries(body).flatMap(([key, value]) => (key === "id" ? [] : getTexts(value)));
}

function getId(body: unknown): unknown {
  return isRecord(body) ? body["id"] : undefined;
}
