import { expect, test } from "vitest";
import { z } from "zod";
import { HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "./telegram/commands/commands-app.ts";
import { createMessagesApp } from "./telegram/messages-app.ts";

const BOB_USER = 4712;
const EVE_USER = 4713;
const PEOPLE = [
  { email: "ada@javisi.local.test", telegram: ADA_USER },
  { email: "bob@javisi.local.test", telegram: BOB_USER },
  { email: "eve@javisi.local.test", telegram: EVE_USER },
];

/** A team of Ada and Bob, who are in ONB, and Eve, who is not; Bob's task ONB-1 has a question of Imhotep. */
async function createTeam(people: object[] = PEOPLE) {
  const users: Record<string, string> = {};
  const app = await createMessagesApp({
    chats: [GROUP_CHAT, BOB_USER],
    config: { people },
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN },
    setUpPlane(plane) {
      users["Bob"] = plane.addUser({ name: "Bob" }).id;
      return {};
    },
  });
  users["Eve"] = app.plane.addUser({ name: "Eve" }).id;

  /** Asks a question about a new task; returns its message. */
  async function askAbout(title: string, by: string | undefined) {
    const author = by === undefined ? {} : { by: users[by] ?? "" };
    const item = app.plane.addItem(app.onb, { name: title, assignees: [app.getUser("Imhotep")] }, author);
    const key = app.toTaskKey(item);
    await app.poll();
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    await app.askQuestion("Imhotep", key, { text: `About ${title}?` });
    return app.findMessage(`About ${title}?`);
  }
  async function signIn(token: string): Promise<string> {
    const response = await fetch(`${app.url}/api/session`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: app.url },
      body: JSON.stringify({ token }),
    });
    return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  }
  async function listFor(token: string) {
    const response = await fetch(`${app.url}/api/requests`, { headers: { cookie: await signIn(token) } });
    const schema = z.object({
      requests: z.array(z.looseObject({ text: z.string(), for: z.array(z.string()), mine: z.boolean() })),
    });
    return schema.parse(await response.json()).requests.map(({ text, mine, for: names }) => [text, names, mine]);
  }
  return Object.assign(app, { users, askAbout, signIn, listFor });
}

/** The mentions of a message: their texts and numbers. */
const listMentions = (message: Awaited<ReturnType<Awaited<ReturnType<typeof createTeam>>["askAbout"]>>) =>
  message?.entities
    .filter(({ type }) => type === "text_mention")
    .map(({ offset, length, user }) => [message.text.slice(offset, offset + length), user?.id]);

test("a request in a group mentions who asked for its task, and with the reminder the people of the project", async () => {
  const app = await createTeam();
  const message = await app.askAbout("the mail", "Bob");
  expect(listMentions(message)).toEqual([["bob", BOB_USER]]);
  await app.advanceAndDrain(2 * 3_600_000);
  const reminder = app.findMessage("About the mail?");
  expect(reminder?.id).not.toBe(message?.id);
  expect(listMentions(reminder)?.map(([name]) => name)).toContain("ada");
});

test("without a known requester it mentions the people of the project, and nobody once it is answered", async () => {
  const app = await createTeam([...PEOPLE.slice(1)]);
  const message = await app.askAbout("the mail", undefined);
  expect(listMentions(message)).toEqual([["bob", BOB_USER]]);
  await app.replyTo(message, "Blue", BOB_USER);
  expect(listMentions(app.findMessage("About the mail?"))).toEqual([]);
});

test("without numbers in the list nobody is mentioned", async () => {
  const app = await createTeam(PEOPLE.map(({ email }) => ({ email })));
  expect(listMentions(await app.askAbout("the mail", "Bob"))).toEqual([]);
});

test("GET /api/requests says for whom each request is first, and which are mine", async () => {
  const app = await createTeam();
  await app.askAbout("the mail", "Bob");
  await app.askAbout("the plan", undefined);
  const asBob = await app.listFor(app.plane.createApiKey(app.users["Bob"] ?? ""));
  expect(asBob).toEqual([
    ["About the mail?", ["bob"], true],
    ["About the plan?", ["ada"], false],
  ]);
  expect((await app.listFor(HTTP_ADMIN_TOKEN)).map(([text, , mine]) => [text, mine])).toEqual([
    ["About the mail?", true],
    ["About the plan?", true],
  ]);
});

test("/plane mine lists what waits for the person who asks", async () => {
  const app = await createTeam();
  await app.askAbout("the mail", "Bob");
  await app.askAbout("the plan", undefined);
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

test("GET /api/board with mine=yes has the person's own tasks: assigned, created, or with a request for them", async () => {
  const app = await createTeam();
  await app.askAbout("the mail", "Bob");
  await app.askAbout("the plan", undefined);
  const cookie = await app.signIn(app.plane.createApiKey(app.users["Bob"] ?? ""));
  const schema = z.object({ columns: z.array(z.object({ cards: z.array(z.looseObject({ key: z.string() })) })) });
  const board = schema.parse(await (await fetch(`${app.url}/api/board?mine=yes`, { headers: { cookie } })).json());
  expect(board.columns.flatMap((column) => column.cards.map(({ key }) => key))).toEqual(["ONB-1"]);
});
