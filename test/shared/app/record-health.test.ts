import { expect, test } from "vitest";
import { z } from "zod";
import { createHealth, recordPlaneHealth } from "../../../shared/app/health.ts";
import type { Endpoint, PlaneClient } from "../../../shared/plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "../../../shared/plane/errors.ts";

const operation = { operation: "work_items_list" };
const endpoint: Endpoint<unknown> = { operation: "x", method: "GET", path: "/api/v1/x/", answer: z.unknown() };

function createTestHealth() {
  return createHealth(
    () => 0,
    (text) => text,
  );
}

function createFailingPlane(thrown: unknown): PlaneClient {
  return {
    call: () => Promise.reject(thrown),
    capabilities: () => Promise.reject(thrown),
    // biome-ignore lint/correctness/useYield: a list that fails before its first page
    async *pages() {
      throw thrown;
    },
  };
}

test.each([
  ["no answer", new PlaneUnavailableError(operation, "down"), false],
  ["a wrong key", new PlaneAuthError({ ...operation, reason: "key" }, "403"), false],
  ["an unknown answer", new PlaneUnexpectedError(operation, "HTML"), false],
  ["a store that fails", new Error("ECONNREFUSED"), false],
  [
    "nothing but 403, as for a mistyped workspace",
    new PlaneAuthError({ ...operation, reason: "permission" }, "403"),
    false,
  ],
  ["an object that does not exist", new PlaneNotFoundError({ ...operation, noRoute: false }, "404"), true],
  [
    "a list of projects that does not exist",
    new PlaneNotFoundError({ operation: "projects_list", noRoute: false }, "404"),
    false,
  ],
  ["a thing that is there already", new PlaneConflictError({ ...operation, id: undefined }, "409"), true],
  ["a refused field", new PlaneInvalidError({ ...operation, fields: {} }, "400"), true],
  ["a used-up quota", new PlaneRateLimitedError({ ...operation, retryAfter: 1 }, "429"), null],
])("Plane's health has the expected state after %s", async (_, thrown, ok) => {
  const stored = createTestHealth();
  const client = recordPlaneHealth(createFailingPlane(thrown), stored);
  await expect(client.call(endpoint)).rejects.toBe(thrown);
  expect(stored.get("plane").ok).toBe(ok);
});
