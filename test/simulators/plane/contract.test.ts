import { readdirSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { htmlToLines } from "../../../shared/markdown/plain-text.ts";
import { relationsApi } from "../../../shared/plane/work-items.ts";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import { findRecordedResponse, readRecordedDeliveries } from "../../support/plane-replay-server.ts";
import { startServer } from "../../support/test-server.ts";
import { createReplay, mergeInRecordedOrder, type RecordedExchange, readExchanges } from "./replay.ts";

const FILES = [
  ...["projects-members", "states-labels", "work-items", "relations", "comments-links-activities", "attachments"],
  ...["cycles-modules", "absent-in-community-edition", "limits-and-errors"],
];
/** Exchanges that were recorded later than the rest of their files, after the changes that the test below makes. */
const RECORDED_LATER = ["comment_patch", "comment_delete", "project_archived_items", "project_archived_create"];

async function startPlane(options: Parameters<typeof createPlaneSimulator>[0]) {
  const plane = createPlaneSimulator(options);
  onTestFinished(() => plane.stop());
  await plane.start();
  return plane;
}

test("the simulated Plane answers every recorded exchange of v1.3.1 with the same status, headers and shape", async () => {
  const plane = await startPlane({ empty: true, rateLimit: Number.POSITIVE_INFINITY });
  const replay = createReplay(plane);
  const { names } = replay;
  const toLiveId = (recorded: string): string => names.translate(recorded);
  const differences: string[] = [];
  const replayed = new Set<string>();
  const replayAll = async (
    exchanges: readonly RecordedExchange[],
    before: Record<string, () => void | Promise<void>> = {},
  ) => {
    for (const exchange of exchanges) {
      await before[exchange.name]?.();
      for (const line of await replay.replay(exchange)) differences.push(`${exchange.file} ${exchange.name}: ${line}`);
      replayed.add(`${exchange.file} ${exchange.name}`);
      // The recorded worker had finished when the next exchange began, except after an invitation, which was read before
      // its mail was written.
      if (!exchange.name.startsWith("invite_")) plane.runWorker();
    }
  };

  await replayAll(readExchanges("provisioning"));
  const isRateLimitExchange = (each: RecordedExchange) => each.name.startsWith("rate_limit_");
  const recordedTogether = FILES.map((file) =>
    readExchanges(file).filter((each) => !RECORDED_LATER.includes(each.name) && !isRateLimitExchange(each)),
  );
  await replayAll(mergeInRecordedOrder(recordedTogether));

  const receiver = await startServer((_, response) => response.writeHead(500).end("ok"));
  const project = toLiveId("d8d562c1-052e-4994-bbe2-1e0d1be72c34");
  const admin = { by: toLiveId("11c93d0f-6c67-435a-98b5-4a56b22af4f8") };
  const laterExchanges = ["projects-members", "comments-links-activities"].flatMap(readExchanges);
  await replayAll(
    [...readExchanges("app-api-and-health"), ...laterExchanges.filter((each) => RECORDED_LATER.includes(each.name))],
    {
      async webhook_logs() {
        plane.deliveries.dropAll();
        const webhook = plane.addWebhook(`${receiver}/hook`);
        const item = plane.addItem(project, { name: "Delivery to a failing receiver" }, admin);
        plane.runWorker();
        await plane.deliveries.sendNext(plane.deliveries.pending.find((each) => each.webhook === webhook.id)?.id);
        plane.setWebhookActive(webhook, false);
        plane.deleteItem(item);
        names.learn("26315b29-4e0a-448e-b951-af8da680e179", webhook.id);
      },
      app_issue_patch() {
        const item = plane.addItem(project, { name: "To comment" }, admin);
        names.learn("b825a37c-a783-4a6e-b8fb-a7c1b3c04548", item.id);
      },
      comment_patch() {
        const comment = plane.addComment(toLiveId("b825a37c-a783-4a6e-b8fb-a7c1b3c04548"), "<p>one</p>", admin);
        names.learn("3b423cf8-3176-4e92-b1a0-597edc726f29", comment.id);
      },
      project_archived_items: () => plane.archiveProject(project, admin),
    },
  );

  replay.forgetSession("admin");
  await replayAll(readExchanges("provisioning").filter((each) => each.name === "sign_in"));
  const firstWebhook = `/api/workspaces/javisi/webhooks/${toLiveId("197ba05a-6197-4886-b3fc-3e61661a0a22")}/`;
  await replayAll(readExchanges("provisioning-changes"), {
    async webhook_create_second() {
      await replay.call("admin", plane.url + firstWebhook, { method: "DELETE" }, true);
    },
  });

  expect(differences).toEqual([]);
  const all = [...FILES, "provisioning", "provisioning-changes", "app-api-and-health"].flatMap(readExchanges);
  expect(all.filter((each) => !replayed.has(`${each.file} ${each.name}`) && !isRateLimitExchange(each))).toEqual([]);
});

test("the simulated Plane answers every recorded exchange of v1.2.2 with the same status, headers and shape", async () => {
  const plane = await startPlane({ version: "1.2.2", rateLimit: Number.POSITIVE_INFINITY });
  const replay = createReplay(plane);
  const admin = plane.addUser({ name: "Ada", email: "admin@example.test" });
  const imhotep = plane.addUser({ name: "Imhotep", email: "imhotep@javisi.local.test", lastName: "Agent" });
  replay.key("concierge", plane.createApiKey(admin));
  replay.key("imhotep", plane.createApiKey(imhotep));
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: admin });
  const label = plane.addLabel(project, "agent:imhotep");
  const first = plane.addItem(project, { name: "Write the runbook" }, { by: admin });
  const [, todo, started] = plane.states(project);
  const recorded = {
    "c9888c98-3b05-4508-be0c-c986edf236db": plane.workspace,
    "a6971472-f41a-43ef-926f-bd6a77e8f022": project,
    "9f07435b-3700-4a9a-950b-0d4b9ec2ad77": admin,
    "9a050c81-d6b2-44c9-a2de-8d492a10d2b3": imhotep,
    "3155e579-aff2-43f1-abf8-c654e8695220": label,
    "db0f3a7d-0520-41aa-8143-5eae9b2a2a79": first,
    "c6bea34c-db84-411b-8214-6330a1e9c92e": todo,
    "d1296fa8-bb0b-4514-8c46-f1bdf2afa8c8": started,
  };
  for (const [id, live] of Object.entries(recorded)) replay.names.learn(id, live?.id ?? "");
  const differences: string[] = [];
  for (const exchange of readExchanges("v1.2.2-where-it-differs")) {
    for (const line of await replay.replay(exchange)) differences.push(`${exchange.name}: ${line}`);
    plane.runWorker();
  }
  // The recorded v1.2.2 instance was set up with telemetry switched off.
  expect(differences.filter((line) => !line.includes("is_telemetry_enabled"))).toEqual([]);
});

test("the simulated Plane with a limit of 5 requests per minute refuses a key's 6th request as recorded", async () => {
  const plane = await startPlane({ rateLimit: 5 });
  const replay = createReplay(plane);
  const admin = plane.addUser({ name: "Ada", email: "admin@example.test", displayName: "admin", lastName: "Admin" });
  replay.key("concierge", plane.createApiKey(admin));
  const [first, fifth, sixth] = readExchanges("limits-and-errors").filter((each) =>
    each.name.startsWith("rate_limit_"),
  );
  if (!first || !fifth || !sixth) throw new Error("The recording has changed.");
  const differences: string[] = [];
  for (const exchange of [first, first, first, first, fifth, sixth])
    differences.push(...(await replay.replay(exchange)));
  expect(differences).toEqual([]);
});

test("every recorded file is replayed in this test or compared in the webhook test", () => {
  const files = readdirSync(new URL("../../fixtures/plane-contract/", import.meta.url))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.replace(".json", ""));
  const others = ["provisioning", "provisioning-changes", "app-api-and-health", "v1.2.2-where-it-differs"];
  expect(files.sort()).toEqual([...FILES, ...others, "webhook-deliveries"].sort());
});

// What people's words, stops, memberships and dependencies rest on.
const commentBodySchema = z.object({
  event: z.literal("issue_comment"),
  data: z.object({ id: z.guid(), issue: z.guid(), actor: z.guid(), comment_html: z.string(), created_at: z.string() }),
});

test("a webhook about a comment has its text, author, item and time, so that it is recorded without a call, and one that is only the word stop arrives as such", () => {
  const { deliveries } = readRecordedDeliveries("plane-mentions/mentions-and-threads.json");
  const comments = deliveries.flatMap(
    ({ raw_body }) => commentBodySchema.safeParse(JSON.parse(raw_body)).data?.data ?? [],
  );
  expect(comments.length).toBeGreaterThan(0);
  for (const { comment_html, created_at } of comments) {
    expect(comment_html).not.toBe("");
    expect(Date.parse(created_at)).not.toBeNaN();
  }
  expect(comments.some(({ comment_html }) => isStopWord(htmlToLines(comment_html, 100).join(" ")))).toBe(true);
});

test("both items of a relation list it, no webhook tells of it, and on v1.2 relations have no route", () => {
  const listed = relationsApi.list.answer.parse(findRecordedResponse("relations", "relations_list").body);
  const inverse = relationsApi.list.answer.parse(findRecordedResponse("relations", "relations_list_inverse").body);
  expect([listed.blocked_by.length, inverse.blocking.length]).toEqual([1, 1]);
  const activities = readRecordedDeliveries().deliveries.map(({ raw_body }) => JSON.parse(raw_body).activity);
  expect(JSON.stringify(activities)).not.toMatch(/block|relation/);
  expect(findRecordedResponse("v1.2.2-where-it-differs", "relations_list").status).toBe(404);
});

test("an activity about a link moves the item's updated_at, although no webhook tells of it", () => {
  const activitySchema = z.object({ created_at: z.string(), field: z.string().nullable() });
  const { results } = z
    .object({ results: z.array(activitySchema) })
    .parse(findRecordedResponse("comments-links-activities", "activities_list").body);
  const link = results.find(({ field }) => field === "link");
  const { body } = findRecordedResponse("cycles-modules", "cycle_items");
  const [, updatedAt = ""] = /"updated_at":"(2026-11-21T04:33:11[^"]*)"/.exec(JSON.stringify(body)) ?? [];
  expect(Math.abs(Date.parse(updatedAt) - Date.parse(link?.created_at ?? ""))).toBeLessThan(100);
});

test("over an API key the lists of members have no mark of ended memberships, which the browser's list has", () => {
  const isMarked = (file: string, name: string) =>
    JSON.stringify(findRecordedResponse(file, name).body).includes('"is_active"');
  expect(isMarked("projects-members", "workspace_members")).toBe(false);
  expect(isMarked("projects-members", "project_members_list_after")).toBe(false);
  expect(isMarked("provisioning-changes", "workspace_members_app")).toBe(true);
});

test("a refusal of the quota says for how many seconds", () => {
  const { status, headers } = findRecordedResponse("limits-and-errors", "rate_limit_6");
  expect(status).toBe(429);
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
});

test("states and labels are listed with their ids, by which they keep their meaning", () => {
  const schema = z.object({ results: z.array(z.object({ id: z.guid(), name: z.string() })).min(1) });
  for (const name of ["states_list", "labels_list"])
    expect(schema.safeParse(findRecordedResponse("states-labels", name).body).success).toBe(true);
});
