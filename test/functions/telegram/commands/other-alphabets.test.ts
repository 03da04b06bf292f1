import { expect, test } from "vitest";
import { createSession } from "../../tickets/tickets-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const KEY = "ÖKO_2-1";
const PATH = encodeURIComponent(KEY);

/** Creates the product with a ticket of a project whose identifier is not only ASCII. */
async function createOkoApp() {
  const app = await createTicketMessagesApp({ repositories: { öko_2: "/srv/oko" } });
  const project = app.plane.addProject({ name: "Ökologie", identifier: "ÖKO_2" });
  await app.poll();
  const item = app.addTask("Write it down", [], {}, project);
  await app.deliverWebhooks();
  await app.advanceAndDrain();
  return { app, item, runner: { repositories: ["ÖKO_2"] } };
}

test("a key that is not only ASCII works over HTTP, in the exchange and in hooks, in both forms of its letters", async () => {
  const { app, item, runner } = await createOkoApp();
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ id: KEY, project: "ÖKO_2" }]);
  const decomposed = encodeURIComponent("o\u0308ko_2-1");
  expect((await app.call(`/api/approve/${decomposed}`)).json).toMatchObject({ ticket_id: KEY });
  const [desired] = (await app.exchange([], runner)).sessions;
  expect(desired).toMatchObject({ ticket: KEY, project: "ÖKO_2" });
  await app.exchange([createSession({ ticket: KEY })], runner);
  const hook = { hook_event_name: "UserPromptExpansion", command_name: "complete", command_args: "Done" };
  expect((await app.hook(desired?.token ?? "", hook, PATH)).status).toBe(200);
  expect((await app.call(`/api/update-plane/${PATH}`)).json).toMatchObject({ status: "updated", ticket_id: KEY });
  expect(app.readComments(item).join()).toContain("Done");
  expect((await app.request(`/terminal/${PATH}`, "")).status).toBe(200);
});

test.each(["/plane approve öko_2-1", "/plane approve o\u0308ko_2-1"])("%s approves a ticket", async (text) => {
  const { app, runner } = await createOkoApp();
  expect(await app.sendAndGetReply(text)).toBe(`✅ ${KEY} Write it down: Approved by Ada (Telegram)`);
  expect((await app.exchange([], runner)).sessions).toMatchObject([{ ticket: KEY }]);
});
