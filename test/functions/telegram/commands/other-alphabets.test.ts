import { expect, test } from "vitest";
import { createSession } from "../../tickets/tickets-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const KEY = "ÖKO_2-1";

test("a key that is not only ASCII works in commands, over HTTP, in the exchange and in hooks, in both forms of its letters", async () => {
  const app = await createTicketMessagesApp({ repositories: { öko_2: "/srv/oko" } });
  const project = app.plane.addProject({ name: "Ökologie", identifier: "ÖKO_2" });
  await app.poll();
  const item = app.addTask("Write it down", [], {}, project);
  await app.deliverWebhooks();
  await app.advanceAndDrain();
  const runner = { repositories: ["ÖKO_2"] };
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ id: KEY, project: "ÖKO_2" }]);
  const reply = await app.sendAndGetReply("/plane approve o\u0308ko_2-1");
  expect(reply).toBe(`✅ ${KEY} Write it down: Approved by Ada (Telegram)`);
  const decomposed = encodeURIComponent("o\u0308ko_2-1");
  expect((await app.call(`/api/approve/${decomposed}`)).json).toMatchObject({ ticket_id: KEY });
  const [desired] = (await app.exchange([], runner)).sessions;
  expect(desired).toMatchObject({ ticket: KEY, project: "ÖKO_2" });
  await app.exchange([createSession({ ticket: KEY })], runner);
  const path = encodeURIComponent(KEY);
  const hook = { hook_event_name: "UserPromptExpansion", command_name: "complete", command_args: "Done" };
  expect((await app.hook(desired?.token ?? "", hook, path)).status).toBe(200);
  expect((await app.call(`/api/update-plane/${path}`)).json).toMatchObject({ status: "updated", ticket_id: KEY });
  expect(app.readComments(item).join()).toContain("Done");
  expect((await app.request(`/terminal/${path}`, "")).status).toBe(200);
});
