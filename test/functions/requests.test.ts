import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { schedulesTick } from "../../functions/schedules.ts";
import { connectRedisStore } from "../../runtime/stores/redis/redis-store.ts";
import { createSqliteStore } from "../../runtime/stores/sqlite-store.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { runCliHere } from "../runtime/cli/cli-process.ts";
import { HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import {
  askBySession,
  createRequestsApp,
  loseStore,
  type OpenStore,
  type RequestsApp,
  requestTicket,
  startSession,
} from "./requests-app.ts";
import { BACKUP_CHECK } from "./schedules-app.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";
import { createSession } from "./tickets/tickets-app.ts";

/** A kind of request: how it is asked, how people answer it, and what their answer does. */
interface KindCase {
  /** The request's kind, where it is not the name of the case. */
  kind?: string;
  /** Tickets are requested and run. */
  hasTickets?: true;
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  ask(app: RequestsApp): Promise<void>;
  /** Part of its message in Telegram. */
  message: string;
  decision: { answer: string; comment?: string };
  button: string;
  /** Absent where a reply says no answer. */
  reply?: string;
  /** Part of what the message shows once it is answered. */
  outcome: string;
  /** What people do in Plane instead, and what comes of the request. */
  inPlane?: { act(app: RequestsApp): void; state: "answered" | "closed"; effect?: unknown };
  /** A comment that answers it, where the answer or its effect is another one. */
  comment?: { text: string; decision?: KindCase["decision"]; effect?: unknown };
  /** A comment that would approve what Plane does not show. */
  unseen?: string;
  command?: string;
  /** What the answer has done, once. */
  readEffect(app: RequestsApp): Promise<unknown>;
  effect: unknown;
  /** A lost store finds it again in Plane. */
  isFoundAgain?: true;
  /** What the button of its old message says after a lost store; absent where it answers. */
  afterLoss?: RegExp;
}

const TICKET_AGAIN = /The ticket waits for approval again/;

const GONE = /no longer exists\.$/;

const KINDS: Record<string, KindCase> = {
  question: {
    async ask(app) {
      const key = await app.startTask("Imhotep", "Paint the door");
      await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
    },
    message: "Which colour?",
    decision: { answer: "answer", comment: "Red" },
    button: "Red",
    reply: "Red",
    outcome: "Answered by",
    comment: { text: "Red" },
    async readEffect(app) {
      const comments = app.readComments(getItem(app)).filter((html) => /<p>Red/.test(html));
      const { questions } = await app.actAs("Imhotep").details("ONB-1");
      return [comments.length, questions.latest[0]?.answer];
    },
    effect: [1, "Red"],
    isFoundAgain: true,
  },
  review: {
    async ask(app) {
      const key = await app.startTask("Imhotep", "Write the terms");
      await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 0.55, text: "Two clauses are guesses." });
    },
    message: "Review requested",
    decision: { answer: "approve" },
    button: "✅ Approve",
    reply: "ok",
    outcome: "Approved by",
    inPlane: {
      act: setDone,
      state: "closed",
    },
    command: "/plane approve ONB-1",
    readEffect: async (app) => app.readPlaneItem(getItem(app)),
    effect: expect.objectContaining({ state: "Done", labels: ["agent:Imhotep"] }),
    isFoundAgain: true,
    // The report is only in the comments, so that what is judged is shown again.
    afterLoss: /has changed/,
  },
  plan: {
    async ask(app) {
      await app.sendMessage("/plane new add dark mode to the website");
      await app.callAsConcierge("plan_project", { project: "Dark mode", tasks: [{ id: "a", title: "Draw it" }] });
    },
    message: "Plan to approve",
    decision: { answer: "approve" },
    button: "✅ Approve",
    reply: "ok",
    outcome: "Approved by",
    readEffect: (app) => app.findItemNames("Dark mode"),
    effect: ["Draw it"],
    afterLoss: /no longer exists\. Write your wish again/,
  },
  ticket: {
    hasTickets: true,
    ask: requestTicket,
    message: "Ticket to approve",
    decision: { answer: "approve" },
    button: "✅ Approve",
    reply: "ok",
    outcome: "Approved by",
    inPlane: { act: setDone, state: "closed", effect: [] },
    command: "/plane approve ONB-1",
    comment: { text: "Reject", decision: { answer: "reject" }, effect: [] },
    unseen: "ok",
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, run }) => [ticket, run]),
    effect: [["ONB-1", 1]],
    afterLoss: TICKET_AGAIN,
  },
  permission: {
    hasTickets: true,
    ask: (app) => askBySession(app, { tool_name: "Bash", tool_input: { command: "rm -rf build; ls" } }),
    message: "asks for permission",
    decision: { answer: "allow" },
    button: "✅ Allow",
    reply: "yes",
    outcome: "Allowed by",
    comment: { text: "No.", decision: { answer: "deny" }, effect: [["keys", "Escape"]] },
    unseen: "yes",
    readEffect: readInputs,
    effect: [["keys", "1"]],
    afterLoss: GONE,
  },
  "question of a session": {
    kind: "question",
    hasTickets: true,
    ask: (app) => askBySession(app, { tool_name: "AskUserQuestion", tool_input: { questions: [COLOUR] } }),
    message: "waits for you",
    decision: { answer: "answer", comment: "Blue" },
    button: "Blue",
    reply: "Blue",
    outcome: "Answered by",
    comment: { text: "Blue" },
    readEffect: readInputs,
    effect: [["keys", "2"]],
    afterLoss: GONE,
  },
  "question of a series": {
    kind: "question",
    hasTickets: true,
    async ask(app) {
      await askBySession(app, { tool_name: "AskUserQuestion", tool_input: { questions: [COLOUR, SIZE] } });
      const [first] = await app.list();
      await app.call(`/${first?.id}`, { answer: "answer", comment: "Blue", hash: first?.hash });
    },
    message: "Question 2 of 2",
    decision: { answer: "answer", comment: "M" },
    button: "M",
    reply: "M",
    outcome: "Answered by",
    comment: { text: "M" },
    readEffect: readInputs,
    effect: [
      ["keys", "2"],
      ["keys", "2"],
      ["keys", "1"],
    ],
    afterLoss: GONE,
  },
  "plan of a session": {
    kind: "plan",
    hasTickets: true,
    config: { tickets: { repositories: { ONB: { path: "/srv/onb", plan_first: true } } } },
    ask: (app) => askBySession(app, { tool_name: "ExitPlanMode", tool_input: { plan: "1. Edit a.txt" } }),
    message: "1. Edit a.txt",
    decision: { answer: "approve" },
    button: "✅ Approve",
    reply: "ok",
    outcome: "Approved by",
    comment: { text: "Test it, too", decision: { answer: "send_back", comment: "Test it, too" }, effect: "open" },
    unseen: "ok",
    readEffect: async (app) => (await app.read("/api/sessions")).sessions[0]?.plan,
    effect: "approved",
    afterLoss: GONE,
  },
  "time of a session": {
    kind: "question",
    hasTickets: true,
    async ask(app) {
      await startSession(app);
      app.advance(26 * 60_000);
      await app.tick();
    },
    message: "time is almost over",
    decision: { answer: "extend" },
    button: "⏱️ 30 more minutes",
    reply: "extend",
    outcome: "Extended by",
    comment: { text: "more time" },
    // It had 4 minutes left.
    async readEffect(app) {
      const { sessions, server_time } = await app.read("/api/sessions");
      return Math.round((Date.parse(sessions[0].ends_at) - Date.parse(server_time)) / (10 * 60_000));
    },
    effect: 3,
    afterLoss: TICKET_AGAIN,
  },
  "end of a session": {
    kind: "question",
    hasTickets: true,
    async ask(app) {
      await startSession(app);
      await app.exchange([createSession({ state: "ended", exit: { reason: "exited", status: 0 } })]);
    },
    message: "ended without a result",
    decision: { answer: "resume" },
    button: "▶️ Resume",
    reply: "resume",
    outcome: "Resumed by",
    comment: { text: "Resume" },
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, resume }) => [ticket, resume]),
    effect: [["ONB-1", true]],
    afterLoss: TICKET_AGAIN,
  },
  result: {
    hasTickets: true,
    async ask(app) {
      await startSession(app);
      await app.post("/api/sessions/ONB-1/complete", { summary: "All is done" });
    },
    message: "Result to approve",
    decision: { answer: "approve" },
    button: "✅ Approve update",
    reply: "ok",
    outcome: "Written to Plane, approved by",
    comment: { text: "Once more", decision: { answer: "send_back", comment: "Once more" }, effect: 0 },
    unseen: "ok",
    readEffect: async (app) => app.readComments(getItem(app)).filter((html) => html.includes("All is done")).length,
    effect: 1,
    afterLoss: TICKET_AGAIN,
  },
  "red checks": {
    kind: "result",
    hasTickets: true,
    config: { tickets: { repositories: { ONB: { path: "/srv/onb", publish: "pull-request" } } } },
    ask: reportRedChecks,
    message: "Checks have failed",
    decision: { answer: "send_back" },
    button: "↩️ Send back",
    reply: "Repair it",
    outcome: "Sent back by",
    comment: { text: "Repair it", decision: { answer: "send_back", comment: "Repair it" } },
    unseen: "ok",
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, round }) => [ticket, round]),
    effect: [["ONB-1", 2]],
    afterLoss: GONE,
  },
  "question about recurring work": {
    kind: "question",
    config: { schedules: [{ ...BACKUP_CHECK, assignee: "Thot" }] },
    async ask(app) {
      for (const hours of [0, 2, 24, 24, 24]) {
        app.advance(hours * 3_600_000);
        for (let times = 0; times < 2; times += 1) {
          await schedulesTick.run(app.deps);
          await app.advanceAndDrain();
        }
      }
    },
    message: "came 3 times while ONB-1 is open",
    decision: { answer: "answer", comment: "Pause it" },
    button: "Pause it",
    reply: "Pause it",
    outcome: "Answered by",
    comment: { text: "Pause it" },
    readEffect: async (app) => (await app.read("/api/schedules")).schedules[0]?.next,
    effect: [],
    afterLoss: GONE,
  },
  agent: {
    config: { limits: { comments: 2 } },
    async ask(app) {
      const task = await app.startTask("Imhotep", "Paint the door");
      for (const text of ["One", "Two", "Three"]) await app.callTool("Imhotep", "add_comment", { task, text });
    },
    message: "Imhotep wrote 2 comments in an hour: stop it?",
    decision: { answer: "continue" },
    button: "Continue",
    reply: "continue",
    outcome: "Answered by",
    async readEffect(app) {
      const { status } = await app.callTool("Imhotep", "add_comment", { task: "ONB-1", text: "Four" });
      return status;
    },
    effect: 200,
    afterLoss: GONE,
  },
  budget: {
    hasTickets: true,
    config: { budget: { amount: 5, stop: true } },
    async ask(app) {
      const key = await app.startTask("Imhotep", "Paint the door");
      await app.actAs("Imhotep").report(key, { cost: 6 });
      app.addTask("Write it down", []);
      await app.deliverWebhooks();
      await app.advanceAndDrain();
      await app.post("/api/reject/ONB-1", {});
      await app.post("/api/approve/ONB-2", {});
      expect((await app.exchange()).sessions).toEqual([]);
    },
    message: "is used up (€6.00 of €5.00)",
    decision: { answer: "approve" },
    button: "Go on",
    reply: "ok",
    outcome: "Answered by",
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket }) => ticket),
    effect: ["ONB-2"],
    afterLoss: GONE,
  },
};

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));

const COLOUR = { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") };

const SIZE = { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") };

/** Publishes a result as a pull request whose checks fail. */
async function reportRedChecks(app: RequestsApp) {
  await startSession(app);
  await app.post("/api/sessions/ONB-1/complete", { summary: "All is done" });
  await app.post("/api/update-plane/ONB-1", {});
  const [wish] = (await app.exchange([createSession({ state: "ended" })])).publish;
  const open = { id: wish?.id ?? "", state: "open", url: "https://git.example.com/1", commit: "a".repeat(40) } as const;
  for (const checks of [{}, { checks: { state: "failed" as const, failed: ["build"], log: "expected 1, was 2" } }]) {
    await app.exchange([createSession({ state: "ended", publication: { ...open, ...checks } })]);
    await app.advanceAndDrain();
  }
}

async function readInputs(app: RequestsApp) {
  const [session] = (await app.exchange([createSession()])).sessions;
  return session?.inputs.map(({ kind, text }) => [kind, text]);
}

function setDone(app: RequestsApp) {
  const done = app.plane.states(app.onb.id).find(({ name }) => name === "Done");
  app.plane.editItem(getItem(app), { state: done?.id ?? "" });
}

const getItem = (app: RequestsApp) => {
  const [item] = app.plane.items(app.onb);
  if (!item) throw new Error("no item");
  return item;
};

/** A person writes a comment on the only task, which Groundcrew reads. */
async function writeComment(app: RequestsApp, text: string) {
  app.advance(2_000);
  app.plane.addComment(getItem(app), `<p>${text}</p>`);
  await app.poll();
  await app.advanceAndDrain(30_000);
}

/** The comments that say why another one has decided nothing. */
const readRefusals = (app: RequestsApp) =>
  app.readComments(getItem(app)).filter((html) => html.includes("This comment"));

/** Asks a request of a kind; returns what is listed of it. */
async function ask(app: RequestsApp, { ask: askFor }: KindCase) {
  await askFor(app);
  await app.advanceAndDrain(8_000);
  const [request, ...others] = await app.list();
  if (!request || others.length > 0) throw new Error(`listed: ${others.length + 1}`);
  return request;
}

/** Where people answer, with the name under which they do. */
const PLACES: Record<
  string,
  {
    by: string;
    where: string;
    answer(app: RequestsApp, kind: KindCase, request: { id: string; hash: string }): Promise<unknown>;
  }
> = {
  "a button": {
    by: "Ada (Telegram)",
    where: "telegram",
    answer: (app, kind) => app.tapButton(app.findMessage(kind.message), kind.button),
  },
  "a reply": {
    by: "Ada (Telegram)",
    where: "telegram",
    answer: (app, kind) => app.replyTo(app.findMessage(kind.message), kind.reply ?? ""),
  },
  "the page": {
    by: "admin",
    where: "page",
    async answer(app, { decision }, { id, hash }) {
      expect(await app.call(`/${id}`, { ...decision, hash }, await app.signIn())).toMatchObject({ status: 200 });
    },
  },
  "the API": {
    by: "admin",
    where: "api",
    answer: (app, { decision }, { id, hash }) => app.call(`/${id}`, { ...decision, hash }),
  },
  "the command line": {
    by: "admin",
    where: "cli",
    async answer(app, { decision: { answer, comment } }, { id, hash }) {
      const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
      const words = comment === undefined ? [] : ["--comment", comment];
      const { exit, err } = await runCliHere(["requests", "answer", id, answer, "--hash", hash, ...words], { env });
      expect([exit, err]).toEqual([0, ""]);
    },
  },
};

let redis: TestRedis | undefined;

afterAll(() => redis?.stop());

/** Opens as many empty stores of each kind as a test needs. */
const ENGINES: Record<string, (count: number) => Promise<OpenStore[]>> = {
  async file(count) {
    return Array.from(
      { length: count },
      (): OpenStore => (clock) => {
        const folder = mkdtempSync(join(tmpdir(), "groundcrew-requests-"));
        const store = createSqliteStore({ folder, clock });
        onTestFinished(async () => {
          await store.close();
          rmSync(folder, { recursive: true });
        });
        return store;
      },
    );
  },
  async redis(count) {
    redis ??= await startRedis();
    const { url } = redis;
    const open = async (): Promise<OpenStore> => {
      let clock = Date.now;
      const store = await connectRedisStore({ url, prefix: randomUUID(), clock: () => clock() });
      onTestFinished(() => store.close());
      return (appClock) => {
        clock = appClock;
        return store;
      };
    };
    return Promise.all(Array.from({ length: count }, open));
  },
};

const failToOpen: OpenStore = () => {
  throw new Error("no further store");
};

/** In the full run all rows, otherwise every second one: those of two kinds after each other are all. */
const pickRows = <T>(rows: T[], of: number) => rows.filter((_, i) => IS_FULL_RUN || i % 2 === of % 2);

describe.each(Object.entries(KINDS))("a request of the kind %s", (name, kind) => {
  const nth = Object.keys(KINDS).indexOf(name);

  async function expectAnswered(app: RequestsApp, id: string, verdict: object) {
    await app.advanceAndDrain(30_000);
    expect(await app.readRequest(id)).toMatchObject({ kind: kind.kind ?? name, state: "answered", verdict });
    expect(await app.list()).toEqual([]);
    const message = app.findMessage(kind.message);
    expect(toPlainText(message)).toContain(kind.outcome);
    expect(app.getButtonLabels(message)).toEqual([]);
    expect(await kind.readEffect(app)).toEqual(kind.effect);
  }

  const places = Object.entries(PLACES).filter(([place]) => place !== "a reply" || kind.reply !== undefined);
  test.each(pickRows(places, nth))(
    "is answered by %s once, and its message shows it without buttons",
    async (_, place) => {
      const app = await createRequestsApp(kind);
      const request = await ask(app, kind);
      await place.answer(app, kind, request);
      await expectAnswered(app, request.id, { ...kind.decision, by: place.by, where: place.where });
      expect(
        (await app.call(`/${request.id}`, { ...kind.decision, hash: request.hash }, { "user-agent": "other" })).status,
      ).toBe(place.by === "admin" ? 200 : 409);
    },
  );

  test.skipIf(!kind.command)("is answered by a command in Telegram", async () => {
    const app = await createRequestsApp(kind);
    const { id } = await ask(app, kind);
    await app.sendMessage(kind.command ?? "");
    await expectAnswered(app, id, { ...kind.decision, by: "Ada (Telegram)" });
  });

  test.skipIf(!kind.inPlane)("is answered in Plane, and its message shows it", async () => {
    const app = await createRequestsApp(kind);
    const { id } = await ask(app, kind);
    kind.inPlane?.act(app);
    await app.poll();
    await app.advanceAndDrain(30_000);
    expect((await app.readRequest(id)).state).toBe(kind.inPlane?.state);
    expect(app.getButtonLabels(app.findMessage(kind.message))).toEqual([]);
    expect(await kind.readEffect(app)).toEqual(kind.inPlane?.effect ?? kind.effect);
  });

  const { comment, unseen = "" } = kind;

  test.skipIf(!comment)("is answered by a member's comment on its task in Plane, which is nothing else", async () => {
    const app = await createRequestsApp(kind);
    const { id } = await ask(app, kind);
    const before = app.getWakes().length;
    await writeComment(app, comment?.text ?? "");
    const { answer, comment: words } = comment?.decision ?? kind.decision;
    const verdict = { answer, by: "ada", where: "plane", ...(words === undefined ? {} : { comment: words }) };
    expect(await app.readRequest(id)).toMatchObject({ state: "answered", verdict });
    expect(app.getButtonLabels(app.findMessage(kind.message))).toEqual([]);
    expect(await kind.readEffect(app)).toEqual(comment && "effect" in comment ? comment.effect : kind.effect);
    expect(await app.list()).toEqual([]);
    expect(app.getWakes().slice(before).join("\n")).not.toContain('"addressed"');
  });

  test.skipIf(unseen === "")(
    "is approved neither by a comment in Plane, under which Groundcrew says so, nor by a guest's comment",
    async () => {
      const app = await createRequestsApp(kind);
      const { id } = await ask(app, kind);
      await writeComment(app, unseen);
      expect((await app.readRequest(id)).state).toBe("open");
      expect(readRefusals(app)).toEqual([expect.stringContaining("This comment approved nothing")]);
      await writeComment(app, unseen);
      expect(readRefusals(app)).toHaveLength(2);
      app.plane.editMember(app.human, { role: 5 });
      for (const text of [unseen, comment?.text ?? ""]) await writeComment(app, text);
      expect((await app.readRequest(id)).state).toBe("open");
      expect(readRefusals(app)).toHaveLength(2);
    },
  );

  test.skipIf(kind.reply === undefined)(
    "is answered by a reply to its old message after a lost store, or the reply says what to do; it is no wish",
    async () => {
      const app = await createRequestsApp(kind);
      await ask(app, kind);
      const message = app.findMessage(kind.message);
      await loseStore(app);
      const before = app.getWakes().length;
      await app.replyTo(message, kind.reply ?? "");
      await app.advanceAndDrain(30_000);
      const last = toPlainText(app.getBotMessages().findLast(({ text }) => !text.includes("Ticket to approve")));
      if (kind.afterLoss) expect(last).toMatch(kind.afterLoss);
      else expect(await kind.readEffect(app)).toEqual(kind.effect);
      expect(app.getWakes().slice(before).join("\n")).not.toContain("in reply to");
      expect(app.getBotMessages().map(toPlainText)).not.toContain("📨 Sent to Concierge.");
    },
  );

  test("answered in two places at the same moment has one verdict with one name, which both show (reliability 44)", async () => {
    const app = await createRequestsApp(kind);
    const { id, hash } = await ask(app, kind);
    const [, api] = await Promise.all([
      app.tapButton(app.findMessage(kind.message), kind.button),
      app.call(`/${id}`, { ...kind.decision, hash }),
    ]);
    const { verdict } = z.looseObject({ verdict: z.looseObject({ by: z.string() }) }).parse(await app.readRequest(id));
    expect(api).toMatchObject({ status: verdict.by === "admin" ? 200 : 409 });
    await expectAnswered(app, id, { by: verdict.by });
    expect(toPlainText(app.findMessage(kind.message))).toContain(verdict.by);
  });

  test("is refused with another hash or an unknown answer, and stays open (reliability 27)", async () => {
    const app = await createRequestsApp(kind);
    const { id, hash, answers } = await ask(app, kind);
    expect(await app.call(`/${id}`, { ...kind.decision, hash: "another" })).toMatchObject({
      status: 409,
      json: { error: { code: "conflict" }, request: { id, hash, state: "open" } },
    });
    expect(await app.call(`/${id}`, { answer: "perhaps", hash })).toMatchObject({
      status: 400,
      json: { error: { message: `answer must be one of: ${answers.join(", ")}.` } },
    });
    expect(await app.list()).toMatchObject([{ id, hash }]);
  });

  const engines = hasRedisServer() ? pickRows(Object.entries(ENGINES), nth) : Object.entries(ENGINES).slice(0, 1);
  test.each(engines)("waits over a restart on the store %s", async (_, openStores) => {
    const [first] = await openStores(1);
    const app = await createRequestsApp(kind, first);
    const { id, hash } = await ask(app, kind);
    await app.restart();
    await app.listenAgain();
    expect(await app.list()).toMatchObject([{ id, hash }]);
    await app.tapButton(app.findMessage(kind.message), kind.button);
    await expectAnswered(app, id, kind.decision);
  });

  test("is answered by the button of its old message after a lost store, or the button says what to do", async () => {
    const app = await createRequestsApp(kind);
    await ask(app, kind);
    const message = app.findMessage(kind.message);
    await loseStore(app);
    // Existing work items ask nobody for anything by themselves.
    expect(await app.list()).toHaveLength(kind.isFoundAgain ? 1 : 0);
    const press = () => app.tapButton(message, kind.button);
    const toast = await press();
    await app.advanceAndDrain(8_000);
    if (kind.afterLoss) expect(toast).toMatch(kind.afterLoss);
    else expect(await kind.readEffect(app)).toEqual(kind.effect);
    if (kind.afterLoss !== TICKET_AGAIN) return;
    expect(await press()).toMatch(TICKET_AGAIN);
    expect(await app.list()).toMatchObject([{ kind: "ticket", subject: { key: "ONB-1" } }]);
    expect(await app.tapButton(app.findMessage("Ticket to approve"), "✅ Approve")).toContain("Approved by");
    expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  });

  const lossTests = kind.isFoundAgain ? engines : [];
  test.each(lossTests)("is found again after the store %s was lost, and can be answered", async (_, openStores) => {
    const stores = await openStores(2);
    const app = await createRequestsApp(kind, (clock) => (stores.shift() ?? failToOpen)(clock));
    await ask(app, kind);
    await loseStore(app);
    const [again] = await app.list();
    expect(again).toMatchObject({ kind: name, subject: { key: "ONB-1" } });
    expect((await app.call(`/${again?.id}`, { ...kind.decision, hash: again?.hash })).status).toBe(200);
    await app.advanceAndDrain(30_000);
    expect(await kind.readEffect(app)).toEqual(kind.effect);
  });
});

test("requests need ADMIN_TOKEN or the page's session, and an unknown one is not found", async () => {
  const app = await createRequestsApp();
  expect((await fetch(`${app.url}/api/requests`)).status).toBe(401);
  expect((await app.call("/none")).status).toBe(404);
  expect((await app.call("/none", { answer: "approve", hash: "x" })).status).toBe(404);
});
