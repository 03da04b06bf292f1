import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN, signIn } from "../support/http-test-app.ts";
import { runCliHere } from "../support/program.ts";
import { ADA, BOB, BOB_USER, createTeamOptions, toPlainText } from "./telegram/commands/commands-app.ts";
import { createMessagesApp } from "./telegram/messages-app.ts";

type App = Awaited<ReturnType<typeof createTeam>>;

const EVE_USER = 4713;
const EVE = { email: "eve@javisi.local.test", telegram: EVE_USER };

/** A team of Ada and Bob, who are in ONB, and Eve, who is not. */
async function createTeam(people: object[] = [ADA, BOB, EVE]) {
  let bob = { id: "" };
  const app = await createMessagesApp({
    ...createTeamOptions(people),
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN },
    setUpPlane(plane) {
      bob = plane.addUser({ name: "Bob" });
      return {};
    },
  });
  app.plane.addUser({ name: "Eve" });

  /** Asks a question about a new task; returns its message. */
  async function askAbout(title: string, author?: { id: string }) {
    const task = { name: title, assignees: [app.getUser("Imhotep")] };
    const item = app.plane.addItem(app.onb, task, author ? { by: author } : {});
    const key = app.toTaskKey(item);
    await app.poll();
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    await app.askQuestion("Imhotep", key, { text: `About ${title}?`, choices: ["Blue", "Red"] });
    return app.findMessage(`About ${title}?`);
  }

  /** Signs in with a token, or as Bob with his own one of Plane; returns a function that sends what is asked for. */
  async function signInAs(token = app.plane.createApiKey(bob)) {
    const headers = { "content-type": "application/json", origin: app.url };
    const { cookie } = await signIn(app.url, token, headers);
    return async (path: string, body?: object) => {
      const post = body ? { method: "POST", body: JSON.stringify(body) } : {};
      const answer = await fetch(app.url + path, { headers: { ...headers, cookie }, ...post });
      // biome-ignore lint/suspicious/noExplicitAny: tests compare the answers of several routes as they are.
      const json: any = await answer.json();
      await app.advanceAndDrain();
      return { status: answer.status, json };
    };
  }
  return Object.assign(app, { askAbout, signInAs, getItem: () => app.plane.items(app.onb.id)[0] ?? { id: "" }, bob });
}

const readAudit = async (app: App): Promise<object[]> =>
  (await app.read("/audit?person=bob")).calls.filter(({ person }: { person?: string }) => person !== undefined);

const readQuestion = async (app: App) => (await app.read("/api/requests")).requests[0];

test("an answer on the page has the person's name: in the API, Telegram, Plane's comment, the decision log and the audit", async () => {
  const app = await createTeam();
  await app.askAbout("the mail");
  const { id, hash } = await readQuestion(app);
  const answer = await (await app.signInAs())(`/api/requests/${id}`, { answer: "answer", comment: "Blue", hash });
  expect(answer).toMatchObject({ status: 200, json: { verdict: { by: "bob", where: "page" } } });
  expect(toPlainText(app.findMessage("About the mail?"))).toContain("Answered by bob");
  expect(app.readComments(app.getItem())).toContain("Ada: <p><strong>Answer</strong> (bob):</p><p>Blue</p>");
  const event = expect.objectContaining({ kind: "answered", by: "bob" });
  const { rows } = await app.read("/api/why?task=ONB-1");
  expect(rows).toContainEqual(expect.objectContaining({ event }));
  expect(await readAudit(app)).toMatchObject([
    { person: "bob", tool: "POST /api/requests/:id", item: "ONB-1", outcome: "ok", via: "page" },
    { person: "bob", tool: "POST /api/session", outcome: "ok", via: "page" },
  ]);
});

test("of two who answer, the second learns whose answer stands", async () => {
  const app = await createTeam();
  const message = await app.askAbout("the mail");
  const { id, hash } = await readQuestion(app);
  await app.tapButton(message, "Red");
  const refused = await (await app.signInAs())(`/api/requests/${id}`, { answer: "answer", comment: "Blue", hash });
  expect(refused).toMatchObject({ status: 409, json: { request: { verdict: { by: "ada", comment: "Red" } } } });
  expect(await readAudit(app)).toMatchObject([{ outcome: "conflict" }, {}]);
});

test("a stop, an edit, a wish and a button in Telegram have the person's name in Plane and in the audit; reading has none", async () => {
  const app = await createTeam();
  const message = await app.askAbout("the mail");
  await app.tapButton(message, "Red", BOB_USER);
  for (const text of ["status", "stop ONB-1 wrong customer", "priority ONB-1 high", "new add a dark mode to the site"])
    await app.sendMessage(`/plane ${text}`, { from: BOB_USER });
  await app.advanceAndDrain();
  const comments = app.readComments(app.getItem()).join("\n");
  expect(comments).toContain("<strong>bob</strong> wrote:</p><p>stop: wrong customer</p>");
  expect(app.readPlaneItem(app.getItem())).toMatchObject({ priority: "high" });
  expect(await readAudit(app)).toMatchObject([
    { tool: "wish", via: "telegram" },
    { tool: "priority", item: "ONB-1", via: "telegram" },
    { tool: "stop", item: "ONB-1", via: "telegram" },
    { tool: "answer", item: "ONB-1", via: "telegram" },
  ]);
});

/** The names that a message mentions. */
const listMentions = (message: Awaited<ReturnType<App["askAbout"]>>) =>
  message?.entities
    .filter(({ type }) => type === "text_mention")
    .map(({ offset, length }) => message.text.slice(offset, offset + length));

test("a request in a group mentions who asked for its task, and with the reminder the people of the project", async () => {
  const app = await createTeam();
  const message = await app.askAbout("the mail", app.bob);
  expect(listMentions(message)).toEqual(["bob"]);
  await app.advanceAndDrain(2 * 3_600_000);
  const reminder = app.findMessage("About the mail?");
  expect(reminder?.id).not.toBe(message?.id);
  expect(listMentions(reminder)).toContain("ada");
});

test("without a known requester it mentions the people of the project, and nobody once it is answered", async () => {
  const app = await createTeam([BOB, EVE]);
  const message = await app.askAbout("the mail");
  expect(listMentions(message)).toEqual(["bob"]);
  await app.replyTo(message, "Blue", BOB_USER);
  expect(listMentions(app.findMessage("About the mail?"))).toEqual([]);
});

test("GET /api/requests says for whom each request is first and which are mine, which /plane mine lists", async () => {
  const app = await createTeam();
  await app.askAbout("the mail", app.bob);
  await app.askAbout("the plan");
  const list = async (token?: string) =>
    (await (await app.signInAs(token))("/api/requests")).json.requests.map(
      (one: { text: string; for: string[]; mine: boolean }) => [one.text, one.for, one.mine],
    );
  expect(await list()).toEqual([
    ["About the mail?", ["bob"], true],
    ["About the plan?", ["ada"], false],
  ]);
  expect(await list(HTTP_ADMIN_TOKEN)).toMatchObject([{ 2: true }, { 2: true }]);
  const [mine] = await app.sendMessage("/plane mine", { from: BOB_USER });
  expect(toPlainText(mine)).toContain("About the mail?");
  expect(toPlainText(mine)).not.toContain("About the plan?");
  const [none] = await app.sendMessage("/plane mine", { from: EVE_USER });
  expect(toPlainText(none)).toBe("✅ Nothing waits for you.");
});

test("a wish from a person's own chat is answered there", async () => {
  const app = await createTeam();
  await app.sendMessage("how far is the landing page?", { from: BOB_USER, chat: BOB_USER });
  await app.messageHuman({ text: "It is at 60%." });
  expect(app.getBotMessages(BOB_USER).map(toPlainText).join("\n")).toContain("60%");
  expect(app.getBotMessages().map(toPlainText).join("\n")).not.toContain("60%");
});

test("GET /api/people and `groundcrew people` list them as Plane has them, with their last sign-in; one who is not there has no role", async () => {
  const app = await createTeam([BOB, { email: "zoe@example.test", telegram: "43" }]);
  await app.signInAs();
  expect(await app.read("/api/people")).toMatchObject({
    people: [
      {
        ...{ name: "bob", email: "bob@javisi.local.test", role: "member", telegram: BOB_USER, projects: ["ONB"] },
        last_sign_in: new Date(app.time.now).toISOString(),
      },
      { name: "zoe@example.test", telegram: 43, projects: [] },
    ],
  });
  const text = await runCliHere(["people"], { env: { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN } });
  expect(text).toMatchObject({ exit: 0, err: "" });
  expect(text.out).toMatch(/bob@javisi\.local\.test[\s\S]*role: +member[\s\S]*telegram: +4712/);
});
