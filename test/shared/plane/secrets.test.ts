import { inspect } from "node:util";
import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/create-client.ts";
import { users } from "../../../shared/plane/users-members.ts";
import { failure, KEY, scripted } from "./harness.ts";
import type { Step } from "./scripted-server.ts";

const ECHOES = { error: `who is ${KEY}?`, [KEY]: [KEY] };
const FAULTS: [string, Step][] = [
  ["a broken connection", (_request, response) => void response.destroy()],
  ["silence", () => {}],
  ["a page that repeats the key", { status: 200, body: `<html>${KEY}</html>` }],
  ["an answer in another form that repeats the key", { status: 200, body: { id: KEY, [KEY]: KEY } }],
  ["a redirect with the key in it", { status: 302, headers: { location: `https://x.test/?key=${KEY}` } }],
  ...[400, 401, 403, 404, 409, 429, 500].map((status): [string, Step] => [
    `a ${status} that repeats the key`,
    { status, body: ECHOES },
  ]),
];

test.each(FAULTS)("the API key is in no error, log line or metric after %s", async (_what, step) => {
  const { client, lines, counted, server } = await scripted([step], { timeout: 60, retryDelays: [1] });
  const error = await failure(client.call(users.me));
  expect(server.requests[0]?.headers["x-api-key"]).toBe(KEY);
  expect(error).toBeInstanceOf(Error);
  const shown = [
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    ...lines,
    JSON.stringify(counted),
  ].join("\n");
  expect(shown).not.toContain(KEY);
});

test.each(["", "two words", "line\nbreak", "clé"])(
  "the key %j, which no header can carry, is refused without being repeated",
  async (key) => {
    const { given } = await scripted([]);
    const make = () => createPlaneClient({ ...given, apiKey: key });
    expect(make).toThrow(RangeError);
    if (key) expect(make).not.toThrow(key);
  },
);

test("the key goes to the API and not to the pages that are open to all", async () => {
  const { client, server } = await scripted([{ status: 500, body: "" }], { retryDelays: [] });
  await failure(client.capabilities());
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.headers).not.toHaveProperty("x-api-key");
});
