import { expect, test } from "vitest";
import { createCallContext } from "../../../shared/tasks/call-context.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

const RATE_LIMIT = 20;
const DETAILS = /\/(relations|activities)\//;

/** A workspace on a small quota that people have used before: Thot and Imhotep have blocked tasks. */
async function createFullWorkspace({
  tasksPerAgent = 15,
  ...options
}: Parameters<typeof createAgentTestApp>[0] & { tasksPerAgent?: number } = {}) {
  const app = await createAgentTestApp({ rateLimit: RATE_LIMIT, ...options });
  const guide = app.addTask("Guide");
  const tasks = ["Thot", "Imhotep"].flatMap((agent) =>
    Array.from({ length: tasksPerAgent }, (_, n) => app.addTask(`${agent} ${n}`, agent)),
  );
  for (const task of tasks) app.plane.relate(task, guide);
  app.advance(MINUTE);
  app.dropWebhooks();
  async function pollUntilBlocked() {
    await app.pollUntilIdle();
    for (const task of tasks) expect((await app.readItem(task))?.blockers).toEqual([guide.id]);
  }
  return { app, pollUntilBlocked };
}

function listReads(app: AgentTestApp, owner?: string) {
  const id = owner === undefined ? app.human.id : app.getUser(owner).id;
  return app.plane.ledger.requests.filter((request) => request.owner === id && DETAILS.test(request.path));
}

/** The shortest time between two requests. */
function findShortestGap(requests: readonly { at: number }[]): number {
  return Math.min(...requests.slice(1).map(({ at }, i) => at - (requests[i]?.at ?? 0)));
}

test("reliability 29: while Groundcrew's quota is used up, the keys of idle agents read the relations of agents' open tasks, one request a second, and no request more than before", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace();
  await pollUntilBlocked();
  expect(app.plane.ledger.requests.filter(({ status }) => status !== 200)).toEqual([]);
  const reads = ["Concierge", "Thot", "Imhotep"].map((agent) => listReads(app, agent));
  for (const read of reads) {
    expect(read.length).toBeGreaterThan(1);
    expect(findShortestGap(read)).toBeGreaterThanOrEqual(SECOND);
    // Of 20 requests a minute a twentieth is left to the agent.
    const countMinute = (end: number) => read.filter(({ at }) => at <= end && at > end - MINUTE).length;
    expect(Math.max(...read.map(({ at }) => countMinute(at)))).toBeLessThanOrEqual(19);
  }
  // 30 tasks, and the item that the recording rules could match.
  expect(listReads(app).length + reads.flat().length).toBe(31);
});

test("an agent that has sent a request itself in the last two minutes keeps half of its quota", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ tasksPerAgent: 20 });
  await createCallContext(app.deps, app.getCaller("Thot")).waitForTurn("a call of the agent");
  const calledAt = app.time.now;
  await pollUntilBlocked();
  const reads = listReads(app, "Thot").filter(({ at }) => at < calledAt + 2 * MINUTE);
  expect(reads.length).toBeGreaterThan(1);
  // Half of 20 requests a minute.
  expect(findShortestGap(reads)).toBeGreaterThanOrEqual(6 * SECOND);
});

test("an agent without a key is read for with the others'", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ keyless: ["Thot"] });
  await pollUntilBlocked();
  expect(listReads(app, "Thot")).toEqual([]);
  expect(findShortestGap(listReads(app, "Concierge")), "not its own reads beside Thot's").toBeGreaterThanOrEqual(
    SECOND,
  );
});

test.each([
  [403, { detail: "Given API token is not valid" }],
  [404, { error: "The requested resource does not exist." }],
])("an agent's key that Plane refuses with %s is not used in that project for 10 minutes", async (status, body) => {
  const keys: Record<string, string> = {};
  const { app, pollUntilBlocked } = await createFullWorkspace({
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const isRefused = request.headers.get("x-api-key") === keys["Thot"] && request.method === "GET";
      return isRefused ? Response.json(body, { status }) : fetch(request);
    },
  });
  Object.assign(keys, app.settings.plane?.agentKeys);
  await pollUntilBlocked();
  const warnings = app.logged.filter(({ message }) => String(message).startsWith("Plane refused an agent's key"));
  expect(warnings).toMatchObject([{ agent: "Thot", status }]);
});

test("a 429 on an agent's key holds that key alone", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace();
  const headers = { "x-api-key": app.settings.plane?.agentKeys["Thot"] ?? "" };
  // Thot has used up its quota by itself, which Groundcrew does not know.
  for (let n = 0; n < RATE_LIMIT; n += 1) await fetch(`${app.settings.plane?.url}/api/v1/users/me/`, { headers });
  await pollUntilBlocked();
  expect(listReads(app, "Thot").filter(({ status }) => status === 429)).toHaveLength(1);
  expect([...listReads(app, "Imhotep"), ...listReads(app)].filter(({ status }) => status !== 200)).toEqual([]);
});

test("on Plane 1.2.2 an agent's key reads the activities of its tasks, no key requests relations, and the version is read once", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ version: "1.2.2" });
  await pollUntilBlocked();
  const paths = app.plane.ledger.requests.map(({ path }) => path);
  expect(paths.filter((path) => path.includes("/relations/"))).toEqual([]);
  expect(paths.filter((path) => path.includes("/instances/"))).toHaveLength(1);
  expect(listReads(app, "Thot").length).toBeGreaterThan(0);
});
