import { expect, test } from "vitest";
import { fetchPages } from "../../../shared/plane/client.ts";
import type { PlaneClient } from "../../../shared/plane/endpoint.ts";
import { PlaneUnexpectedError } from "../../../shared/plane/errors.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

const params = { project: PLANE_USER.id };

function createPage(nth: number, of: number) {
  const results = [{ id: PLANE_USER.id }];
  const body = { results, total_count: of, next_cursor: `1:${nth}:0`, next_page_results: nth < of };
  return { status: 200, body };
}

test("the pages of a list are requested one after another, each with the filters of the first; a list that repeats a page fails", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 3), createPage(2, 3), createPage(3, 3)]);
  const cursors: string[] = [];
  for await (const { data } of client.pages(workItemsApi.ids, { params, query: { per_page: 1, fields: "id" } }))
    cursors.push(data.next_cursor);
  expect(cursors).toEqual(["1:1:0", "1:2:0", "1:3:0"]);
  const queries = server.requests.map(({ url }) => new URL(url, "http://x").searchParams.toString());
  const first = "per_page=1&fields=id";
  expect(queries).toEqual([first, `${first}&cursor=1%3A1%3A0`, `${first}&cursor=1%3A2%3A0`]);

  const repeating = await createScriptedClient([createPage(1, 9)]);
  const read = async () => {
    for await (const _ of repeating.client.pages(workItemsApi.ids, { params }));
  };
  expect(await captureError(read())).toBeInstanceOf(PlaneUnexpectedError);
  expect(repeating.server.requests).toHaveLength(2);
});

/** Reads a list that has a next page after every page, without requests: a limit takes a million rows or 10,000 pages. */
async function readEndlessPages(createAnswer: (page: number) => { rows: number; total: number }) {
  let requests = 0;
  const call: PlaneClient["call"] = async <A>() => {
    requests += 1;
    const { rows, total } = createAnswer(requests);
    const results = Array.from({ length: rows }, () => ({ id: PLANE_USER.id }));
    const page = { results, total_count: total, next_cursor: `1000:${requests}:0`, next_page_results: true };
    return { data: page as A, date: "" };
  };
  const read = async () => {
    for await (const _ of fetchPages(call, workItemsApi.ids, { params }));
  };
  const error = await captureError(read());
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  return [error instanceof Error ? error.message : "", requests];
}

test("a list that does not end fails: at an empty page, at twice the rows it counts, at a million rows and at 10,000 pages", async () => {
  const empty = await readEndlessPages((page) => ({ rows: page < 3 ? 1000 : 0, total: 5000 }));
  expect(empty).toEqual([expect.stringContaining("work_items_ids announces a further page after an empty one"), 3]);
  const repeating = await readEndlessPages(() => ({ rows: 1000, total: 1500 }));
  expect(repeating).toEqual([expect.stringContaining("has sent 5000 rows although it counts 1500"), 5]);
  const growing = await readEndlessPages((page) => ({ rows: 50_000, total: page * 1_000_000 }));
  expect(growing).toEqual([expect.stringContaining("does not end after 1000000 rows"), 20]);
  const tiny = await readEndlessPages((page) => ({ rows: 1, total: page * 2 }));
  expect(tiny).toEqual([expect.stringContaining("does not end after 10000 pages"), 10_000]);
});
