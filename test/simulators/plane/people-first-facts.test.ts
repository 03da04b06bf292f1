import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { htmlToLines } from "../../../shared/markdown/plain-text.ts";
import { relationsApi } from "../../../shared/plane/work-items.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { createPlaneFixture } from "./plane-fixture.ts";
import { readRecordedDeliveries } from "./recording.ts";

/** What people's words, stops, memberships and dependencies rest on: as recorded, and the same in the simulated Plane. */

const commentBodySchema = z.object({
  event: z.literal("issue_comment"),
  data: z.object({ id: z.guid(), issue: z.guid(), actor: z.guid(), comment_html: z.string(), created_at: z.string() }),
});

function findRecorded(file: string, name: string) {
  const found = readRecordedExchanges()
    .get(file)
    ?.find((exchange) => exchange.name === name);
  if (!found) throw new Error(`${name} is not recorded.`);
  return found.response;
}

describe("recorded", () => {
  const file = new URL("../../fixtures/plane-mentions/mentions-and-threads.json", import.meta.url);
  const { deliveries } = z
    .object({ deliveries: z.array(z.object({ raw_body: z.string() })) })
    .parse(JSON.parse(readFileSync(file, "utf8")));
  const comments = deliveries.flatMap(({ raw_body }) => {
    const parsed = commentBodySchema.safeParse(JSON.parse(raw_body));
    return parsed.success ? [parsed.data.data] : [];
  });

  test("a webhook about a comment has its text, author, item and time, so that it is recorded without a call, and one that is only the word stop arrives as such", () => {
    expect(comments.length).toBeGreaterThan(0);
    for (const { comment_html, created_at } of comments) {
      expect(comment_html).not.toBe("");
      expect(Date.parse(created_at)).not.toBeNaN();
    }
    expect(comments.some(({ comment_html }) => isStopWord(htmlToLines(comment_html, 100).join(" ")))).toBe(true);
  });

  test("both items of a relation list it, no webhook tells of it, and on v1.2 relations have no route", () => {
    const listed = relationsApi.list.answer.parse(findRecorded("relations.json", "relations_list").body);
    const inverse = relationsApi.list.answer.parse(findRecorded("relations.json", "relations_list_inverse").body);
    expect([listed.blocked_by.length, inverse.blocking.length]).toEqual([1, 1]);
    const { deliveries } = readRecordedDeliveries();
    const activities = deliveries.map(({ raw_body }) => JSON.parse(raw_body).activity);
    expect(JSON.stringify(activities)).not.toMatch(/block|relation/);
    expect(findRecorded("v1.2.2-where-it-differs.json", "relations_list").status).toBe(404);
  });

  test("an activity about a link moves the item's updated_at, although no webhook tells of it", () => {
    const activitySchema = z.object({ created_at: z.string(), field: z.string().nullable() });
    const { results } = z
      .object({ results: z.array(activitySchema) })
      .parse(findRecorded("comments-links-activities.json", "activities_list").body);
    const link = results.find(({ field }) => field === "link");
    const { body } = findRecorded("cycles-modules.json", "cycle_items");
    const [, updatedAt = ""] = /"updated_at":"(2026-11-21T04:33:11[^"]*)"/.exec(JSON.stringify(body)) ?? [];
    expect(Math.abs(Date.parse(updatedAt) - Date.parse(link?.created_at ?? ""))).toBeLessThan(100);
  });

  test("over an API key the lists of members have no mark of ended memberships, which the browser's list has", () => {
    const isMarked = (file: string, name: string) =>
      JSON.stringify(findRecorded(file, name).body).includes('"is_active"');
    expect(isMarked("projects-members.json", "workspace_members")).toBe(false);
    expect(isMarked("projects-members.json", "project_members_list_after")).toBe(false);
    expect(isMarked("provisioning-changes.json", "workspace_members_app")).toBe(true);
  });

  test("a refusal of the quota says for how many seconds", () => {
    const { status, headers } = findRecorded("limits-and-errors.json", "rate_limit_6");
    expect(status).toBe(429);
    expect(Number(headers["retry-after"])).toBeGreaterThan(0);
  });

  test("states and labels are listed with their ids, by which they keep their meaning", () => {
    const schema = z.object({ results: z.array(z.object({ id: z.guid(), name: z.string() })).min(1) });
    for (const name of ["states_list", "labels_list"])
      expect(schema.safeParse(findRecorded("states-labels.json", name).body).success).toBe(true);
  });
});

describe("not recorded, from Plane's source or its behaviour as described", () => {
  test("a relation moves updated_at of the item on whose page it is added or removed, and of no other", async () => {
    const { plane, project, advanceClock } = await createPlaneFixture();
    const blocked = plane.addItem(project, { name: "Tour" });
    const blocker = plane.addItem(project, { name: "Guide" });
    plane.runWorker();
    const readTimes = () => [blocked, blocker].map((item) => plane.item(item)?.updated_at ?? 0);
    for (const change of ["relate", "unrelate"] as const) {
      const [blockedAt, blockerAt = 0] = readTimes();
      advanceClock(1_000);
      plane[change](blocked, blocker, { onto: "blocker" });
      plane.runWorker();
      expect(readTimes()[0]).toBe(blockedAt);
      expect(readTimes()[1]).toBeGreaterThan(blockerAt);
    }
  });

  test("a removed member of a project stays listed over an API key, is not added again, and has no access", async () => {
    const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
    plane.addProjectMember(project, imhotep);
    plane.removeProjectMember(project, imhotep.email);
    const { body } = await api("GET", `${root}/members/`);
    expect(JSON.stringify(body)).toContain(imhotep.email);
    expect((await api("POST", `${root}/members/`, { member: imhotep.id, role: 15 })).status).toBe(400);
    expect((await api("GET", `${root}/work-items/`, undefined, imhotepKey)).status).toBe(403);
  });
});
