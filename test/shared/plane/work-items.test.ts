import { expect, onTestFinished, test } from "vitest";
import { createPlane } from "../../../demo/plane/plane.ts";
import { attachments } from "../../../shared/plane/attachments.ts";
import { PlaneInvalidError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { workItems } from "../../../shared/plane/work-items.ts";
import { recordedExchanges } from "../../plane-recording.ts";
import { failure, harness } from "./harness.ts";

async function running() {
  const plane = createPlane({ workspace: "javisi" });
  onTestFinished(() => plane.stop());
  await plane.start();
  const ada = plane.addUser({ name: "Ada" });
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  const { client } = harness({ url: plane.url, apiKey: plane.apiKey(ada), retryDelays: [] });
  return { plane, client, params: { project: project.id } };
}
const pair = { external_source: "groundcrew", external_id: "one" };

test("an item that was archived is found by its external id, and changed: it says the day, not the time", async () => {
  const { plane, client, params } = await running();
  const { id } = (await client.call(workItems.create, { params, json: { name: "One", ...pair } })).data;
  plane.archiveItem(id);
  const at = { ...params, item: id };
  expect(await failure(client.call(workItems.get, { params: at }))).toBeInstanceOf(PlaneNotFoundError);
  const found = await client.call(workItems.byExternalId, { params, query: pair });
  expect(found.data).toMatchObject({ id, archived_at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
  const changed = await client.call(workItems.update, { params: at, json: { name: "Two" } });
  expect(changed.data).toMatchObject({ id, name: "Two" });
});

test("a description that is empty is refused: Plane's parser finds no document in it", async () => {
  const { client, params } = await running();
  for (const description_html of ["", "  "]) {
    const error = await failure(client.call(workItems.create, { params, json: { name: "One", description_html } }));
    expect(error).toBeInstanceOf(PlaneInvalidError);
    expect(error).toMatchObject({ fields: { non_field_errors: ["Invalid HTML passed"] } });
  }
});

test("an attachment from before Plane kept types is listed with the others", () => {
  const body = recordedExchanges()
    .get("attachments.json")
    ?.find(({ name }) => name === "attachments_list")?.response.body;
  const rows = attachments.list.answer.parse(body);
  const old = rows.map((row) => ({ ...row, attributes: { name: "plan.pdf", size: 3 } }));
  expect(attachments.list.answer.parse(old)[0]?.attributes).toEqual({ name: "plan.pdf", size: 3, type: "" });
});
