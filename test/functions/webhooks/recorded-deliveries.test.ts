import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { createWakeRules } from "../../../functions/wake/rules.ts";
import { createWorkRules } from "../../../functions/work.ts";
import type { Endpoint, PlaneCallOptions, PlaneClient, PlanePage } from "../../../shared/plane/endpoint.ts";
import { PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestApp } from "../../support/test-app.ts";

const recordingSchema = z
  .object({ deliveries: z.array(z.object({ raw_body: z.string() })) })
  .transform(({ deliveries }) => deliveries.map(({ raw_body }) => raw_body));
const readBodies = (path: string) =>
  recordingSchema.parse(JSON.parse(readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), "utf8")));
const bodies = readBodies("plane-contract/webhook-deliveries.json");

const rowSchema = z.looseObject({
  id: z.string(),
  project: z.string().optional(),
  issue: z.string().optional(),
  updated_at: z.string(),
});
type Row = z.infer<typeof rowSchema>;
const deliverySchema = z.object({ event: z.string(), data: rowSchema });

/**
 * A simulated Plane that answers reads with the state that the deliveries so far have reported. It also knows an old
 * project and others, which have the fields of the first project, and these members.
 */
function createToldPlane(
  firstProject = "",
  projects: { id: string; identifier: string; name?: string }[] = [],
  members: Record<string, unknown>[] = [],
) {
  const known = new Map<string, Map<string, Row>>();
  const of = (event: string) => [...(known.get(event)?.values() ?? [])];
  const old = { id: "00000000-0000-4000-8000-000000000001", identifier: "OLD", created_at: "2026-01-01T00:00:00Z" };
  const { data: fields } = deliverySchema.parse(JSON.parse(firstProject));
  const existing = [old, ...projects].map((project) => ({ ...fields, created_at: old.created_at, ...project }));
  const rowsOf: Record<string, (item: string) => { project?: string | undefined }[]> = {
    projects_list: () =>
      [...existing, ...of("project")].map((one) => ({ ...one, is_member: true, member_role: 20, total_members: 1 })),
    work_items_list: () => of("issue").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)),
    work_items_ids: () => of("issue"),
    comments_list: (item) => of("issue_comment").filter(({ issue }) => issue === item),
  };
  const date = "2026-11-21T04:33:00.000Z";
  const client: PlaneClient = {
    async call<A>({ operation, answer }: Endpoint<A>, { params = {} }: PlaneCallOptions = {}) {
      if (operation === "members_list") return { data: answer.parse(members), date };
      const found = of("issue").find(({ id }) => id === params["item"]);
      if (operation !== "work_items_get" || !found) throw new PlaneNotFoundError({ operation, noRoute: false }, "gone");
      return { data: answer.parse(found), date };
    },
    async *pages<R>({ operation, answer }: Endpoint<PlanePage<R>>, { params = {} }: PlaneCallOptions = {}) {
      const all = rowsOf[operation]?.(params["item"] ?? "") ?? [];
      const mine = all.filter((one) => operation === "projects_list" || one.project === params["project"]);
      const page = { results: mine, total_count: mine.length, next_cursor: "", next_page_results: false };
      yield { data: answer.parse(page), date };
    },
    capabilities: async () => ({ version: "1.2.2", relations: false }),
  };
  function learn(body: string) {
    const { event, data } = deliverySchema.parse(JSON.parse(body));
    const rows = known.get(event) ?? new Map<string, Row>();
    known.set(event, rows);
    const before = rows.get(data.id);
    if (!before || before.updated_at <= data.updated_at) rows.set(data.id, data);
  }
  return { client, learn };
}

async function createRecordedSetup() {
  const app = await createTestApp();
  const told = createToldPlane(bodies[0]);
  app.deps.plane = told.client;
  await app.poll();
  app.advance(60_000);
  return { app, told };
}

const IMHOTEP = "be24c429-0550-40ee-aa37-57b3a8fd4ffb";
const THOT = "37161165-d2a7-41bf-9f13-f69c25aae484";
const EVENTS = [
  ...["ONB project_created", "MEM project_created", "ONB-1 created", "ONB-2 created", `ONB-2 assigned ${IMHOTEP}`],
  ...["ONB-3 created", 'ONB-2 comment_added "60% complete: building the image"', 'ONB-2 comment_added "hi x"'],
  ...['ONB-2 comment_added ""', "ONB-2 started", `ONB-2 assigned ${THOT}`, `ONB-2 unassigned ${IMHOTEP}`],
  ...["ONB-1 completed", "ONB-3 cancelled", "ONB-4 created", "ONB-5 created", 'ONB-5 comment_added "two"'],
  // Plane's worker read the item late, so the first of these four deliveries contains all three changes.
  ...["ONB-5 renamed", "ONB-5 due", "ONB-5 priority", "ONB-5 started", `ONB-5 assigned ${IMHOTEP}`, "ONB-6 created"],
];

test("each recorded delivery is parsed, and together they cause the expected events", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.runUntilIdle();
  }
  expect(await app.store.listDeadJobs("inbox")).toEqual([]);
  expect(app.takeEvents()).toEqual(EVENTS);
});

test("the recorded deliveries sent at once and in reverse order end in the same state", async () => {
  const { app, told } = await createRecordedSetup();
  for (const body of bodies.toReversed()) {
    told.learn(body);
    await app.enqueueWebhook(body);
  }
  await app.runUntilIdle();
  await app.pollUntilIdle();
  // In reverse order, states that were only temporary are not seen; lasting changes cause one event each.
  const events = app.takeEvents();
  const passed = [`ONB-2 unassigned ${IMHOTEP}`, `ONB-2 assigned ${IMHOTEP}`];
  const unseen = [...passed, "ONB-5 renamed", "ONB-5 due", "ONB-5 priority"];
  expect(events.sort()).toEqual(EVENTS.filter((event) => !unseen.includes(event)).sort());
});

const WORKSPACE = "64a45eb8-73bb-4a3d-9beb-c32271b745e8";

test("recorded comments of people wake the agents they concern, comments of agents and programs wake nobody, and stop stops", async () => {
  const wake = { kind: "openclaw", url: "http://127.0.0.1:9" };
  const app = await createAgentTestApp({
    agents: {
      Imhotep: { email: "imhotep@javisi.local", wake },
      Thot: { email: "thot@javisi.local", wake },
    },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  // A recorded delivery of a project, in the workspace of the mentions.
  const firstProject = bodies[0]?.replace(/("workspace": ?)"[^"]+"/g, `$1"${WORKSPACE}"`);
  const member = { first_name: "", last_name: "", avatar: "", avatar_url: null, role: 15, display_name: "Thot" };
  const told = createToldPlane(
    firstProject,
    [{ id: "61d6bb73-9305-4525-b07e-a60b7de349ea", identifier: "ONB", name: "Onboarding" }],
    [{ ...member, id: "d2905826-0730-4652-a39e-ca415cb19210", email: "thot@javisi.local" }],
  );
  app.deps.plane = told.client;
  await app.poll();
  app.advance(60_000);
  const seen = app.actions.length;
  for (const body of readBodies("plane-mentions/mentions-and-threads.json")) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.deps.drain();
  }
  const addressed = app.actions
    .slice(seen)
    .flatMap(({ event }) => (event.kind === "addressed" ? [`${event.agent} ← ${event.text}`] : []));
  expect(addressed).toEqual([
    "Imhotep ← ada: which library do you take?",
    "Thot ← ada: Ask for the text.",
    "Imhotep ← ada: Good.",
  ]);
  const item = await app.readItem({ id: "2e0fbe1c-aa8c-4422-93e5-792a7d063e31" });
  expect(item?.stopped).toMatchObject({ by: "ada" });
});
