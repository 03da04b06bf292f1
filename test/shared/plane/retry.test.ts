import fc from "fast-check";
import { expect, test } from "vitest";
import { PlaneConflictError, PlaneRateLimitedError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { parseRetryAfter } from "../../../shared/plane/request.ts";
import { commentsApi } from "../../../shared/plane/work-items.ts";
import type { ScriptedStep } from "../../support/test-server.ts";
import { ANSWER, BREAK_CONNECTION, captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

const DOWN: ScriptedStep = { status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" };
const createTooMany = (seconds: string): ScriptedStep => ({
  status: 429,
  headers: { "retry-after": seconds },
  body: { error_message: "RATE_LIMIT_EXCEEDED" },
});
const params = { project: PLANE_USER.id, item: PLANE_USER.id, comment: PLANE_USER.id };

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
      expect(await captureError(client.call(commentsApi.create, { params, json }))).toBeInstanceOf(
        PlaneUnavailableError,
      );
    expect(server.requests).toHaveLength(3);
    expect(waits).toEqual([]);
  }
  const { client, server } = await createScriptedClient([BREAK_CONNECTION]);
  expect(await captureError(client.call({ ...commentsApi.update, method: "DELETE" }, { params }))).toBeInstanceOf(
    PlaneUnavailableError,
  );
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
