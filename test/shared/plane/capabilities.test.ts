import { expect, test } from "vitest";
import { commentsApi, relationsApi } from "../../../shared/plane/work-items.ts";
import { DAY } from "../../../shared/time.ts";
import type { ScriptedStep } from "../../support/test-server.ts";
import { captureError, createScriptedClient, NO_ROUTE, PLANE_USER } from "./plane-client-harness.ts";

const params = { project: PLANE_USER.id, item: PLANE_USER.id };

function createInstanceInfo(current_version: string): ScriptedStep {
  const instance = { current_version, edition: "PLANE_COMMUNITY", is_setup_done: true, workspaces_exist: true };
  return { status: 200, body: { instance, config: { enable_signup: true, file_size_limit: 5_242_880 } } };
}

test("versions before 1.3 have no relations", async () => {
  const versions = { "0.27.1": false, "1.2.9": false, "1.10.0": true, "v2.0.0-rc1": true, nightly: true };
  for (const [version, relations] of Object.entries(versions)) {
    const { client } = await createScriptedClient([createInstanceInfo(version)]);
    expect(await client.capabilities()).toEqual({ version, relations });
  }
});

test("the version is requested once, also for simultaneous callers, and again after a day; a failure is not kept", async () => {
  const failure = { status: 500, body: "" };
  const steps = [failure, createInstanceInfo("1.2.0"), createInstanceInfo("1.3.1")];
  const { client, server, advance } = await createScriptedClient(steps, { retryDelays: [] });
  expect(await captureError(client.capabilities())).toMatchObject({ code: "unavailable" });
  await Promise.all([client.capabilities(), client.capabilities()]);
  advance(DAY - 1);
  expect((await client.capabilities()).relations).toBe(false);
  expect(server.requests).toHaveLength(2);
  advance(1);
  expect((await client.capabilities()).relations).toBe(true);
});

test.each([
  ["refuses to report its version", 403, {}],
  ["has no such route", 404, { detail: "Not found." }],
  ["answers its version in another form", 200, { version: "1.3.1" }],
])("a server that %s counts as having relations until a 404 shows otherwise, for a day", async (_, status, body) => {
  const steps = [{ status, body }, NO_ROUTE, createInstanceInfo("1.4.0")];
  const { client, advance } = await createScriptedClient(steps, { retryDelays: [] });
  expect(await client.capabilities()).toEqual({ version: "unknown", relations: true });
  const error = await captureError(client.call(relationsApi.list, { params }));
  expect(error).toMatchObject({ code: "not_found", noRoute: true });
  expect((await client.capabilities()).relations).toBe(false);
  advance(DAY);
  expect(await client.capabilities()).toEqual({ version: "1.4.0", relations: true });
});

test("neither a missing item nor another missing route disables relations", async () => {
  const notFound = { status: 404, body: { error: "The requested resource does not exist." } };
  const { client } = await createScriptedClient([notFound, NO_ROUTE, createInstanceInfo("1.3.1")]);
  await captureError(client.call(relationsApi.list, { params }));
  await captureError(client.call(commentsApi.list, { params }));
  expect((await client.capabilities()).relations).toBe(true);
});
