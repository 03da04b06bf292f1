import { expect, test } from "vitest";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { ADA, ADA_USER, BOB, BOB_USER, createTeamOptions, toPlainText } from "./commands-app.ts";

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

test("PEOPLE-07: a person answers no question about a project that they do not see, by button or reply", async () => {
  const { app, foreign } = await createTeam();
  await app.askQuestion("Imhotep", foreign, { text: "Reboot now?", choices: ["Yes", "No"] });
  const readText = () => toPlainText(app.findMessage("Reboot now?"));
  await app.tapButton(app.findMessage("Reboot now?"), "Yes", BOB_USER);
  await app.replyTo(app.findMessage("Reboot now?"), "Yes", BOB_USER);
  expect(readText()).not.toContain("Answered");
  await app.tapButton(app.findMessage("Reboot now?"), "Yes", ADA_USER);
  expect(readText()).toContain("Answered by ada");
});

test("PEOPLE-07: a guest reads, and neither acts nor answers", async () => {
  const { app, say, own } = await createTeam();
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
