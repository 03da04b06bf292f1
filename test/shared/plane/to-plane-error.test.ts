import { expect, test } from "vitest";
import {
  PlaneAuthError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "../../../shared/plane/errors.ts";
import { toPlaneError } from "../../../shared/plane/request.ts";

const DATE = "2026-11-21T04:00:00.000Z";

function createRefusal(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return toPlaneError("work_items_get", { status, headers: new Headers(headers), body: text, date: DATE });
}

test("a 404 of Plane means that the object does not exist", () => {
  expect(createRefusal(404, { error: "The requested resource does not exist." })).toMatchObject({
    code: "not_found",
    noRoute: false,
  });
});

test("a 404 of a proxy while Plane is down does not count as a deleted item", () => {
  for (const body of ["404 page not found\n", "<html>404</html>", "", "[]", "null"])
    expect(createRefusal(404, body)).toBeInstanceOf(PlaneUnavailableError);
});

test("a 404 for a missing route is distinguished from one for a missing object", () => {
  const error = createRefusal(404, { error: "Page not found." });
  expect(error).toBeInstanceOf(PlaneNotFoundError);
  expect(error).toMatchObject({ noRoute: true });
});

test("Plane's field messages are stored by field, including nested ones", () => {
  const error = createRefusal(400, {
    name: ["Too long.", "Too odd."],
    url: "Bad.",
    parent: { state: ["Unknown."] },
    status: false,
  });
  expect(error).toBeInstanceOf(PlaneInvalidError);
  expect(error).toMatchObject({ fields: { name: ["Too long.", "Too odd."], url: ["Bad."], parent: ["Unknown."] } });
  expect(error.message).toContain("name: Too long. Too odd.; url: Bad.");
});

test("a field called __proto__ in Plane's error is treated like any other", () => {
  const error = createRefusal(400, '{"__proto__": ["No."]}');
  expect(error instanceof PlaneInvalidError && Object.keys(error.fields)).toEqual(["__proto__"]);
});

test("Plane's message is reduced to one line of 300 characters without control or bidirectional characters", () => {
  const { message } = createRefusal(400, { detail: `a\u001b[31m\n\u202eb${"x".repeat(1_000)}` });
  expect(message).toContain("a [31m b");
  expect(message.length).toBeLessThan(400);
});

test("a 403 for the key is distinguished from one for a permission", () => {
  expect(createRefusal(403, { detail: "Given API token is not valid" })).toMatchObject({ code: "auth", reason: "key" });
  expect(createRefusal(401, { detail: "Authentication credentials were not provided." })).toMatchObject({
    reason: "key",
  });
  expect(createRefusal(403, { error: "Only admin or creator can delete the work item" })).toMatchObject({
    reason: "permission",
  });
});

test("a 403 page of a proxy in front of Plane is a refusal, too", () => {
  expect(createRefusal(403, "<html>blocked</html>")).toBeInstanceOf(PlaneAuthError);
});

test("a 400 page that is not JSON does not count as Plane's refusal of fields", () => {
  expect(createRefusal(400, "<h1>Bad Request (400)</h1>")).toBeInstanceOf(PlaneUnexpectedError);
});

test("every 5xx of Plane is an unavailable error", () => {
  for (const status of [500, 502, 503, 504, 521])
    expect(createRefusal(status, "<html>")).toBeInstanceOf(PlaneUnavailableError);
});

test("a 429 without a valid Retry-After means a wait of Plane's whole window", () => {
  for (const text of [undefined, "soon", "", "1.5", "-1", "+5", "5, 5", "1e3", "2030-01-01", "soon GMT"]) {
    const error = createRefusal(429, "", text === undefined ? {} : { "retry-after": text });
    expect(error).toBeInstanceOf(PlaneRateLimitedError);
    expect(error).toMatchObject({ retryAfter: 60_000 });
  }
});
