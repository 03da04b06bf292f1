import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { captureError, createScriptedClient, getErrorOrData, PLANE_USER } from "./plane-client-harness.ts";

const TOO_MANY = { error_message: "RATE_LIMIT_EXCEEDED" };
const EXCESSIVE_WAIT = { status: 429, headers: { "retry-after": "31536000" }, body: TOO_MANY };
const NO_WAIT = { maxWait: { people: 0, interactive: 0, background: 0, spare: 0 }, rateLimit: 60 };

test("after an excessive Retry-After one probe is sent when 15 minutes are over, and its success releases all requests", async () => {
  const { clientOptions, client, server, advance } = await createScriptedClient(
    [EXCESSIVE_WAIT, { status: 200, body: PLANE_USER }],
    NO_WAIT,
  );
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ retryAfter: 900_000 });
  advance(899_999);
  // Another process, as after a restart.
  const restarted = createPlaneClient(clientOptions);
  expect(await captureError(restarted.call(usersApi.me))).toMatchObject({ code: "rate_limited", retryAfter: 1 });
  expect(server.requests).toHaveLength(1);
  advance(1);
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => getErrorOrData(restarted.call(usersApi.me))));
  expect(outcomes.filter((outcome) => outcome instanceof PlaneRateLimitedError)).toHaveLength(29);
  expect(server.requests).toHaveLength(2);
  await Promise.all(Array.from({ length: 30 }, () => restarted.call(usersApi.me)));
  expect(server.requests).toHaveLength(32);
});

test("a probe that is answered with 429 holds the key again for 15 minutes at most, and then another probe is sent", async () => {
  const { client, server, advance } = await createScriptedClient(
    [EXCESSIVE_WAIT, EXCESSIVE_WAIT, { status: 200, body: PLANE_USER }],
    NO_WAIT,
  );
  await captureError(client.call(usersApi.me));
  advance(900_000);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ retryAfter: 900_000 });
  advance(899_999);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ status: undefined, retryAfter: 1 });
  advance(1);
  await client.call(usersApi.me);
  expect(server.requests).toHaveLength(3);
});

test("a probe without an answer releases nothing: another one is sent a minute later", async () => {
  const { client, server, advance } = await createScriptedClient(
    [EXCESSIVE_WAIT, { status: 503, body: TOO_MANY }, { status: 200, body: PLANE_USER }],
    { ...NO_WAIT, retryDelays: [] },
  );
  await captureError(client.call(usersApi.me));
  advance(900_000);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ code: "unavailable" });
  advance(59_999);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ code: "rate_limited" });
  advance(1);
  await client.call(usersApi.me);
  expect(server.requests).toHaveLength(3);
});

test("a stored pause of a day is shortened to 15 minutes and ends with a probe", async () => {
  const { clientOptions, client, server, advance } = await createScriptedClient(
    [{ status: 200, body: PLANE_USER }],
    NO_WAIT,
  );
  await clientOptions.store.pause(`plane:${clientOptions.keyName}`, 86_400_000);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ retryAfter: 900_000 });
  advance(900_000);
  const outcomes = await Promise.all(Array.from({ length: 9 }, () => getErrorOrData(client.call(usersApi.me))));
  expect(outcomes.filter((outcome) => outcome instanceof PlaneRateLimitedError)).toHaveLength(8);
  expect(server.requests).toHaveLength(1);
});
