import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN, serveTestApp, signIn } from "../../../support/http-test-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { ADA, ADA_USER, BOB, BOB_USER, createTeamOptions, GROUP_CHAT, toPlainText } from "./commands-app.ts";

const GIL_USER = 4713;

/** What belongs to the project OPS only. */
const FOREIGN = /OPS|Zurich/;

/** A team in one group: Ada, an admin, Bob, a member, and Gil, a guest, who both belong to ONB and not to OPS. */
async function createTeam() {
  const app = await createLiveMessagesApp({
    ...createTeamOptions([ADA, BOB, { email: "gil@javisi.local.test", telegram: GIL_USER }]),
    setUpPlane(plane) {
      plane.addUser({ name: "Bob" });
      plane.addUser({ name: "Gil", role: 5 });
      return {};
    },
  });
  const agents = ["Concierge", "Imhotep", "Thot"].map(app.getUser);
  const ops = app.plane.addProject({ name: "Zurich operations", identifier: "OPS", members: [app.human, ...agents] });
  const own = await app.startTask("Imhotep", "Write the terms");
  const item = app.addTask("Patch the Zurich servers", "Imhotep", {}, ops);
  const foreign = app.toTaskKey(item, ops);
  await app.poll();
  await app.poll();
  await app.actAs("Imhotep").setStatus(foreign, { status: "in_progress" });
  await app.advanceAndDrain();
  return {
    ...{ app, own, foreign, item },
    /** The text of the only reply to what somebody writes in the group. */
    say: async (from: number, text: string) => toPlainText((await app.sendMessage(text, { from })).at(-1)),
  };
}

test("PEOPLE-07: no command has or changes anything of projects that the person does not see; an admin sees all", async () => {
  const { app, say, foreign, item, own } = await createTeam();
  for (const text of ["/plane status", "/plane project", "/plane agent Imhotep", "/plane digest", "/plane cycle"]) {
    const reply = await say(BOB_USER, text);
    expect(reply, text).not.toBe("");
    expect(reply, text).not.toMatch(FOREIGN);
  }
  expect(await say(ADA_USER, "/plane status")).toMatch(FOREIGN);
  for (const command of ["task", "done", "cancel", "comment", "stop", "mute"]) {
    const reply = await say(BOB_USER, `/plane ${command} ${foreign} now`);
    expect(reply.replaceAll(foreign, ""), command).not.toMatch(FOREIGN);
    expect(reply, command).not.toMatch(/✅|Completed|Passed on|stopped|Muted/);
  }
  expect(await say(BOB_USER, "/plane project OPS")).not.toContain("Zurich");
  expect(await say(BOB_USER, "/plane new OPS Another server")).not.toContain("Another server ");
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect(app.readComments(item).join()).not.toContain("now");
  expect(await say(BOB_USER, `/plane done ${own}`)).toContain(own);
});

test("PEOPLE-07: a person answers no question about a project that they do not see, by button or reply; a guest reads, and neither acts nor answers", async () => {
  const { app, say, own, foreign } = await createTeam();
  await app.askQuestion("Imhotep", foreign, { text: "Reboot now?", choices: ["Yes", "No"] });
  const readText = () => toPlainText(app.findMessage("Reboot now?"));
  await app.tapButton(app.findMessage("Reboot now?"), "Yes", BOB_USER);
  await app.replyTo(app.findMessage("Reboot now?"), "Yes", BOB_USER);
  expect(readText()).not.toContain("Answered");
  await app.tapButton(app.findMessage("Reboot now?"), "Yes", ADA_USER);
  expect(readText()).toContain("Answered by ada");

  expect(await say(GIL_USER, "/plane status")).toContain("ONB");
  const changes = [`done ${own}`, `comment ${own} hello`, "new ONB Another task", "mute ONB"];
  for (const change of changes) expect(await say(GIL_USER, `/plane ${change}`)).toContain("Only members and admins");
  await app.askQuestion("Imhotep", own, { text: "Which colour?", choices: ["Blue", "Red"] });
  await app.tapButton(app.findMessage("Which colour?"), "Blue", GIL_USER);
  expect(app.findMessage("Only members and admins")).toBeDefined();
  await app.replyTo(app.findMessage("Which colour?"), "Blue", GIL_USER);
  expect(toPlainText(app.findMessage("Which colour?"))).not.toContain("Answered");
  await app.tapButton(app.findMessage("Which colour?"), "Blue", BOB_USER);
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by bob");
});

/** The product over HTTP with Bob, whose number the list has, and everything that it has stored. */
async function createApp(chats = [GROUP_CHAT, BOB_USER]) {
  const app = await createLiveMessagesApp({
    ...createTeamOptions([BOB]),
    chats,
    env: { PUBLIC_URL: "https://crew.example.com", ADMIN_TOKEN: HTTP_ADMIN_TOKEN, TRUSTED_PROXIES: "127.0.0.1" },
  });
  const served = await serveTestApp(app);
  return Object.assign(served, {
    stored: served.recordCommits(),
    /** Signs in as a browser at this address. */
    signIn: (token: string, address = "198.51.100.1") =>
      signIn(served.url, token, { "x-forwarded-for": address, "user-agent": "Firefox/1 Linux" }),
    /** Asks for a link as Bob and returns the address of the page that it leads to. */
    async askForLink(chat = GROUP_CHAT): Promise<URL> {
      await app.sendMessage("/plane page", { from: BOB_USER, chat });
      const { entities } = app.getBotMessages(BOB_USER).at(-1) ?? {};
      const link = entities?.find(({ type }) => type === "text_link");
      return new URL(link?.url ?? "https://no-link.example");
    },
    async readSession(cookie: string): Promise<unknown> {
      const response = await fetch(`${served.url}/api/session`, { headers: { cookie } });
      return response.ok ? response.json() : response.status;
    },
  });
}

const toSecret = ({ hash }: URL) => hash.slice(1);

test("PEOPLE-07: a link of /plane page signs in the person whose number it is, once, and is in their private chat only", async () => {
  const app = await createApp();
  const link = await app.askForLink();
  expect(link.href).toMatch(/^https:\/\/crew\.example\.com\/sign-in#[\w-]{43}$/);
  const secret = toSecret(link);
  const group = JSON.stringify(app.getBotMessages());
  expect(group).toContain("The link is in your private chat");
  expect(group).not.toContain(secret);
  // It cannot be forwarded; a preview of it uses and learns nothing, also where a program sends the fragment.
  expect(app.getBotMessages(BOB_USER)[0]).toMatchObject({ isProtected: true });
  for (const method of ["GET", "HEAD"]) expect((await fetch(`${app.url}/sign-in`, { method })).status).toBe(200);
  expect((await fetch(`${app.url}/api/session?token=${secret}`)).status).toBe(400);
  const { status, cookie } = await app.signIn(secret, "198.51.100.7");
  expect(status).toBe(200);
  expect(await app.readSession(cookie)).toEqual({ name: "bob", email: BOB.email, role: "member" });
  expect((await app.signIn(secret)).status).toBe(401);
  await app.advanceAndDrain();
  const [message] = app.getBotMessages(BOB_USER);
  expect(toPlainText(message)).toContain("Signed in to the page: Firefox, Linux (198.51.100.7)");
  // The secret is in no record, log line, job or message any more.
  const chat = await (await app.request("/api/chat", HTTP_ADMIN_TOKEN)).text();
  expect(chat).toContain("/plane page");
  const everything = JSON.stringify([app.stored, app.logged, message, app.getBotMessages(), chat]);
  expect(everything).toContain("sign-in-link:");
  expect(everything).not.toContain(secret);
});

test("PEOPLE-07: a link can be used within 5 minutes and no later, and by one of two browsers at once; who guesses links is refused after 20 of them a minute, and the right one still signs in", async () => {
  const app = await createApp();
  const first = toSecret(await app.askForLink());
  app.advance(290_000);
  const results = await Promise.all([app.signIn(first, "198.51.100.1"), app.signIn(first, "198.51.100.2")]);
  expect(results.map(({ status }) => status).sort()).toEqual([200, 401]);
  expect((await app.signIn(first, "198.51.100.3")).status).toBe(401);
  const second = toSecret(await app.askForLink());
  app.advance(300_000);
  expect((await app.signIn(second)).status).toBe(401);
  app.advance(60_000);
  const secret = toSecret(await app.askForLink());
  const statuses: number[] = [];
  for (let i = 10; i < 32; i += 1) statuses.push((await app.signIn(`${"x".repeat(41)}${i}`)).status);
  expect(statuses).toEqual([...Array<number>(20).fill(401), 429, 429]);
  expect((await app.signIn(secret)).status).toBe(200);
});

test("PEOPLE-07: neither a person without a chat with the bot nor a number of nobody gets a link", async () => {
  const app = await createApp([GROUP_CHAT, ADA_USER]);
  expect(await app.sendAndGetReply("/plane page", { from: BOB_USER })).toContain("first write /start to the bot");
  expect(await app.sendAndGetReply("/plane page", { from: ADA_USER })).toContain("belongs to no person");
  expect(app.getBotMessages(ADA_USER)).toEqual([]);
  expect(JSON.stringify(app.getBotMessages())).not.toContain("/sign-in#");
});
