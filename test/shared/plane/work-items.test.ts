import { expect, onTestFinished, test } from "vitest";
import { attachmentsApi } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { captureError, createPlaneClientHarness } from "./plane-client-harness.ts";

async function createPlaneSetup() {
  const plane = createPlaneSimulator({ workspace: "javisi" });
  onTestFinished(() => plane.stop());
  await plane.start();
  const ada = plane.addUser({ name: "Ada" });
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  const { client } = createPlaneClientHarness({ url: plane.url, apiKey: plane.createApiKey(ada), retryDelays: [] });
  return { plane, client, params: { project: project.id } };
}
const externalIds = { external_source: "groundcrew", external_id: "one" };

test("an archived item is found by its external id and can be changed; its archived_at is a day", async () => {
  const { plane, client, params } = await createPlaneSetup();
  const { id } = (await client.call(workItemsApi.create, { params, json: { name: "One", ...externalIds } })).data;
  plane.archiveItem(id);
  const itemParams = { ...params, item: id };
  expect(await captureError(client.call(workItemsApi.get, { params: itemParams }))).toBeInstanceOf(PlaneNotFoundError);
  const found = await client.call(workItemsApi.byExternalId, { params, query: externalIds });
  expect(found.data).toMatchObject({ id, archived_at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
  const changed = await client.call(workItemsApi.update, { params: itemParams, json: { name: "Two" } });
  expect(changed.data).toMatchObject({ id, name: "Two" });
});

test("Plane refuses an empty description, in which its parser finds no document", async () => {
  const { client, params } = await createPlaneSetup();
  for (const description_html of ["", "  "]) {
    const error = await captureError(
      client.call(workItemsApi.create, { params, json: { name: "One", description_html } }),
    );
    expect(error).toBeInstanceOf(PlaneInvalidError);
    expect(error).toMatchObject({ fields: { non_field_errors: ["Invalid HTML passed"] } });
  }
});

test("the list of attachments accepts one without a type, from an older version of Plane", () => {
  const body = readRecordedExchanges()
    .get("attachments.json")
    ?.find(({ name }) => name === "attachments_list")?.response.body;
  const rows = attachmentsApi.list.answer.parse(body);
  const oldRows = rows.map((row) => ({ ...row, attributes: { name: "plan.pdf", size: 3 } }));
  expect(attachmentsApi.list.answer.parse(oldRows)[0]?.attributes).toEqual({ name: "plan.pdf", size: 3, type: "" });
});
