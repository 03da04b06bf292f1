import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { createScriptedClient, getErrorOrData, PLANE_USER } from "./plane-client-harness.ts";

test("spare calls use an idle quota evenly: a sixth of it in any 10 s, and they do not wait", async () => {
  const { client, server, waits, advance } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 60,
  });
  const spendAll = async () => {
    for (let spent = 0; ; spent += 1) {
      const outcome = await getErrorOrData(client.call(usersApi.me, { priority: "spare" }));
      if (outcome instanceof PlaneRateLimitedError) return { spent, retryAfter: outcome.retryAfter };
    }
  };
  for (let nth = 0; nth < 5; nth += 1) {
    expect(await spendAll()).toEqual({ spent: 10, retryAfter: 10_000 });
    advance(10_000);
  }
  expect(await spendAll()).toEqual({ spent: 7, retryAfter: 11_000 });
  expect(waits).toEqual([]);
  expect(server.requests).toHaveLength(57);
});

test("an interactive call gets its turn within 10 s although spare calls use all that they may", async () => {
  const { client, waits, advance } = await createScriptedClient([{ status: 200, body: PLANE_USER }], { rateLimit: 60 });
  for (let second = 0; second < 70; second += 1) {
    await getErrorOrData(client.call(usersApi.me, { priority: "spare" }));
    advance(1_000);
  }
  for (let nth = 0; nth < 13; nth += 1) {
    await client.call(usersApi.me, { priority: "interactive" });
    await getErrorOrData(client.call(usersApi.me, { priority: "spare" }));
  }
  expect(Math.max(...waits)).toBeLessThanOrEqual(10_000);
  expect(waits.length).toBeGreaterThan(0);
});

test("spare calls leave what becomes free to a background call that waits for it", async () => {
  const { client, clientOptions, advance, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 10,
  });
  for (let nth = 0; nth < 9; nth += 1) await client.call(usersApi.me);
  const stolen: unknown[] = [];
  const wait = async (ms: number) => {
    advance(ms);
    // At this very moment a spare call of another process asks for the same request.
    stolen.push(await getErrorOrData(client.call(usersApi.me, { priority: "spare" })));
  };
  await createPlaneClient({ ...clientOptions, wait }).call(usersApi.me);
  expect(stolen).toEqual([expect.objectContaining({ code: "rate_limited" })]);
  expect(server.requests).toHaveLength(10);
});
