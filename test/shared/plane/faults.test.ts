import { inspect } from "node:util";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { fillRoute, normalizeBaseUrl, planeTimeSchema } from "../../../shared/plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneInvalidError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { toPlaneError } from "../../../shared/plane/request.ts";
import type { ScriptedStep } from "../../support/test-server.ts";
import { BREAK_CONNECTION, captureError, createScriptedClient, PLANE_KEY, PLANE_USER } from "./plane-client-harness.ts";

async function captureFault(step: ScriptedStep, options = {}) {
  const { client } = await createScriptedClient([step], { retryDelays: [], ...options });
  return captureError(client.call(usersApi.me));
}

const JSON_TYPE = { "content-type": "application/json" };
/** Sends the begin of a body. */
const stop: ScriptedStep = (_request, response) => void response.writeHead(200, JSON_TYPE).write('{"id":');
const breakOff: ScriptedStep = (_request, response) =>
  void response.writeHead(200, { "content-length": "500" }).write('{"id":', () => response.destroy());
const FAULTS: [string, ScriptedStep, string][] = [
  ["a server that stays silent", () => {}, "no complete answer within 0.06 s"],
  ["a body that stops in the middle", stop, "no complete answer"],
  ["a connection that breaks in the middle of the body", breakOff, ""],
  ["truncated JSON", { status: 200, body: JSON.stringify(PLANE_USER).slice(0, 40) }, "broken or truncated"],
  ["a page instead of JSON", { status: 200, body: "<!doctype html><p>hi" }, "a page instead of JSON"],
  ["an empty answer", { status: 200, body: "" }, ""],
];

test.each(FAULTS)("%s fails the call as unavailable", async (_, step, message) => {
  const error = await captureFault(step, { timeout: 60 });
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining(message) });
});

test("an answer over the size limit is refused while it is read, and not requested again", async () => {
  let written = 0;
  const endless: ScriptedStep = (_request, response) => {
    response.writeHead(200, JSON_TYPE);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536))) written += 65_536;
    };
    response.on("drain", more);
    more();
  };
  const { client, server } = await createScriptedClient([endless], { answerLimit: 1_000_000 });
  const error = await captureError(client.call(usersApi.me));
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringContaining("larger than 1000000 bytes") });
  expect(server.requests).toHaveLength(1);
  expect(written).toBeLessThan(50_000_000);
});

test("an answer of an unknown form is reported with the fields, but not with their values", async () => {
  const error = await captureFault({ status: 200, body: { ...PLANE_USER, id: "hunter2-not-an-id", display_name: 7 } });
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringMatching(/id: .*; display_name: /) });
  expect(String(error)).not.toContain("hunter2");
});

/** Lets the current request end as by its timeout, but only after it has arrived, however slow the machine is. */
const limits: AbortController[] = [];
const reachTimeLimit = () => {
  for (const limit of limits.splice(0)) limit.abort(new DOMException("The operation timed out", "TimeoutError"));
};
const ECHOES = { error: `who is ${PLANE_KEY}?`, [PLANE_KEY]: [PLANE_KEY] };

test.each<[string, ScriptedStep]>([
  ["a broken connection", BREAK_CONNECTION],
  ["silence until the timeout", reachTimeLimit],
  ["a page that repeats the key", { status: 200, body: `<html>${PLANE_KEY}</html>` }],
  ["an answer in another form that repeats the key", { status: 200, body: { id: PLANE_KEY, [PLANE_KEY]: PLANE_KEY } }],
  ["a redirect with the key in it", { status: 302, headers: { location: `https://x.test/?key=${PLANE_KEY}` } }],
  ...[400, 401, 403, 404, 409, 429, 500].map((status): [string, ScriptedStep] => [
    `a ${status} that repeats the key`,
    { status, body: ECHOES },
  ]),
])("the API key is in no error, log line or metric after %s", async (_what, step) => {
  const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
    const limit = new AbortController();
    limits.push(limit);
    return limit.signal;
  });
  onTestFinished(() => timeout.mockRestore());
  const { client, lines, counted, server } = await createScriptedClient([step], { retryDelays: [1] });
  const error = await captureError(client.call(usersApi.me));
  expect(server.requests[0]?.headers["x-api-key"]).toBe(PLANE_KEY);
  expect(error).toBeInstanceOf(Error);
  const outputs = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), JSON.stringify(counted)];
  expect([...outputs, ...lines].join("\n")).not.toContain(PLANE_KEY);
});

test("the API key is not sent to public routes, and one that no header can contain is refused without being repeated", async () => {
  const { client, clientOptions, server } = await createScriptedClient([{ status: 500 }], { retryDelays: [] });
  await captureError(client.capabilities());
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.headers).not.toHaveProperty("x-api-key");
  for (const apiKey of ["", "two words", "line\nbreak", "clé"]) {
    const create = () => createPlaneClient({ ...clientOptions, apiKey });
    expect(create, apiKey).toThrow(RangeError);
    if (apiKey) expect(create).not.toThrow(apiKey);
  }
});

function createRefusal(status: number, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = { status, headers: new Headers(), body: text, date: "2026-11-21T04:00:00.000Z" };
  return toPlaneError("work_items_get", answer);
}

test("a 404 of Plane for a missing object, one for a missing route and one of a proxy are distinguished", () => {
  const missing = createRefusal(404, { error: "The requested resource does not exist." });
  expect(missing).toMatchObject({ code: "not_found", noRoute: false });
  expect(createRefusal(404, { error: "Page not found." })).toMatchObject({ code: "not_found", noRoute: true });
  for (const body of ["404 page not found\n", "<html>404</html>", "", "[]", "null"])
    expect(createRefusal(404, body), body).toBeInstanceOf(PlaneUnavailableError);
});

test("a 403 for the key is distinguished from one for a permission, and pages of a proxy from Plane's own answers", () => {
  expect(createRefusal(403, { detail: "Given API token is not valid" })).toMatchObject({ code: "auth", reason: "key" });
  const unauthorized = createRefusal(401, { detail: "Authentication credentials were not provided." });
  expect(unauthorized).toMatchObject({ reason: "key" });
  const forbidden = createRefusal(403, { error: "Only admin or creator can delete the work item" });
  expect(forbidden).toMatchObject({ reason: "permission" });
  expect(createRefusal(403, "<html>blocked</html>")).toBeInstanceOf(PlaneAuthError);
  expect(createRefusal(400, "<h1>Bad Request (400)</h1>")).toBeInstanceOf(PlaneUnexpectedError);
  for (const status of [500, 503, 521]) expect(createRefusal(status, "<html>")).toBeInstanceOf(PlaneUnavailableError);
  expect(createRefusal(429, "")).toMatchObject({ code: "rate_limited", retryAfter: 60_000 });
});

test("Plane's field messages are stored by field, and its message is one short line without control characters", () => {
  const fields = { name: ["Too long.", "Too odd."], url: "Bad.", parent: { state: ["Unknown."] }, status: false };
  const error = createRefusal(400, fields);
  expect(error).toMatchObject({ fields: { name: ["Too long.", "Too odd."], url: ["Bad."], parent: ["Unknown."] } });
  expect(error.message).toContain("name: Too long. Too odd.; url: Bad.");
  const polluted = createRefusal(400, '{"__proto__": ["No."]}');
  expect(polluted instanceof PlaneInvalidError && Object.keys(polluted.fields)).toEqual(["__proto__"]);
  const { message } = createRefusal(400, { detail: `a\u001b[31m\n\u202eb${"x".repeat(1_000)}` });
  expect(message).toContain("a [31m b");
  expect(message.length).toBeLessThan(400);
});

test("a route parameter stays one segment, one that would lead to another route is refused, and so is a wrong address", () => {
  expect(fillRoute("/a/:item/b/", { item: "x/../y?z#ä" })).toBe("/a/x%2F..%2Fy%3Fz%23%C3%A4/b/");
  for (const item of ["", ".", ".."]) expect(() => fillRoute("/a/:item/b/", { item }), item).toThrow(RangeError);
  for (const end of ["", "///"])
    expect(normalizeBaseUrl(`https://plane.test/plane${end}`)).toBe("https://plane.test/plane");
  const userInfo = ["https://hunter22@plane.test", "https://:hunter22@plane.test"];
  for (const address of ["", "plane.test", "ftp://plane.test", ...userInfo, "https://plane.test/?key=hunter22"]) {
    expect(() => normalizeBaseUrl(address), address).toThrow(RangeError);
    expect(() => normalizeBaseUrl(address), address).not.toThrow("hunter22");
  }
});

test("a time of Plane keeps its microseconds and is converted to UTC, so that times sort as strings, whatever zones Plane used", () => {
  const normalize = (text: string) => planeTimeSchema.parse(text);
  expect(normalize("2026-12-05T23:59:00.25Z")).toBe("2026-12-05T23:59:00.250000Z");
  expect(normalize("2027-01-01T05:15:00+05:45")).toBe("2026-12-31T23:30:00.000000Z");
  expect(normalize("2026-11-20T23:33:08.000001-05:00")).toBe("2026-11-21T04:33:08.000001Z");
  const noZone = "2026-11-21T04:33:08";
  for (const text of ["", "yesterday", "2026-11-21", noZone, "2026-13-01T00:00:00Z", `${noZone}.1234567Z`])
    expect(planeTimeSchema.safeParse(text).success, text).toBe(false);
  const moment = fc.record({ ms: fc.nat(4_102_444_800), micros: fc.nat(999_999), hours: fc.nat(14) });
  const format = ({ ms, micros, hours }: { ms: number; micros: number; hours: number }) => {
    const local = new Date((ms + hours * 3_600) * 1_000).toISOString().slice(0, 19);
    return `${local}.${String(micros).padStart(6, "0")}+${String(hours).padStart(2, "0")}:00`;
  };
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const isEarlier = a.ms === b.ms ? a.micros < b.micros : a.ms < b.ms;
      expect(normalize(format(a)) < normalize(format(b))).toBe(isEarlier);
    }),
  );
});
