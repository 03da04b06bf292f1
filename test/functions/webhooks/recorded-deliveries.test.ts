import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { createWakeRules } from "../../../functions/wake/rules.ts";
import { createWorkRules } from "../../../functions/work.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestApp } from "../../support/test-app.ts";
import { signBody } from "../../support/webhook-signature.ts";
import { createToldPlane } from "./told-plane.ts";

const deliveriesUrl = new URL("../../fixtures/plane-contract/webhook-deliveries.json", import.meta.url);
const bodies = z
  .object({ deliveries: z.array(z.object({ raw_body: z.string() })) })
  .parse(JSON.parse(readFileSync(deliveriesUrl, "utf8")))
  .deliveries.map(({ raw_body }) => raw_body);

async function createRecordedSetup() {
  const app = await createTestApp();
  const toldPlane = createToldPlane(bodies);
  app.deps.plane = toldPlane.client;
  await app.poll();
  app.advance(60_000);
  return { app, told: toldPlane };
}

const IMHOTEP = "be24c429-0550-40ee-aa37-57b3a8fd4ffb";
const THOT = "37161165-d2a7-41bf-9f13-f69c25aae484";
const EVENTS = [
  "ONB project_created",
  "MEM project_created",
  "ONB-1 created",
  "ONB-2 created",
  `ONB-2 assigned ${IMHOTEP}`,
  "ONB-3 created",
  'ONB-2 comment_added "60% complete: building the image"',
  'ONB-2 comment_added "hi x"',
  'ONB-2 comment_added ""',
  "ONB-2 started",
  `ONB-2 assigned ${THOT}`,
  `ONB-2 unassigned ${IMHOTEP}`,
  "ONB-1 completed",
  "ONB-3 cancelled",
  "ONB-4 created",
  "ONB-5 created",
  'ONB-5 comment_added "two"',
  // Plane's worker read the item late, so the first of these four deliveries contains all three changes.
  "ONB-5 renamed",
  "ONB-5 due",
  "ONB-5 priority",
  "ONB-5 started",
  `ONB-5 assigned ${IMHOTEP}`,
  "ONB-6 created",
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
  const stayed = EVENTS.filter(
    (event) => event !== `ONB-2 unassigned ${IMHOTEP}` && event !== `ONB-2 assigned ${IMHOTEP}`,
  );
  const changes = ["ONB-5 renamed", "ONB-5 due", "ONB-5 priority"];
  expect(events.sort()).toEqual(stayed.filter((event) => !changes.includes(event)).sort());
});

const readFixture = (path: string) => readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), "utf8");
const deliveriesSchema = z.array(z.object({ headers: z.record(z.string(), z.string()), raw_body: z.string() }));
const recording = z
  .object({
    secret: z.string(),
    exchanges: z.array(z.object({ name: z.string(), response: z.object({ body: z.unknown() }) })),
    deliveries: deliveriesSchema,
  })
  .parse(JSON.parse(readFixture("plane-mentions/mentions-and-threads.json")));
const mentionBodies = recording.deliveries.map(({ raw_body }) => raw_body);

/** A recorded delivery of a project, whose fields the project of the mentions gets, in their workspace. */
const WORKSPACE = "64a45eb8-73bb-4a3d-9beb-c32271b745e8";
const projectBody = z
  .object({ deliveries: deliveriesSchema })
  .transform(({ deliveries: [first] }) => first?.raw_body.replace(/("workspace": ?)"[^"]+"/g, `$1"${WORKSPACE}"`) ?? "")
  .parse(JSON.parse(readFixture("plane-contract/webhook-deliveries.json")));

const PROJECT = "61d6bb73-9305-4525-b07e-a60b7de349ea";
const MENTIONED = "d2905826-0730-4652-a39e-ca415cb19210";
const MEMBER = { first_name: "", last_name: "", avatar: "", avatar_url: null, role: 15 };

test("the recorded deliveries have the signatures that the product checks", () => {
  for (const { headers, raw_body } of recording.deliveries)
    expect(headers["x-plane-signature"]).toBe(signBody(raw_body, recording.secret));
});

test("recorded comments of people wake the agents they concern, comments of agents and programs wake nobody, and stop stops", async () => {
  const app = await createAgentTestApp({
    agents: {
      Imhotep: { email: "imhotep@javisi.local", wake: { kind: "openclaw", url: "http://127.0.0.1:9" } },
      Thot: { email: "thot@javisi.local", wake: { kind: "openclaw", url: "http://127.0.0.1:9" } },
    },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const told = createToldPlane([projectBody], {
    projects: [{ id: PROJECT, identifier: "ONB", name: "Onboarding" }],
    members: [{ ...MEMBER, id: MENTIONED, display_name: "Thot", email: "thot@javisi.local" }],
  });
  app.deps.plane = told.client;
  await app.poll();
  app.advance(60_000);
  const addressed: string[] = [];
  let seen = 0;
  for (const body of mentionBodies) {
    told.learn(body);
    await app.enqueueWebhook(body);
    await app.deps.drain();
    for (const { event } of app.actions.slice(seen))
      if (event.kind === "addressed") addressed.push(`${event.agent} ← ${event.text}`);
    seen = app.actions.length;
  }
  expect(addressed).toEqual([
    "Imhotep ← ada: which library do you take?",
    "Thot ← ada: Ask for the text.",
    "Imhotep ← ada: Good.",
  ]);
  const item = await app.readItem({ id: "2e0fbe1c-aa8c-4422-93e5-792a7d063e31" });
  expect(item?.stopped).toMatchObject({ by: "ada" });
});
