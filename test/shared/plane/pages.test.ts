import { expect, test } from "vitest";
import { PlaneUnexpectedError } from "../../../shared/plane/errors.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

const params = { project: PLANE_USER.id };

function createPage(nth: number, of: number) {
  const body = {
    results: [{ id: PLANE_USER.id }],
    total_count: of,
    next_cursor: `1:${nth}:0`,
    next_page_results: nth < of,
  };
  return { status: 200, body };
}

test("the pages of a list are requested one after another, each with the filters of the first", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 3), createPage(2, 3), createPage(3, 3)]);
  const cursors: string[] = [];
  for await (const { data } of client.pages(workItemsApi.ids, { params, query: { per_page: 1, fields: "id" } }))
    cursors.push(data.next_cursor);
  expect(cursors).toEqual(["1:1:0", "1:2:0", "1:3:0"]);
  const queries = server.requests.map(({ url }) => Object.fromEntries(new URL(url, "http://x").searchParams));
  expect(queries).toEqual([
    { per_page: "1", fields: "id" },
    { per_page: "1", fields: "id", cursor: "1:1:0" },
    { per_page: "1", fields: "id", cursor: "1:2:0" },
  ]);
});

test("no further page is requested after the iteration stops", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 3), createPage(2, 3), createPage(3, 3)]);
  for await (const { data } of client.pages(workItemsApi.ids, { params })) if (data.next_cursor === "1:2:0") break;
  expect(server.requests).toHaveLength(2);
});

test("no page is requested before the iteration starts", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 1)]);
  client.pages(workItemsApi.ids, { params });
  expect(server.requests).toEqual([]);
});

test("a page that fails ends the list with its error", async () => {
  const { client } = await createScriptedClient([
    createPage(1, 2),
    { status: 400, body: { detail: "Invalid cursor parameter." } },
  ]);
  const read = async () => {
    for await (const _ of client.pages(workItemsApi.ids, { params }));
  };
  expect(await captureError(read())).toMatchObject({
    code: "invalid",
    message: expect.stringContaining("Invalid cursor"),
  });
});

test("a list that repeats a page fails", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 9)]);
  const read = async () => {
    for await (const _ of client.pages(workItemsApi.ids, { params }));
  };
  expect(await captureError(read())).toBeInstanceOf(PlaneUnexpectedError);
  expect(server.requests).toHaveLength(2);
});
