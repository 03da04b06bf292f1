import { expect, test } from "vitest";
import { createCallContext } from "../../../shared/tasks/call-context.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import type { Item } from "../../../simulators/plane/types.ts";
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
    Array.from({ length: tasksPerAgent }, (_, n) => ({ agent, item: app.addTask(`${agent} ${n}`, agent) })),
  );
  for (const { item } of tasks) app.plane.relate(item, guide);
  app.advance(MINUTE);
  app.dropWebhooks();
  return { app, tasks };
}

function listReads(app: AgentTestApp, owner?: string) {
  const id = owner === undefined ? app.human.id : app.getUser(owner).id;
  return app.plane.ledger.requests.filter((request) => request.owner === id && DETAILS.test(request.path));
}

const isBlocked = async (app: AgentTestApp, { id }: Item) => (await app.readItem({ id }))?.blockers.length === 1;

async function expectAllBlocked(app: AgentTestApp, tasks: { item: Item }[]) {
  for (const { item } of tasks) expect(await isBlocked(app, item)).toBe(true);
}

/** The shortest time between two requests. */
function findShortestGap(requests: readonly { at: number }[]): number {
  return Math.min(...requests.slice(1).map(({ at }, i) => at - (requests[i]?.at ?? 0)));
}

/** The most requests within any minute. */
function findBusiestMinute(requests: readonly { at: number }[]): number {
  return Math.max(
    ...requests.map(({ at }) => requests.filter((each) => each.at <= at && each.at > at - MINUTE).length),
  );
}

test("reliability 29: while Groundcrew's quota is used up, the keys of idle agents read the relations of agents' open tasks, one request a second, and no request more than before", async () => {
  const { app, tasks } = await createFullWorkspace();
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  const refused = app.plane.ledger.requests.filter(({ status }) => status !== 200);
  expect(refused).toEqual([]);
  const reads = ["Concierge", "Thot", "Imhotep"].map((agent) => listReads(app, agent));
  for (const read of reads) {
    expect(read.length).toBeGreaterThan(1);
    expect(findShortestGap(read)).toBeGreaterThanOrEqual(SECOND);
    // Of 20 requests a minute a twentieth is left to the agent.
    expect(findBusiestMinute(read)).toBeLessThanOrEqual(19);
  }
  // 30 tasks, and the item that the recording rules could match.
  expect(listReads(app).length + reads.flat().length).toBe(31);
});

test("an agent that has sent a request itself in the last two minutes keeps half of its quota", async () => {
  const { app, tasks } = await createFullWorkspace({ tasksPerAgent: 30 });
  await createCallContext(app.deps, app.getCaller("Thot")).waitForTurn("a call of the agent");
  const calledAt = app.time.now;
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  const reads = listReads(app, "Thot").filter(({ at }) => at < calledAt + 2 * MINUTE);
  expect(reads.length).toBeGreaterThan(1);
  // Half of 20 requests a minute.
  expect(findShortestGap(reads)).toBeGreaterThanOrEqual(6 * SECOND);
});

test("an agent without a key is read for with the others'", async () => {
  const { app, tasks } = await createFullWorkspace({ keyless: ["Thot"] });
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  expect(listReads(app, "Thot")).toEqual([]);
  const reads = listReads(app, "Concierge");
  expect(reads.length).toBeGreaterThan(1);
  expect(findShortestGap(reads), "not its own reads beside those of Thot").toBeGreaterThanOrEqual(SECOND);
});

test.each([
  { status: 401, body: '{"detail":"Authentication credentials were not provided."}' },
  { status: 403, body: '{"detail":"Given API token is not valid"}' },
  { status: 403, body: '{"detail":"You do not have permission to perform this action."}' },
  { status: 404, body: '{"error":"The requested resource does not exist."}' },
])(
  "an agent's key that Plane refuses ($status $body) is not used in that project for 10 minutes, and Groundcrew's reads",
  async ({ status, body }) => {
    const keys: Record<string, string> = {};
    const { app, tasks } = await createFullWorkspace({
      fetch: (input, init) => {
        const request = new Request(input, init);
        return request.headers.get("x-api-key") === keys["Thot"] && request.method === "GET"
          ? Promise.resolve(new Response(body, { status, headers: { "content-type": "application/json" } }))
          : fetch(request);
      },
    });
    keys["Thot"] = app.settings.plane?.agentKeys["Thot"] ?? "";
    await app.pollUntilIdle();
    await expectAllBlocked(app, tasks);
    const warnings = app.logged.filter(({ message }) => String(message).startsWith("Plane refused an agent's key"));
    expect(warnings).toMatchObject([{ agent: "Thot", status }]);
  },
);

test("a 429 on an agent's key holds that key alone", async () => {
  const { app, tasks } = await createFullWorkspace();
  const thot = app.settings.plane?.agentKeys["Thot"] ?? "";
  // Thot has used up its quota by itself, which Groundcrew does not know.
  for (let n = 0; n < RATE_LIMIT; n += 1)
    await fetch(`${app.settings.plane?.url}/api/v1/users/me/`, { headers: { "x-api-key": thot } });
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  const byThot = listReads(app, "Thot");
  expect(byThot.filter(({ status }) => status === 429).length).toBe(1);
  expect(listReads(app, "Imhotep").every(({ status }) => status === 200)).toBe(true);
  expect(listReads(app).every(({ status }) => status === 200)).toBe(true);
});

test("an agent's call that waits for its turn comes before reads with its key", async () => {
  const { app } = await createFullWorkspace({ rateLimit: 60, tasksPerAgent: 40 });
  await app.poll();
  // Until a read has just used Thot's turn.
  while (listReads(app, "Thot").at(-1)?.at !== app.time.now) {
    app.advance(SECOND / 2);
    await app.drain();
  }
  const before = app.time.now;
  const latest = listReads(app, "Thot").at(-1);
  // Each time that the agent's wait ends, the waiting reads get their chance first.
  const wait = async (ms: number) => {
    app.advance(ms);
    await app.drain();
  };
  const context = createCallContext({ ...app.deps, wait }, app.getCaller("Thot"));
  for (let n = 0; n < 5; n += 1) await context.waitForTurn("a call of the agent");
  expect(app.time.now - before).toBeLessThanOrEqual(5 * 1_020);
  expect(listReads(app, "Thot").at(-1)).toBe(latest);
});

test("on Plane 1.2.2 an agent's key reads the activities of its tasks, no key requests relations, and the version is read once", async () => {
  const { app, tasks } = await createFullWorkspace({ version: "1.2.2" });
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  const paths = app.plane.ledger.requests.map(({ path }) => path);
  expect(paths.filter((path) => path.includes("/relations/"))).toEqual([]);
  expect(paths.filter((path) => path.includes("/instances/"))).toHaveLength(1);
  expect(listReads(app, "Thot").length).toBeGreaterThan(0);
});

test("where the relations have no route although the version should have it, that is found out once for all keys", async () => {
  const tooManyRequests = () =>
    new Response('{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED"}', {
      status: 429,
      headers: { "content-type": "application/json", "retry-after": "60" },
    });
  const { app, tasks } = await createFullWorkspace({
    version: "1.2.2",
    // Groundcrew's own key cannot find it out first.
    fetch: (input, init) => {
      const request = new Request(input, init);
      const isOwn = request.headers.get("x-api-key") === app.apiKey;
      return isOwn && DETAILS.test(request.url) && app.time.now < end
        ? Promise.resolve(tooManyRequests())
        : fetch(request);
    },
  });
  const end = app.time.now + MINUTE;
  app.plane.faults.add(
    { path: "/api/instances/" },
    { kind: "status", status: 200, body: '{"instance":{"current_version":"1.3.1"},"config":{}}' },
  );
  await app.pollUntilIdle();
  await expectAllBlocked(app, tasks);
  expect(app.plane.ledger.requests.filter(({ path }) => path.includes("/relations/"))).toHaveLength(1);
});
