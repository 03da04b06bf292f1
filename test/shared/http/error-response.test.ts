import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Route } from "../../../shared/app/deps.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import { RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";

function createFailingRoute(thrown: unknown): Route {
  return {
    path: "/failing",
    access: "public",
    app: () =>
      new Hono().get("/", () => {
        throw thrown;
      }),
  };
}

async function requestFailing(thrown: unknown) {
  const runtime = await startTestRuntime({
    manifest: {
      routes: [createFailingRoute(thrown)],
      ticks: [],
      jobHandlers: [],
      ruleSets: () => [],
      requestKinds: {},
    },
  });
  const response = await fetch(`${runtime.url}/failing`);
  return { status: response.status, body: await response.json(), lines: runtime.lines };
}

test("An error that is unexpected is returned without its message, which is logged with the same correlation id", async () => {
  const { status, body, lines } = await requestFailing(new Error("the inner workings"));
  expect(status).toBe(500);
  expect(JSON.stringify(body)).not.toContain("inner workings");
  const line = lines.find((one) => one["message"] === "request failed unexpectedly");
  expect(line).toMatchObject({ level: "error", error: "the inner workings" });
  expect(body).toMatchObject({
    error: { code: "internal", message: expect.stringContaining(String(line?.["correlation"])) },
  });
});

test("An error that contains a secret is returned without it", async () => {
  const { body, lines } = await requestFailing(
    new GroundcrewError("unavailable", `refused ${RUNTIME_ADMIN_TOKEN}`, { cause: new Error(RUNTIME_ADMIN_TOKEN) }),
  );
  expect(body).toEqual({ error: { code: "unavailable", message: "refused [secret]" } });
  expect(JSON.stringify(lines)).not.toContain(RUNTIME_ADMIN_TOKEN);
});

test("An unknown path answers 404 in JSON, and a known path with an unsupported method 405 with the supported ones", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/nothing`);
  expect([response.status, await response.json()]).toEqual([
    404,
    { error: { code: "not_found", message: "Not found." } },
  ]);
  const other = await fetch(`${url}/health`, { method: "DELETE" });
  expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect(await other.json()).toMatchObject({ error: { code: "method_not_allowed" } });
});
