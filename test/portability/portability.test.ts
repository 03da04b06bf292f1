import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { openStore } from "../../runtime/stores/open-store.ts";
import type { Item } from "../../simulators/plane/types.ts";
import { type AgentClient, type CallResult, createFetchClient, createMcpClient } from "../reliability/agent-clients.ts";
import { findDuplicated, findFaults, findUnexpected, NO_FAULTS, readCompletions } from "../reliability/completions.ts";
import { IS_FULL_RUN, pickSize } from "../reliability/random-source.ts";
import {
  findBotTexts,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  toAgentToken,
  toItemKey,
} from "../reliability/simulators.ts";
import { createBackupMachine } from "../runtime/backup/backup-machine.ts";
import { startServer } from "../support/test-server.ts";
import { evictObject, HOSTS, openObjectHost, type PortableTeam, startPortableTeam } from "./portable-team.ts";

const FULL_LIMIT_MS = 1_800_000;
/** Limit of requests per case: more than any of them causes, so that each is evicted at all of its requests. */
const MAX_REQUESTS = 30;
/** Begins the digest. */
const DIGEST = "Daily";

/** Where the object is evicted: before or after the `nth` request to another system (1 is the first). */
interface EffectPoint {
  nth: number;
  when: "before" | "after";
  /** Only requests to matching paths are counted; default: all. */
  of?: RegExp;
}

/** Every request of a case in turn, each once before Plane or Telegram sees it and once after; the small run has one. */
const POINTS: readonly EffectPoint[] = Array.from({ length: pickSize(2 * MAX_REQUESTS, 1) }, (_, i) => ({
  nth: Math.floor(i / 2) + 1,
  when: i % 2 === 0 ? "before" : "after",
}));

/**
 * Stands between the product and other systems, and forwards every request, except at a chosen one: that one is not
 * forwarded, or its answer is not, because `kill` ends the product there.
 */
function createEffectGate() {
  let point: EffectPoint | undefined;
  let count = 0;
  let kill: () => Promise<void> = async () => {};

  /** Returns the address at which requests for this system are accepted. */
  async function open(target = ""): Promise<string> {
    return startServer(async (request, response) => {
      const received = await buffer(request);
      const isCounted = point?.of?.test(request.url ?? "") ?? true;
      if (isCounted) count += 1;
      const isChosen = isCounted && count === point?.nth;
      if (isChosen && point?.when === "before") return kill();
      const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
      const body = received.length > 0 ? { body: received } : {};
      const init = { method: request.method ?? "GET", headers: headers as Record<string, string>, ...body };
      const answer = await fetch(target + (request.url ?? ""), init);
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (isChosen) return kill();
      const isOwn = ([name]: [string, string]) =>
        !/^(content-encoding|content-length|transfer-encoding|connection)$/.test(name);
      response.writeHead(answer.status, [...answer.headers].filter(isOwn).flat()).end(bytes);
    });
  }

  return {
    open,
    /** Counts requests from now on, and kills the product at this one; without one, it kills nothing any more. */
    killAt(chosen?: EffectPoint, act: () => Promise<void> = async () => {}) {
      count = 0;
      point = chosen;
      kill = act;
    },
  };
}

/** Repeats an action that the end of the product breaks off, for ten minutes: workerd starts slowly on a busy machine. */
const persist = <T>(action: () => Promise<T>) => vi.waitFor(action, { timeout: 600_000, interval: 100 });

const isAnswer = (result: CallResult | undefined) => result !== undefined && "answer" in result;

function takeItem(items: Item[]): Item {
  const item = items.shift();
  if (!item) throw new Error("the team has too few tasks for these cases");
  return item;
}

/** The cases of a team: what people and agents do, over ends of the product in their middle. */
async function createCases(team: PortableTeam) {
  const { url } = team.host;
  const wanted: string[] = [];
  // Two agents, one that uses MCP and one that uses HTTP; a call that is broken off is repeated, as an agent does.
  const clients = [
    await createMcpClient(url, toAgentToken("Thot")),
    await createFetchClient(url, toAgentToken("Ptah")),
  ];
  const call =
    (client: AgentClient): AgentClient["call"] =>
    (...given) =>
      persist(() => client.call(...given));
  const agents = clients.map(call);

  /** Completes a task in Plane and waits until that is reported. */
  async function completeTask(notify: () => Promise<void>) {
    const item = takeItem(team.items);
    wanted.push(toItemKey(team.project, item));
    team.plane.editItem(item, { state: "Done" });
    await notify();
    // A summary of more than ten tasks names only some of them and counts the others.
    const count = () => readCompletions(team.telegram, SIMULATED_CHAT).total;
    await team.waitFor(() => expect(count()).toBeGreaterThanOrEqual(wanted.length));
  }

  /** Two agents claim one task at once; exactly one gets it and keeps it. Returns the task and the holder's calls. */
  async function claimByTwo() {
    const task = toItemKey(team.project, takeItem(team.sharedItems));
    const claim = () => Promise.all(agents.map((act) => act("claim_task", { task })));
    const claims = await claim();
    expect([task, ...claims.map(isAnswer).sort()]).toEqual([task, false, true]);
    expect((await claim()).map(isAnswer)).toEqual(claims.map(isAnswer));
    const holder = agents[isAnswer(claims[0]) ? 0 : 1];
    if (!holder) throw new Error("nobody holds the task");
    return { task, holder };
  }

  return {
    wanted,
    claimByTwo,
    /** Sends the webhooks of Plane's changes so far, each again until it is accepted, as Plane does. */
    completeByWebhook: () =>
      completeTask(async () => {
        for (const body of team.takeWebhookBodies()) await persist(() => team.sendWebhook(body));
      }),
    completeByPoll: () =>
      completeTask(async () => {
        team.takeWebhookBodies();
        await persist(() => team.runTick("poll"));
      }),
    /** No poll finds this one, so it was kept when it was answered. */
    completeOverKill: () =>
      completeTask(async () => {
        for (const body of team.takeWebhookBodies()) await team.sendWebhook(body);
        await team.host.restart();
      }),
    /** The holder asks a question, a person answers it by its button, and the holder reads the answer. */
    async askQuestion() {
      const { task, holder } = await claimByTwo();
      const text = `Which colour for ${task}?`;
      expect(isAnswer(await holder("update_task_status", { task, status: "in_progress" }))).toBe(true);
      expect(isAnswer(await holder("ask_human", { task, text, choices: ["Red", "Blue"] }))).toBe(true);
      await team.waitFor(() => expect(findBotTexts(team.telegram, text)).not.toEqual([]));
      await persist(() => team.pressButton(text, "Red"));
      const readDetails = async () => JSON.stringify(await holder("get_task_details", { task }));
      await team.waitFor(async () => expect(await readDetails()).toContain("Red"));
      const unmarked = findBotTexts(team.telegram, text).filter((sent) => !sent.includes("may be a repeat"));
      expect(unmarked.length).toBeLessThanOrEqual(1);
    },
    /** An agent uploads a file to a task of its own; the storage refuses it unless its length is declared. */
    async uploadFile() {
      const task = toItemKey(team.project, takeItem(team.sharedItems));
      const client = await createFetchClient(url, toAgentToken("Thot"));
      expect(isAnswer(await client.call("claim_task", { task }))).toBe(true);
      const file = { task, name: "report.txt", text: "The report." };
      expect(await client.upload(file, "All is well.")).toHaveProperty("answer");
    },
    /** Every task is reported, none twice without a mark, and none that was not completed. */
    expectCompletions(ends: number) {
      const completions = readCompletions(team.telegram, SIMULATED_CHAT);
      console.info("ends:", ends, "tasks:", wanted.length, "marked as a repeat:", completions.marked);
      expect(completions.total - completions.totalMarked).toBeLessThanOrEqual(wanted.length);
      expect(findUnexpected(completions, wanted)).toEqual([]);
      expect(findDuplicated(completions)).toEqual([]);
      expect(completions.marked).toBeLessThanOrEqual(ends);
    },
  };
}

test("an eviction of the object before and after each request to Plane and Telegram, and a kill -9 of workerd (reliability 1), lose no change, question or answer, and repeat nothing without a mark", {
  timeout: FULL_LIMIT_MS,
}, async () => {
  const gate = createEffectGate();
  let evictions = 0;
  const evictAt = (point: EffectPoint, url: string) =>
    gate.killAt(point, async () => {
      await evictObject(url);
      evictions += 1;
    });
  const openGatedHost: typeof openObjectHost = async (env, config) => {
    const [plane, telegram] = await Promise.all([env["PLANE_URL"], env["TELEGRAM_API_ROOT"]].map(gate.open));
    const host = await openObjectHost({ ...env, PLANE_URL: plane ?? "", TELEGRAM_API_ROOT: telegram ?? "" }, config);
    evictAt({ nth: 1, when: "after", of: /\/projects\// }, host.url);
    // The object starts with its first request.
    await fetch(host.url);
    return host;
  };
  const [tasks, shared] = [2 * POINTS.length + 1, 2 * POINTS.length + 1];
  const team = await startPortableTeam(openGatedHost, { tasks, shared });
  await team.waitFor(() => expect(evictions).toBe(1));
  // The first poll was cut off and no other one is due, so it is the same one that reads these tasks.
  await team.waitFor(async () => expect(await (await team.request("/api/board")).text()).toMatch(/"total":[1-9]/));
  await team.waitUntilIdle();
  const cases = await createCases(team);

  /** Runs a case with an eviction at each of its requests, until it has no more; jobs in `later` are due in hours. */
  async function runAtEachRequest(runCase: () => Promise<unknown>, later: readonly string[] = []) {
    for (const point of POINTS) {
      const before = evictions;
      evictAt(point, team.host.url);
      await runCase();
      await persist(() => team.waitUntilIdle(later));
      gate.killAt();
      if (evictions === before) return;
    }
    if (IS_FULL_RUN) throw new Error(`The case makes more than ${MAX_REQUESTS} requests.`);
  }

  await runAtEachRequest(cases.completeByWebhook);
  await runAtEachRequest(cases.claimByTwo);
  if (IS_FULL_RUN) {
    await runAtEachRequest(cases.completeByPoll);
    await runAtEachRequest(cases.askQuestion, ["work"]);
  }
  await cases.uploadFile();
  await cases.completeOverKill();
  await team.waitUntilIdle(["work"]);
  expect(evictions).toBeGreaterThan(pickSize(20, 2));
  cases.expectCompletions(evictions + 1);
});

test.runIf(IS_FULL_RUN).each(HOSTS)(
  "webhook, lost webhook, claims, tools, question and digest %s, each with kill -9 in its middle",
  async (_, openHost) => {
    const team = await startPortableTeam(openHost, { tasks: 3, shared: 3 });
    await team.runTick("poll");
    await team.waitUntilIdle();
    const cases = await createCases(team);
    const all = [cases.completeByWebhook, cases.completeByPoll, cases.claimByTwo, cases.askQuestion, cases.uploadFile];
    for (const runCase of all.slice(0, -1)) {
      const restarted = new Promise((resolve) => setTimeout(resolve, 50)).then(team.host.restart);
      await Promise.all([runCase(), restarted]);
    }
    await cases.uploadFile();
    await cases.completeOverKill();
    for (let i = 0; i < 2; i += 1) {
      await team.runTick("digest");
      await team.host.restart();
    }
    await team.waitFor(() => expect(findBotTexts(team.telegram, DIGEST)).toHaveLength(1));
    const forged = { "content-type": "application/json", "x-plane-signature": "0".repeat(64) };
    const refused = await team.request("/webhooks/plane", { method: "POST", headers: forged, body: "{}" });
    expect(refused.status).toBe(401);
    cases.expectCompletions(all.length + 2);
  },
  FULL_LIMIT_MS,
);

const LIMIT_MS = 120_000;

/** Completes a task and waits until that, and nothing but the tasks before it, is reported. */
async function complete({ plane, telegram, ...team }: PortableTeam, index: number) {
  if (team.items[index]) plane.editItem(team.items[index], { state: "Done" });
  for (const body of team.takeWebhookBodies()) await team.sendWebhook(body);
  const keys = team.items.slice(0, index + 1).map((item) => toItemKey(team.project, item));
  await team.waitFor(() => expect(findFaults(telegram, keys)).toEqual(NO_FAULTS));
  await team.waitUntilIdle();
}

test.runIf(IS_FULL_RUN)(
  "a store moves from Workers to a file and back, with its history, and nothing old is said",
  async () => {
    const team = await startPortableTeam(openObjectHost, { tasks: 3, shared: 0 });
    await team.runTick("poll");
    await complete(team, 0);
    const machine = createBackupMachine({ ADMIN_TOKEN: RELIABILITY_ADMIN_TOKEN });
    const worker = ["--store", team.host.url];
    const { name } = await machine.backUp(...worker);

    // To a server: the same command as for any backup.
    const moved = await machine.runHere(["restore", name, "--yes"]);
    expect(moved, moved.err).toMatchObject({ exit: 0 });
    const store = await openStore(`file:${join(machine.folder, "data")}`, { prefix: "groundcrew" });
    expect(await store.count("projects")).toBe(0);
    expect(Math.min(await store.count("messages"), await store.count("decisions"))).toBeGreaterThan(0);
    await store.close();

    // Back again, over what the Worker has stored meanwhile.
    await complete(team, 1);
    const readStore = async () => (await team.request("/api/store")).text();
    const before = await readStore();
    const body = before.slice(0, before.trimEnd().lastIndexOf("\n") + 1);
    const headers = { "content-type": "application/json" };
    const refused = await team.request("/api/store", { method: "PUT", headers, body });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("before they are complete")]);
    expect(await readStore()).toContain("ONB-2");
    const restored = await machine.runHere(["restore", name, "--yes", "--without", "secrets", ...worker]);
    expect(restored, restored.err).toMatchObject({ exit: 0 });
    await team.waitFor(async () => expect(await readStore()).not.toContain("ONB-2"));
    expect(await readStore()).toContain("ONB-1");
    await team.runTick("poll");
    await complete(team, 2);
  },
  LIMIT_MS,
);

test("a Worker's store is refused without ADMIN_TOKEN, and its address must begin with https", async () => {
  const machine = createBackupMachine();
  const { exit, err } = await machine.runHere(["backup", "--store", "http://crew.example.com"]);
  expect([exit, err]).toEqual([2, expect.stringContaining("must begin with https:")]);
  machine.write("data/secrets.json", "{}");
  const refused = await machine.runHere(["backup", "--store", "https://127.0.0.1:1"]);
  expect([refused.exit, refused.err]).toEqual([78, expect.stringContaining("ADMIN_TOKEN")]);
});
