import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { schedulesTick } from "../../functions/schedules.ts";
import { connectRedisStore } from "../../runtime/stores/redis/redis-store.ts";
import { createSqliteStore } from "../../runtime/stores/sqlite-store.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";
import { runCliHere } from "../support/program.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import type { TestAppOptions } from "../support/test-app.ts";
import { createTestFolder } from "../support/test-folder.ts";
import {
  askByHook,
  askBySession,
  createRequestsApp,
  getOnlyItem,
  loseStore,
  type RequestsApp,
  readRefusals,
  requestSession,
  writeComment,
} from "./requests-app.ts";
import { BACKUP_CHECK } from "./schedules-app.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";
import { COLOUR, createSession, SIZE } from "./tickets/tickets-app.ts";

/** A kind of request: how it is asked, how people answer it, and what their answer does. */
interface KindCase {
  /** The request's kind, where it is not the name of the case. */
  kind?: string;
  /** Tickets are requested and run, with these settings. */
  tickets?: object;
  /** Further content of the settings file. */
  config?: Record<string, unknown>;
  ask(app: RequestsApp): Promise<unknown>;
  /** Part of its message in Telegram. */
  message: string;
  decision: { answer: string; comment?: string };
  button: string;
  reply: string;
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

/** How people give an answer: by a button and by a reply, and what the message shows of it. */
const toAnswer = (answer: string, button: string, reply: string, outcome: string) => ({
  ...{ decision: { answer }, button, reply, outcome },
});

const APPROVED = toAnswer("approve", "✅ Approve", "ok", "Approved by");

const answerWith = (text: string) => ({
  ...toAnswer("answer", text, text, "Answered by"),
  ...{ decision: { answer: "answer", comment: text }, comment: { text } },
});

/** What a session asks, which is answered in its terminal, and of which a lost store knows nothing. */
const OF_SESSION = { tickets: {}, readEffect: readInputs, afterLoss: GONE } as const;

const KINDS: Record<string, KindCase> = {
  question: {
    async ask(app) {
      const key = await app.startTask("Imhotep", "Paint the door");
      await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
    },
    message: "Which colour?",
    ...answerWith("Red"),
    async readEffect(app) {
      const comments = app.readComments(getOnlyItem(app)).filter((html) => /<p>Red/.test(html));
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
    ...APPROVED,
    inPlane: { act: setDone, state: "closed" },
    command: "/plane approve ONB-1",
    readEffect: async (app) => app.readPlaneItem(getOnlyItem(app)),
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
    ...APPROVED,
    readEffect: (app) => app.findItemNames("Dark mode"),
    effect: ["Draw it"],
    afterLoss: /no longer exists\. Write your wish again/,
  },
  ticket: {
    tickets: {},
    ask: (app) => app.requestTicketMessage(),
    message: "Ticket to approve",
    ...APPROVED,
    inPlane: { act: setDone, state: "closed", effect: [] },
    command: "/plane approve ONB-1",
    comment: { text: "Reject", decision: { answer: "reject" }, effect: [] },
    unseen: "ok",
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, run }) => [ticket, run]),
    effect: [["ONB-1", 1]],
    afterLoss: TICKET_AGAIN,
  },
  permission: {
    ...OF_SESSION,
    ask: (app) => askBySession(app, { tool_name: "Bash", tool_input: { command: "rm -rf build; ls" } }),
    message: "asks for permission",
    ...toAnswer("allow", "✅ Allow", "yes", "Allowed by"),
    comment: { text: "No.", decision: { answer: "deny" }, effect: [["keys", "Escape"]] },
    unseen: "yes",
    effect: [["keys", "1"]],
  },
  "question of a session": {
    ...OF_SESSION,
    kind: "question",
    ask: (app) => askBySession(app, { tool_name: "AskUserQuestion", tool_input: { questions: [COLOUR] } }),
    message: "waits for you",
    ...answerWith("Blue"),
    effect: [["keys", "2"]],
  },
  "plan of a session": {
    ...OF_SESSION,
    kind: "plan",
    tickets: { repositories: { ONB: { path: "/srv/onb", plan_first: true } } },
    ask: (app) => askBySession(app, { tool_name: "ExitPlanMode", tool_input: { plan: "1. Edit a.txt" } }),
    message: "1. Edit a.txt",
    ...APPROVED,
    comment: { text: "Test it, too", decision: { answer: "send_back", comment: "Test it, too" }, effect: "open" },
    unseen: "ok",
    readEffect: async (app) => (await app.read("/api/sessions")).sessions[0]?.plan,
    effect: "approved",
  },
  "end of a session": {
    kind: "question",
    tickets: {},
    async ask(app) {
      await requestSession(app);
      await app.exchange([createSession({ state: "ended", exit: { reason: "exited", status: 0 } })]);
    },
    message: "ended without a result",
    ...toAnswer("resume", "▶️ Resume", "resume", "Resumed by"),
    comment: { text: "Resume" },
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, resume }) => [ticket, resume]),
    effect: [["ONB-1", true]],
    afterLoss: TICKET_AGAIN,
  },
  result: {
    tickets: {},
    async ask(app) {
      await requestSession(app);
      await app.complete();
    },
    message: "Result to approve",
    ...toAnswer("approve", "✅ Approve update", "ok", "Written to Plane, approved by"),
    comment: { text: "Once more", decision: { answer: "send_back", comment: "Once more" }, effect: 0 },
    unseen: "ok",
    readEffect: async (app) => app.readComments(getOnlyItem(app)).filter((html) => html.includes("All is done")).length,
    effect: 1,
    afterLoss: TICKET_AGAIN,
  },
  agent: {
    config: { limits: { comments: 2 } },
    async ask(app) {
      const task = await app.startTask("Imhotep", "Paint the door");
      for (const text of ["One", "Two", "Three"]) await app.callTool("Imhotep", "add_comment", { task, text });
    },
    message: "Imhotep wrote 2 comments in an hour: stop it?",
    ...toAnswer("continue", "Continue", "continue", "Answered by"),
    readEffect: async (app) => (await app.callTool("Imhotep", "add_comment", { task: "ONB-1", text: "Four" })).status,
    effect: 200,
    afterLoss: GONE,
  },
  budget: {
    tickets: {},
    config: { budget: { amount: 5, stop: true } },
    async ask(app) {
      await app.actAs("Imhotep").report(await app.startTask("Imhotep", "Paint the door"), { cost: 6 });
      await app.requestTicketMessage();
      await app.call("/api/reject/ONB-1");
      await app.call("/api/approve/ONB-2");
      expect((await app.exchange()).sessions).toEqual([]);
    },
    message: "is used up (€6.00 of €5.00)",
    ...toAnswer("approve", "Go on", "ok", "Answered by"),
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket }) => ticket),
    effect: ["ONB-2"],
    afterLoss: GONE,
  },
  "question of a series": {
    ...OF_SESSION,
    kind: "question",
    async ask(app) {
      await askBySession(app, { tool_name: "AskUserQuestion", tool_input: { questions: [COLOUR, SIZE] } });
      await app.decide("answer", { comment: "Blue" });
    },
    message: "Question 2 of 2",
    ...answerWith("M"),
    effect: ["2", "2", "1"].map((key) => ["keys", key]),
  },
  "red checks": {
    ...OF_SESSION,
    kind: "result",
    tickets: { repositories: { ONB: { path: "/srv/onb", publish: "pull-request" } } },
    ask: reportRedChecks,
    message: "Checks have failed",
    ...toAnswer("send_back", "↩️ Send back", "Repair it", "Sent back by"),
    comment: { text: "Repair it", decision: { answer: "send_back", comment: "Repair it" } },
    unseen: "ok",
    readEffect: async (app) => (await app.exchange()).sessions.map(({ ticket, round }) => [ticket, round]),
    effect: [["ONB-1", 2]],
  },
  "time of a session": {
    kind: "question",
    tickets: {},
    async ask(app) {
      await requestSession(app);
      app.advance(26 * 60_000);
      await app.tick();
    },
    message: "time is almost over",
    ...toAnswer("extend", "⏱️ 30 more minutes", "extend", "Extended by"),
    comment: { text: "more time" },
    // It had 4 minutes left.
    async readEffect(app) {
      const { sessions, server_time } = await app.read("/api/sessions");
      return Math.round((Date.parse(sessions[0].ends_at) - Date.parse(server_time)) / (10 * 60_000));
    },
    effect: 3,
    afterLoss: TICKET_AGAIN,
  },
  "question about recurring work": {
    kind: "question",
    config: { schedules: [{ ...BACKUP_CHECK, assignee: "Thot" }] },
    async ask(app) {
      for (const hours of [0, 0, 2, 0, 24, 0, 24, 0, 24, 0]) {
        app.advance(hours * 3_600_000);
        await schedulesTick.run(app.deps);
        await app.advanceAndDrain();
      }
    },
    message: "came 3 times while ONB-1 is open",
    ...answerWith("Pause it"),
    readEffect: async (app) => (await app.read("/api/schedules")).schedules[0]?.next,
    effect: [],
    afterLoss: GONE,
  },
};

/** Publishes a result as a pull request whose checks fail. */
async function reportRedChecks(app: RequestsApp) {
  await requestSession(app);
  await app.complete();
  await app.call("/api/update-plane/ONB-1");
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
  app.plane.editItem(getOnlyItem(app), { state: "Done" });
}

/** Asks a request of a kind; returns what is listed of it. */
async function ask(app: RequestsApp, { ask: askFor }: KindCase) {
  await askFor(app);
  await app.advanceAndDrain(8_000);
  const [request, ...others] = await app.list();
  if (!request || others.length > 0) throw new Error(`listed: ${others.length + 1}`);
  return request;
}

/** A place where people answer, with the name under which they do. */
interface Place {
  by: string;
  where: string;
  answer(app: RequestsApp, kind: KindCase, request: { id: string; hash: string }): Promise<unknown>;
}

const TELEGRAM = { by: "Ada (Telegram)", where: "telegram" };

const PLACES: Record<string, Place> = {
  "a button": { ...TELEGRAM, answer: (app, kind) => app.tapButton(app.findMessage(kind.message), kind.button) },
  "a reply": { ...TELEGRAM, answer: (app, kind) => app.replyTo(app.findMessage(kind.message), kind.reply) },
  "the page": {
    ...{ by: "admin", where: "page" },
    async answer(app, { decision }, { id, hash }) {
      expect(await app.callRequests(`/${id}`, { ...decision, hash }, await app.signIn())).toMatchObject({
        status: 200,
      });
    },
  },
  "a command": { ...TELEGRAM, answer: (app, { command = "" }) => app.sendMessage(command) },
  "the API": {
    ...{ by: "admin", where: "api" },
    answer: (app, { decision }, { id, hash }) => app.callRequests(`/${id}`, { ...decision, hash }),
  },
  "the command line": {
    ...{ by: "admin", where: "cli" },
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

/** In the full run opens up to two empty stores, of SQLite and of Redis by turns; otherwise they are in memory. */
async function openStores(turn: number): Promise<Pick<TestAppOptions, "store">> {
  if (!IS_FULL_RUN) return {};
  if (turn % 2 === 0 || !hasRedisServer())
    return {
      store(clock) {
        const store = createSqliteStore({ folder: createTestFolder(), clock });
        onTestFinished(() => store.close());
        return store;
      },
    };
  redis ??= await startRedis();
  const { url } = redis;
  let clock = Date.now;
  const open = () => connectRedisStore({ url, prefix: randomUUID(), clock: () => clock() });
  const [first, second] = await Promise.all([open(), open()]);
  onTestFinished(() => Promise.all([first.close(), second.close()]).then(() => {}));
  const stores = [first];
  return {
    store(appClock) {
      clock = appClock;
      return stores.pop() ?? second;
    },
  };
}

describe.each(Object.entries(KINDS))("a request of the kind %s", (name, kind) => {
  const nth = Object.keys(KINDS).indexOf(name);
  const places = Object.entries(PLACES).filter(([place]) => place !== "a command" || kind.command !== undefined);
  const { comment, unseen = "" } = kind;

  async function expectAnswered(app: RequestsApp, id: string, verdict: object) {
    await app.advanceAndDrain(30_000);
    expect(await app.readRequest(id)).toMatchObject({ kind: kind.kind ?? name, state: "answered", verdict });
    expect(await app.list()).toEqual([]);
    const message = app.findMessage(kind.message);
    expect(toPlainText(message)).toContain(kind.outcome);
    expect(app.getButtonLabels(message)).toEqual([]);
    expect(await kind.readEffect(app)).toEqual(kind.effect);
  }

  // Each place in the full run, otherwise another one of each kind.
  test.each(places.filter((_, i) => IS_FULL_RUN || i === nth % places.length))(
    "is refused with another hash or answer (reliability 27), waits over a restart, and is answered by %s once",
    async (where, place) => {
      const turn = nth + Object.keys(PLACES).indexOf(where);
      const app = await createRequestsApp({ ...kind, ...(await openStores(turn)) });
      const request = await ask(app, kind);
      const { id, hash, answers } = request;
      expect(await app.callRequests(`/${id}`, { ...kind.decision, hash: "another" })).toMatchObject({
        status: 409,
        json: { error: { code: "conflict" }, request: { id, hash, state: "open" } },
      });
      expect(await app.callRequests(`/${id}`, { answer: "perhaps", hash })).toMatchObject({
        status: 400,
        json: { error: { message: `answer must be one of: ${answers.join(", ")}.` } },
      });
      await app.restart();
      await app.listenAgain();
      expect(await app.list()).toMatchObject([{ id, hash }]);
      await place.answer(app, kind, request);
      await expectAnswered(app, id, { ...kind.decision, by: place.by, where: place.where });
      expect((await app.callRequests(`/${id}`, { ...kind.decision, hash })).status).toBe(
        place.by === "admin" ? 200 : 409,
      );
    },
  );

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

  // In the full run each kind, otherwise those that a comment cannot approve, and a question.
  test.runIf(comment && (IS_FULL_RUN || unseen || nth === 0))(
    "is answered by a member's comment in Plane, by none of a guest and by none that approves what Plane does not show",
    async () => {
      const app = await createRequestsApp(kind);
      const { id } = await ask(app, kind);
      if (unseen) {
        app.plane.editMember(app.human, { role: 5 });
        for (const text of [unseen, comment?.text ?? ""]) await writeComment(app, text);
        expect(readRefusals(app)).toEqual([]);
        app.plane.editMember(app.human, { role: 20 });
        await writeComment(app, unseen);
        expect(readRefusals(app)).toEqual([expect.stringContaining("This comment approved nothing")]);
        expect((await app.readRequest(id)).state).toBe("open");
      }
      const before = app.getWakes().length;
      await writeComment(app, comment?.text ?? "");
      const { answer, comment: words } = comment?.decision ?? kind.decision;
      const verdict = { answer, by: "ada", where: "plane", ...(words === undefined ? {} : { comment: words }) };
      expect(await app.readRequest(id)).toMatchObject({ state: "answered", verdict });
      expect(app.getButtonLabels(app.findMessage(kind.message))).toEqual([]);
      expect(await kind.readEffect(app)).toEqual(comment && "effect" in comment ? comment.effect : kind.effect);
      expect(await app.list()).toEqual([]);
      expect(app.getWakes().slice(before).join("\n")).not.toContain('"addressed"');
    },
  );

  // Every kind in the full run, otherwise every second one, and those that are found again.
  const isSampled = IS_FULL_RUN || nth % 2 === 0 || kind.isFoundAgain;
  test.runIf(isSampled)("after a lost store its message is answered or says what to do, and is no wish", async () => {
    const app = await createRequestsApp({ ...kind, ...(await openStores(nth)) });
    await ask(app, kind);
    const message = app.findMessage(kind.message);
    await loseStore(app);
    // Existing work items ask nobody for anything by themselves.
    expect(await app.list()).toHaveLength(kind.isFoundAgain ? 1 : 0);
    const before = app.getWakes().length;
    await app.replyTo(message, kind.reply);
    await app.advanceAndDrain(30_000);
    const texts = app.getBotMessages().filter(({ text }) => !text.includes("Ticket to approve"));
    expect(app.getWakes().slice(before).join("\n")).not.toContain("in reply to");
    expect(app.getBotMessages().map(toPlainText)).not.toContain("📨 Sent to Concierge.");
    if (!kind.afterLoss) return expect(await kind.readEffect(app)).toEqual(kind.effect);
    expect(toPlainText(texts.at(-1))).toMatch(kind.afterLoss);
    // What was found again is shown again by the reply, and may be judged then.
    expect(await app.tapButton(message, kind.button)).toMatch(kind.isFoundAgain ? kind.outcome : kind.afterLoss);
    await app.advanceAndDrain(30_000);
    if (kind.isFoundAgain) expect(await kind.readEffect(app)).toEqual(kind.effect);
    if (kind.afterLoss !== TICKET_AGAIN) return;
    expect(await app.list()).toMatchObject([{ kind: "ticket", subject: { key: "ONB-1" } }]);
    expect(await app.tapButton(app.findMessage("Ticket to approve"), "✅ Approve")).toContain("Approved by");
    expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  });

  // Every kind in the full run, otherwise a quarter.
  test.runIf(IS_FULL_RUN || nth % 4 === 0)(
    "answered in two places at the same moment has one verdict with one name, which both show (reliability 44)",
    async () => {
      const app = await createRequestsApp(kind);
      const { id, hash } = await ask(app, kind);
      const [, api] = await Promise.all([
        app.tapButton(app.findMessage(kind.message), kind.button),
        app.callRequests(`/${id}`, { ...kind.decision, hash }),
      ]);
      const { verdict } = await app.readRequest(id);
      expect(api).toMatchObject({ status: verdict.by === "admin" ? 200 : 409 });
      await expectAnswered(app, id, { by: verdict.by });
      expect(toPlainText(app.findMessage(kind.message))).toContain(verdict.by);
    },
  );
});

test("a comment that could answer two permissions answers none, says so, and is read by the session", async () => {
  const app = await createRequestsApp({ tickets: {} });
  const token = await requestSession(app);
  for (const command of ["rm -rf build", "ls"])
    await askByHook(app, token, { tool_name: "Bash", tool_input: { command } });
  await app.advanceAndDrain(5_000);
  await writeComment(app, "no");
  expect(await app.list()).toHaveLength(2);
  expect(readRefusals(app)).toEqual([expect.stringContaining("may answer several requests")]);
  await app.decide("deny");
  await writeComment(app, "non");
  expect(await app.list()).toEqual([]);
  expect((await app.callAsSession(token, "get_task_details", { task: "ONB-1" })).text).toContain('"text":"no"');
});

test("a comment that answers its session is neither a remark for it nor a ticket of its own", async () => {
  const app = await createRequestsApp({ tickets: {} });
  const token = await requestSession(app);
  await app.hook(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
  await app.advanceAndDrain(5_000);
  await writeComment(app, "Blue, please");
  const [session] = (await app.exchange([createSession()])).sessions;
  expect(session?.inputs).toMatchObject([{ kind: "text", text: "Blue, please" }]);
  const done = { task: "ONB-1", status: "done", text: "It is blue" };
  expect((await app.callAsSession(token, "update_task_status", done)).status).toBe(200);
  await app.decide("approve");
  await app.exchange([createSession({ state: "ended" })]);
  await app.advanceAndDrain(30_000);
  expect(await app.list()).toEqual([]);
});

test("a comment from before a request, an edited one and one of a program answer nothing", async () => {
  const app = await createRequestsApp({ tickets: {} });
  const token = await requestSession(app);
  app.plane.addComment(getOnlyItem(app), "<p>no</p>");
  const edited = app.plane.addComment(getOnlyItem(app), "<p>Well</p>");
  app.advance(2_000);
  await askByHook(app, token, { tool_name: "Bash", tool_input: { command: "ls" } });
  await app.poll();
  await app.advanceAndDrain(10_000);
  app.plane.editComment(edited, "<p>no</p>");
  await app.poll();
  await writeComment(app, "no", { external: { source: "a-program", id: "1" } });
  expect(await app.list()).toMatchObject([{ kind: "permission" }]);
});
