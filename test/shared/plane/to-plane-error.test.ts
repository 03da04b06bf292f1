import { expect, test } from "vitest";
import {
  PlaneAuthError,
  PlaneInvalidError,
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

test("a 404 of Plane for a missing object, one for a missing route and one of a proxy are distinguished", () => {
  expect(createRefusal(404, { error: "The requested resource does not exist." })).toMatchObject({
    code: "not_found",
    noRoute: false,
  });
  expect(createRefusal(404, { error: "Page not found." })).toMatchObject({ code: "not_found", noRoute: true });
  for (const body of ["404 page not found\n", "<html>404</html>", "", "[]", "null"])
    expect(createRefusal(404, body), body).toBeInstanceOf(PlaneUnavailableError);
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

test("pages of a proxy are a refusal with 403, unexpected with 400, and unavailable with every 5xx", () => {
  expect(createRefusal(403, "<html>blocked</html>")).toBeInstanceOf(PlaneAuthError);
  expect(createRefusal(400, "<h1>Bad Request (400)</h1>")).toBeInstanceOf(PlaneUnexpectedError);
  for (const status of [500, 502, 503, 504, 521])
    expect(createRefusal(status, "<html>")).toBeInstanceOf(PlaneUnavailableError);
});

test("a 429 without a valid Retry-After means a wait of Plane's whole window", () => {
  for (const headers of [{}, { "retry-after": "soon" }]) {
    const error = createRefusal(429, "", headers);
    expect(error).toBeInstanceOf(PlaneRateLimitedError);
    expect(error).toMatchObject({ retryAfter: 60_000 });
  }
});
