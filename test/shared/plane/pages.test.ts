import { expect, test } from "vitest";
import { fetchPages } from "../../../shared/plane/client.ts";
import type { PlaneClient } from "../../../shared/plane/endpoint.ts";
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

test("a list that repeats a page fails", async () => {
  const { client, server } = await createScriptedClient([createPage(1, 9)]);
  const read = async () => {
    for await (const _ of client.pages(workItemsApi.ids, { params }));
  };
  expect(await captureError(read())).toBeInstanceOf(PlaneUnexpectedError);
  expect(server.requests).toHaveLength(2);
});

/** Reads a list that has a next page after every page, without requests: a limit takes a million rows or 10,000 pages. */
async function readEndlessPages(createAnswer: (page: number) => { rows: number; total: number }) {
  let requests = 0;
  let received = 0;
  const call: PlaneClient["call"] = async <A>() => {
    requests += 1;
    const { rows, total } = createAnswer(requests);
    const results = Array.from({ length: rows }, () => ({ id: PLANE_USER.id }));
    const page = { results, total_count: total, next_cursor: `1000:${requests}:0`, next_page_results: true };
    return { data: page as A, date: "" };
  };
  const read = async () => {
    for await (const { data } of fetchPages(call, workItemsApi.ids, { params })) received += data.results.length;
  };
  const error = await captureError(read());
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  return { message: error instanceof Error ? error.message : "", requests, received };
}

test("a list whose empty page announces a further page fails at that page", async () => {
  const { message, requests } = await readEndlessPages((page) => ({ rows: page < 3 ? 1000 : 0, total: 5000 }));
  expect(message).toContain("Plane's list work_items_ids announces a further page after an empty one");
  expect(requests).toBe(3);
});

test("a list that repeats its pages under new cursors fails when it has sent more than twice the rows it counts", async () => {
  const { message, requests } = await readEndlessPages(() => ({ rows: 1000, total: 1500 }));
  expect(message).toContain("has sent 5000 rows although it counts 1500");
  expect(requests).toBe(5);
});

test("a list that grows with every page fails at the row limit", async () => {
  const { message, received } = await readEndlessPages((page) => ({ rows: 50_000, total: page * 1_000_000 }));
  expect(message).toContain("does not end after 1000000 rows");
  expect(received).toBe(1_000_000);
});

test("a list of tiny pages that grows with every page fails at the page limit", async () => {
  const { message, requests } = await readEndlessPages((page) => ({ rows: 1, total: page * 2 }));
  expect(message).toContain("does not end after 10000 pages");
  expect(requests).toBe(10_000);
});
