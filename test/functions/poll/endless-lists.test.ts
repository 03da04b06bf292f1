import { expect, test } from "vitest";
import { z } from "zod";
import { MINUTE } from "../../../shared/time.ts";
import { createObservedProject } from "../../shared/sync/rules/observed-project.ts";

const pageSchema = z.looseObject({ results: z.array(z.unknown()) });

/** Plane's lists of work items, in which `change` turns every page into one that announces a further page. */
function createEndlessFetch(change: (results: unknown[]) => unknown[]) {
  const state = { isEndless: false, requests: 0 };
  const endlessFetch: typeof fetch = async (input, init) => {
    const url = String(input);
    if (!state.isEndless || !/\/work-items\/\?/.test(url)) return fetch(input, init);
    state.requests += 1;
    // The first page again, whatever cursor the request names.
    const response = await fetch(url.replace(/cursor=[^&]*&?/, ""), init);
    const page = pageSchema.parse(await response.json());
    const next = { next_page_results: true, next_cursor: `100:${state.requests}:0` };
    return Response.json({ ...page, results: change(page.results), ...next });
  };
  return { state, endlessFetch };
}

test.each<[string, number, (results: unknown[]) => unknown[]]>([
  ["repeats its first page under new cursors", 4, (results) => results],
  ["consists of empty pages", 1, () => []],
])(
  "a poll fails when Plane's list %s, its cursor does not move, and the next poll finds every change",
  async (_what, requests, change) => {
    const { state, endlessFetch } = createEndlessFetch(change);
    const { app, plane, project, item } = await createObservedProject({ fetch: endlessFetch });
    const other = plane.addItem(project, { name: "Other" });
    await app.poll();
    app.takeEvents();
    app.advance(20 * MINUTE);
    plane.editItem(item, { state: "Done" });
    plane.editItem(other, { state: "Done" });
    app.dropWebhooks();
    state.isEndless = true;
    expect(await app.poll()).toMatchObject({ projects: 0 });
    expect(app.logged).toContainEqual(
      expect.objectContaining({
        message: "project poll failed",
        error: expect.stringMatching(/^Plane's list \w+ (?:announces|has sent)/),
      }),
    );
    expect(state.requests).toBe(requests);
    app.advance(30 * MINUTE);
    state.isEndless = false;
    await app.poll();
    await app.runUntilIdle();
    expect(app.takeEvents().sort()).toEqual(["ONB project_completed", "ONB-1 completed", "ONB-2 completed"]);
  },
);
