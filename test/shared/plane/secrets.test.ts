import { inspect } from "node:util";
import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import type { ScriptedStep } from "../../support/scripted-server.ts";
import { captureError, controlTimeLimits, createScriptedClient, PLANE_KEY } from "./plane-client-harness.ts";

/** Ends the current request as its timeout would, but only after it has arrived, however slow the machine is. */
let reachTimeLimit = () => {};

const ECHOES = { error: `who is ${PLANE_KEY}?`, [PLANE_KEY]: [PLANE_KEY] };
const FAULTS: [string, ScriptedStep][] = [
  ["a broken connection", (_request, response) => void response.destroy()],
  ["silence until the timeout", () => reachTimeLimit()],
  ["a page that repeats the key", { status: 200, body: `<html>${PLANE_KEY}</html>` }],
  ["an answer in another form that repeats the key", { status: 200, body: { id: PLANE_KEY, [PLANE_KEY]: PLANE_KEY } }],
  ["a redirect with the key in it", { status: 302, headers: { location: `https://x.test/?key=${PLANE_KEY}` } }],
  ...[400, 401, 403, 404, 409, 429, 500].map((status): [string, ScriptedStep] => [
    `a ${status} that repeats the key`,
    { status, body: ECHOES },
  ]),
];

test.each(FAULTS)("the API key is in no error, log line or metric after %s", async (_what, step) => {
  reachTimeLimit = controlTimeLimits();
  const { client, lines, counted: reportedTotals, server } = await createScriptedClient([step], { retryDelays: [1] });
  const error = await captureError(client.call(usersApi.me));
  expect(server.requests[0]?.headers["x-api-key"]).toBe(PLANE_KEY);
  expect(error).toBeInstanceOf(Error);
  const outputs = [
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    ...lines,
    JSON.stringify(reportedTotals),
  ].join("\n");
  expect(outputs).not.toContain(PLANE_KEY);
});

test.each(["", "two words", "line\nbreak", "clé"])(
  "the API key %j, which no header can contain, is refused without being repeated",
  async (key) => {
    const { clientOptions } = await createScriptedClient([]);
    const create = () => createPlaneClient({ ...clientOptions, apiKey: key });
    expect(create).toThrow(RangeError);
    if (key) expect(create).not.toThrow(key);
  },
);

test("the API key is sent to the API but not to public routes", async () => {
  const { client, server } = await createScriptedClient([{ status: 500, body: "" }], { retryDelays: [] });
  await captureError(client.capabilities());
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.headers).not.toHaveProperty("x-api-key");
});
