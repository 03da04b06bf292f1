import { expect, test } from "vitest";
import type { PlaneCallOptions } from "../../../shared/plane/endpoint.ts";
import { PlaneConflictError, PlaneRateLimitedError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { commentsApi } from "../../../shared/plane/work-items.ts";
import type { ScriptedStep } from "../../support/scripted-server.ts";
import { unusedApi } from "../../support/unused-plane-endpoints.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

const DOWN: ScriptedStep = { status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" };
const BREAK_CONNECTION: ScriptedStep = (_request, response) => response.destroy();
const createTooMany = (seconds: string): ScriptedStep => ({
  status: 429,
  headers: { "retry-after": seconds },
  body: { error_message: "RATE_LIMIT_EXCEEDED" },
});
const PROJECT = "d8d562c1-052e-4994-bbe2-1e0d1be72c34";
const params = { project: PROJECT, item: PLANE_USER.id, comment: PLANE_USER.id };
const externalIds = { external_source: "bridge", external_id: "c-1" };

test("a read that fails is repeated after 1, 5 and 15 s, and then fails", async () => {
  const { client, waits, server } = await createScriptedClient([DOWN]);
  const error = await captureError(client.call(usersApi.me));
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(waits).toEqual([1_000, 5_000, 15_000]);
  expect(server.requests).toHaveLength(4);
});

test("an outage is reported as soon as the first retry fails, too; one lost answer is not", async () => {
  const reported: string[] = [];
  const reportUnavailable = (reason: PlaneUnavailableError) => void reported.push(reason.message);
  const lasting = await createScriptedClient([DOWN], { reportUnavailable });
  await captureError(lasting.client.call(usersApi.me));
  expect(reported).toHaveLength(3);
  const brief = await createScriptedClient([BREAK_CONNECTION, { status: 200, body: PLANE_USER }], {
    reportUnavailable,
  });
  await brief.client.call(usersApi.me);
  expect(reported).toHaveLength(3);
});

test("a create with an external id is repeated, and the 409 contains the id of the first one", async () => {
  const { client, server } = await createScriptedClient([
    BREAK_CONNECTION,
    { status: 409, body: { error: "exists", id: PLANE_USER.id } },
  ]);
  const error = await captureError(
    client.call(commentsApi.create, { params, json: { comment_html: "x", ...externalIds } }),
  );
  expect(error).toBeInstanceOf(PlaneConflictError);
  expect(error).toMatchObject({ id: PLANE_USER.id, operation: "comments_create" });
  expect(server.requests).toHaveLength(2);
});

test.each<[string, PlaneCallOptions["json"]]>([
  ["without an external id", { comment_html: "x" }],
  ["with an external id but no source, which Plane does not compare", { comment_html: "x", external_id: "c-1" }],
  ["with an empty external id", { comment_html: "x", external_source: "bridge", external_id: "" }],
])("a create %s is never repeated after an unclear failure", async (_which, json = {}) => {
  for (const step of [DOWN, BREAK_CONNECTION, { status: 201, body: "{" }, { status: 201, body: "" }]) {
    const { client, waits, server } = await createScriptedClient([step]);
    expect(await captureError(client.call(commentsApi.create, { params, json }))).toBeInstanceOf(PlaneUnavailableError);
    expect(server.requests).toHaveLength(1);
    expect(waits).toEqual([]);
  }
});

test("a delete is not repeated after an unclear failure", async () => {
  const { client, server } = await createScriptedClient([BREAK_CONNECTION]);
  expect(await captureError(client.call(unusedApi.removeItem, { params }))).toBeInstanceOf(PlaneUnavailableError);
  expect(server.requests).toHaveLength(1);
});

test("a request is repeated exactly when a 429 allows it, even one that is not safe to repeat otherwise", async () => {
  const refused = createTooMany("37");
  const { client, waits, server } = await createScriptedClient([refused, { status: 409, body: { error: "exists" } }]);
  expect(await captureError(client.call(commentsApi.create, { params, json: { comment_html: "x" } }))).toBeInstanceOf(
    PlaneConflictError,
  );
  expect(waits).toEqual([37_000]);
  expect(server.requests).toHaveLength(2);
});

test("an interactive call fails at a 429 of a minute, with the time to wait", async () => {
  const refused = createTooMany("60");
  const { client, waits, server } = await createScriptedClient([refused]);
  const error = await captureError(client.call(usersApi.me, { priority: "interactive" }));
  expect(error).toBeInstanceOf(PlaneRateLimitedError);
  expect(error).toMatchObject({ retryAfter: 60_000 });
  expect(waits).toEqual([]);
  expect(server.requests).toHaveLength(1);
});

test("the Retry-After of a 503 extends the pause", async () => {
  const busy: ScriptedStep = { status: 503, headers: { "retry-after": "8" }, body: { error: "restarting" } };
  const { client, waits } = await createScriptedClient([busy, { status: 200, body: PLANE_USER }]);
  await client.call(usersApi.me);
  expect(waits).toEqual([8_000]);
});
