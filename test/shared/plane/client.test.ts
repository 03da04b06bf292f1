import type { RequestListener } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { accountsApi, authApi, createPlaneSession } from "../../../shared/plane/app/session.ts";
import { attachmentsApi, type UploadSource, uploadFile } from "../../../shared/plane/attachments.ts";
import { fetchPages } from "../../../shared/plane/client.ts";
import type { PlaneClient } from "../../../shared/plane/endpoint.ts";
import {
  PlaneConflictError,
  PlaneInvalidError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { parseRetryAfter } from "../../../shared/plane/request.ts";
import { commentsApi, relationsApi, workItemsApi } from "../../../shared/plane/work-items.ts";
import { DAY } from "../../../shared/time.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { type ScriptedStep, startScriptedServer, startServer } from "../../support/test-server.ts";
import {
  ANSWER,
  BREAK_CONNECTION,
  captureError,
  createScriptedClient,
  NO_ROUTE,
  PLANE_USER,
} from "./plane-client-harness.ts";

const params = { project: PLANE_USER.id, item: PLANE_USER.id, comment: PLANE_USER.id };

function createInstanceInfo(current_version: string): ScriptedStep {
  const instance = { current_version, edition: "PLANE_COMMUNITY", is_setup_done: true, workspaces_exist: true };
  return { status: 200, body: { instance, config: { enable_signup: true, file_size_limit: 5_242_880 } } };
}

test("versions before 1.3 have no relations", async () => {
  const versions = { "0.27.1": false, "1.2.9": false, "1.10.0": true, "v2.0.0-rc1": true, nightly: true };
  for (const [version, relations] of Object.entries(versions)) {
    const { client } = await createScriptedClient([createInstanceInfo(version)]);
    expect(await client.capabilities()).toEqual({ version, relations });
  }
});

test("the version is requested once, also for simultaneous callers, and again after a day; a failure is not kept", async () => {
  const failure = { status: 500, body: "" };
  const steps = [failure, createInstanceInfo("1.2.0"), createInstanceInfo("1.3.1")];
  const { client, server, advance } = await createScriptedClient(steps, { retryDelays: [] });
  expect(await captureError(client.capabilities())).toMatchObject({ code: "unavailable" });
  await Promise.all([client.capabilities(), client.capabilities()]);
  advance(DAY - 1);
  expect((await client.capabilities()).relations).toBe(false);
  expect(server.requests).toHaveLength(2);
  advance(1);
  expect((await client.capabilities()).relations).toBe(true);
});

test.each([
  ["refuses to report its version", 403, {}],
  ["has no such route", 404, { detail: "Not found." }],
  ["answers its version in another form", 200, { version: "1.3.1" }],
])("a server that %s counts as having relations until a 404 shows otherwise, for a day", async (_, status, body) => {
  const steps = [{ status, body }, NO_ROUTE, createInstanceInfo("1.4.0")];
  const { client, advance } = await createScriptedClient(steps, { retryDelays: [] });
  expect(await client.capabilities()).toEqual({ version: "unknown", relations: true });
  const error = await captureError(client.call(relationsApi.list, { params }));
  expect(error).toMatchObject({ code: "not_found", noRoute: true });
  expect((await client.capabilities()).relations).toBe(false);
  advance(DAY);
  expect(await client.capabilities()).toEqual({ version: "1.4.0", relations: true });
});

test("neither a missing item nor another missing route disables relations", async () => {
  const notFound = { status: 404, body: { error: "The requested resource does not exist." } };
  const { client } = await createScriptedClient([notFound, NO_ROUTE, createInstanceInfo("1.3.1")]);
  await captureError(client.call(relationsApi.list, { params }));
  await captureError(client.call(commentsApi.list, { params }));
  expect((await client.capabilities()).relations).toBe(true);
});

function createPage(nth: number, of: number) {
  const results = [{ id: PLANE_USER.id }];
  const body = { results, total_count: of, next_cursor: `1:${nth}:0`, next_page_results: nth < of };
  return { status: 200, body };
}

test("the pages of a list are requested one after another, each with the filters of the first; a list that repeats a page fails", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 3), createPage(2, 3), createPage(3, 3)]);
  const cursors: string[] = [];
  for await (const { data } of client.pages(workItemsApi.ids, { params, query: { per_page: 1, fields: "id" } }))
    cursors.push(data.next_cursor);
  expect(cursors).toEqual(["1:1:0", "1:2:0", "1:3:0"]);
  const queries = server.requests.map(({ url }) => new URL(url, "http://x").searchParams.toString());
  const first = "per_page=1&fields=id";
  expect(queries).toEqual([first, `${first}&cursor=1%3A1%3A0`, `${first}&cursor=1%3A2%3A0`]);

  const repeating = await createScriptedClient([createPage(1, 9)]);
  const read = async () => {
    for await (const _ of repeating.client.pages(workItemsApi.ids, { params }));
  };
  expect(await captureError(read())).toBeInstanceOf(PlaneUnexpectedError);
  expect(repeating.server.requests).toHaveLength(2);
});

/** Reads a list that has a next page after every page, without requests: a limit takes a million rows or 10,000 pages. */
async function readEndlessPages(createAnswer: (page: number) => { rows: number; total: number }) {
  let requests = 0;
  const call: PlaneClient["call"] = async <A>() => {
    requests += 1;
    const { rows, total } = createAnswer(requests);
    const results = Array.from({ length: rows }, () => ({ id: PLANE_USER.id }));
    const page = { results, total_count: total, next_cursor: `1000:${requests}:0`, next_page_results: true };
    return { data: page as A, date: "" };
  };
  const read = async () => {
    for await (const _ of fetchPages(call, workItemsApi.ids, { params }));
  };
  const error = await captureError(read());
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  return [error instanceof Error ? error.message : "", requests];
}

test("a list that does not end fails: at an empty page, at twice the rows it counts, at a million rows and at 10,000 pages", async () => {
  const empty = await readEndlessPages((page) => ({ rows: page < 3 ? 1000 : 0, total: 5000 }));
  expect(empty).toEqual([expect.stringContaining("work_items_ids announces a further page after an empty one"), 3]);
  const repeating = await readEndlessPages(() => ({ rows: 1000, total: 1500 }));
  expect(repeating).toEqual([expect.stringContaining("has sent 5000 rows although it counts 1500"), 5]);
  const growing = await readEndlessPages((page) => ({ rows: 50_000, total: page * 1_000_000 }));
  expect(growing).toEqual([expect.stringContaining("does not end after 1000000 rows"), 20]);
  const tiny = await readEndlessPages((page) => ({ rows: 1, total: page * 2 }));
  expect(tiny).toEqual([expect.stringContaining("does not end after 10000 pages"), 10_000]);
});

const DOWN: ScriptedStep = { status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" };
const createTooMany = (seconds: string): ScriptedStep => ({
  status: 429,
  headers: { "retry-after": seconds },
  body: { error_message: "RATE_LIMIT_EXCEEDED" },
});

test("a read that fails is repeated after 1, 5 and 15 s, and then fails; an outage is reported once the first retry has failed", async () => {
  const reported: string[] = [];
  const reportUnavailable = (reason: PlaneUnavailableError) => void reported.push(reason.message);
  const { client, waits, server } = await createScriptedClient([DOWN], { reportUnavailable });
  expect(await captureError(client.call(usersApi.me))).toBeInstanceOf(PlaneUnavailableError);
  expect(waits).toEqual([1_000, 5_000, 15_000]);
  expect(server.requests).toHaveLength(4);
  expect(reported).toHaveLength(3);
  const brief = await createScriptedClient([BREAK_CONNECTION, ANSWER], { reportUnavailable });
  await brief.client.call(usersApi.me);
  expect(reported).toHaveLength(3);
});

test("each request to Plane is counted by operation and status and timed by method and route pattern, and retries are counted", async () => {
  const missing = { status: 404, body: { error: "The requested resource does not exist." } };
  const { client, counted } = await createScriptedClient([DOWN, BREAK_CONNECTION, missing]);
  await captureError(client.call(usersApi.me));
  const labels = { operation: "users_me" };
  const endpoint = { method: "GET", endpoint: "/api/v1/users/me/" };
  const count = (status: string) => ({ name: "plane_api_calls_total", labels: { ...labels, status } });
  const time = { name: "plane_api_request_duration_seconds", labels: endpoint, seconds: 0 };
  const again = { name: "plane_api_retry_total", labels };
  expect(counted).toEqual([time, count("502"), again, time, count("none"), again, time, count("404")]);
});

test("a create with an external id is repeated, and the 409 contains the id of the first one", async () => {
  const exists = { status: 409, body: { error: "exists", id: PLANE_USER.id } };
  const { client, server } = await createScriptedClient([BREAK_CONNECTION, exists]);
  const json = { comment_html: "x", external_source: "bridge", external_id: "c-1" };
  const error = await captureError(client.call(commentsApi.create, { params, json }));
  expect(error).toBeInstanceOf(PlaneConflictError);
  expect(error).toMatchObject({ id: PLANE_USER.id, operation: "comments_create" });
  expect(server.requests).toHaveLength(2);
});

test("a delete, and a create without a whole external id, is never repeated after an unclear failure", async () => {
  const creates = [{}, { external_id: "c-1" }, { external_source: "bridge", external_id: "" }];
  for (const step of [DOWN, BREAK_CONNECTION, { status: 201, body: "{" }, { status: 201, body: "" }]) {
    const { client, waits, server } = await createScriptedClient([step]);
    for (const json of creates)
      await expect(client.call(commentsApi.create, { params, json })).rejects.toBeInstanceOf(PlaneUnavailableError);
    expect(server.requests).toHaveLength(3);
    expect(waits).toEqual([]);
  }
  const { client, server } = await createScriptedClient([BREAK_CONNECTION]);
  const deleted = client.call({ ...commentsApi.update, method: "DELETE" }, { params });
  await expect(deleted).rejects.toBeInstanceOf(PlaneUnavailableError);
  expect(server.requests).toHaveLength(1);
});

test("a request is repeated exactly when a 429 or 503 allows it, even one that is not safe to repeat otherwise; an interactive call fails at a minute", async () => {
  const exists = { status: 409, body: { error: "exists" } };
  const { client, waits } = await createScriptedClient([createTooMany("37"), exists]);
  const created = client.call(commentsApi.create, { params, json: { comment_html: "x" } });
  expect(await captureError(created)).toBeInstanceOf(PlaneConflictError);
  expect(waits).toEqual([37_000]);
  const busy = await createScriptedClient([{ status: 503, headers: { "retry-after": "8" }, body: {} }, ANSWER]);
  await busy.client.call(usersApi.me);
  expect(busy.waits).toEqual([8_000]);
  const hasty = await createScriptedClient([createTooMany("60")]);
  const error = await captureError(hasty.client.call(usersApi.me, { priority: "interactive" }));
  expect(error).toBeInstanceOf(PlaneRateLimitedError);
  expect(error).toMatchObject({ retryAfter: 60_000 });
  expect(hasty.waits).toEqual([]);
  expect(hasty.server.requests).toHaveLength(1);
});

const LIMIT_MS = 900_000;
const DATE = "2026-11-21T04:00:00.000Z";

test("a Retry-After of seconds or a date is a wait of 15 minutes at most, and anything else says nothing", () => {
  const waits: [string, number][] = [
    [" 45 ", 45_000],
    ["0", 0],
    ["901", LIMIT_MS],
    ["9".repeat(400), LIMIT_MS],
    ["Sat, 21 Nov 2026 04:00:45 GMT", 45_000],
    ["Sat Nov 21 04:00:45 2026", 45_000],
    ["Sat, 21 Nov 2026 03:59:00 GMT", 0],
    ["Fri, 31 Dec 9999 23:59:59 GMT", LIMIT_MS],
  ];
  for (const [header, wait] of waits) expect(parseRetryAfter(header, DATE), header).toBe(wait);
  const others = ["", "soon", "-1", "-0", "+5", "1.5", "NaN", "Infinity", "1e3", "0x10", "5, 5", "2030-01-01"];
  for (const header of [null, ...others]) expect(parseRetryAfter(header, DATE), `${header}`).toBeUndefined();
  const anyHeader = fc.oneof(
    ...[fc.string(), fc.double().map(String), fc.bigInt().map(String)],
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(
    fc.property(anyHeader, fc.constantFrom(DATE, "1970-01-01T00:00:00.000Z", "invalid"), (header, date) => {
      const wait = parseRetryAfter(header, date) ?? 0;
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(LIMIT_MS);
    }),
  );
});

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
  await expect(stalled).rejects.toThrow("The file's transfer stalled");
  const unanswered = await captureError(uploadTo(neverAnswer, new Blob(["bytes"]), stall));
  expect(unanswered).toBeInstanceOf(PlaneUnavailableError);
  expect(unanswered).toMatchObject({ message: expect.stringContaining("no data was transferred") });
  for (const [size, message] of [[6, "only 5 arrived"] as const, [4, "more arrived"] as const]) {
    const file = { size, stream: () => new Blob(["bytes"]).stream() };
    await expect(uploadTo(neverAnswer, file)).rejects.toThrow(message);
  }
});

test("a sign-in sends the token's cookie with the form, later requests send the session's, and a cookie that ends is not sent again", async () => {
  const redirectWith = (...cookies: string[]): ScriptedStep => ({
    status: 302,
    headers: { location: "http://plane.test", "set-cookie": cookies },
  });
  const server = await startScriptedServer(
    { status: 200, headers: { "set-cookie": "csrftoken=c1; Path=/; SameSite=Lax" }, body: { csrf_token: "t1" } },
    redirectWith("session-id=s1=b; HttpOnly; Path=/", "csrftoken=c2", "gone=1", "old=1"),
    redirectWith("gone=; Max-Age=0", "old=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    { status: 401, body: { detail: "Authentication credentials were not provided." } },
  );
  const clock = () => Date.UTC(2026, 10, 21);
  const url = `${server.url}/`;
  const plane = createPlaneSession({ url, fetch: globalThis.fetch, metrics: noMetrics, clock });
  const { csrf_token } = (await plane.call(authApi.csrf)).data;
  const form = { email: "a+b@example.test", password: "p&=ä", csrfmiddlewaretoken: csrf_token };
  expect((await plane.call(authApi.signIn, { form })).data).toEqual({ refused: undefined });
  for (let nth = 0; nth < 2; nth += 1) await captureError(plane.call(accountsApi.me));
  const [asked, posted] = server.requests;
  // Plane requires its own address as referer over https.
  expect(asked?.headers.referer).toBe(url);
  expect(posted?.headers["content-type"]).toBe("application/x-www-form-urlencoded;charset=UTF-8");
  expect(Object.fromEntries(new URLSearchParams(posted?.body))).toEqual(form);
  expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([
    ...[undefined, "csrftoken=c1", "csrftoken=c2; session-id=s1=b; gone=1; old=1", "csrftoken=c2; session-id=s1=b"],
  ]);
});
