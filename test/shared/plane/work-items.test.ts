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

test("an item that was archived is found by its external id, and changed: it says the day, not the time", async () => {
  const { plane, client, params } = await createPlaneSetup();
  const { id } = (await client.call(workItemsApi.create, { params, json: { name: "One", ...externalIds } })).data;
  plane.archiveItem(id);
  const at = { ...params, item: id };
  expect(await captureError(client.call(workItemsApi.get, { params: at }))).toBeInstanceOf(PlaneNotFoundError);
  const found = await client.call(workItemsApi.byExternalId, { params, query: externalIds });
  expect(found.data).toMatchObject({ id, archived_at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
  const changed = await client.call(workItemsApi.update, { params: at, json: { name: "Two" } });
  expect(changed.data).toMatchObject({ id, name: "Two" });
});

test("a description that is empty is refused: Plane's parser finds no document in it", async () => {
  const { client, params } = await createPlaneSetup();
  for (const description_html of ["", "  "]) {
    const error = await captureError(
      client.call(workItemsApi.create, { params, json: { name: "One", description_html } }),
    );
    expect(error).toBeInstanceOf(PlaneInvalidError);
    expect(error).toMatchObject({ fields: { non_field_errors: ["Invalid HTML passed"] } });
  }
});

test("an attachment from before Plane kept types is listed with the others", () => {
  const body = readRecordedExchanges()
    .get("attachments.json")
    ?.find(({ name }) => name === "attachments_list")?.response.body;
  const rows = attachmentsApi.list.answer.parse(body);
  const old = rows.map((row) => ({ ...row, attributes: { name: "plan.pdf", size: 3 } }));
  expect(attachmentsApi.list.answer.parse(old)[0]?.attributes).toEqual({ name: "plan.pdf", size: 3, type: "" });
});
