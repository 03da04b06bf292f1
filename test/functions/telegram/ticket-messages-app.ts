import { createTicketRules } from "../../../functions/tickets/ticket-rules.ts";
import { HTTP_ADMIN_TOKEN, serveTestApp } from "../../support/http-test-app.ts";
import { addTicketCalls, createSession, RUNNER_TOKEN } from "../tickets/tickets-app.ts";
import { toPlainText } from "./commands/commands-app.ts";
import { createLiveMessagesApp } from "./live-messages-app.ts";

type Options = NonNullable<Parameters<typeof createLiveMessagesApp>[0]>;
export type TicketMessagesApp = Awaited<ReturnType<typeof createTicketMessagesApp>>;

/** Creates the product with tickets for ONB and a chat, over HTTP, with a scripted runner. */
export async function createTicketMessagesApp(
  settings: Record<string, unknown> = {},
  { env = {}, ...options }: Options = {},
) {
  const live = await createLiveMessagesApp({
    ...options,
    config: { tickets: { repositories: { ONB: "/srv/onb" }, ...settings }, ...options.config },
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN, RUNNER_TOKEN, ...env },
    parts: { ...options.parts, ruleSets: (parsed) => [createTicketRules(parsed.tickets)] },
  });
  const app = addTicketCalls(await serveTestApp(live));

  return Object.assign(app, {
    /** Adds a task to ONB, whose ticket is sent to the chat. Returns its item. */
    async requestTicketMessage(...task: Parameters<typeof app.requestTicket>) {
      const item = app.addTask(task[0] ?? "Write it down", [], task[1]);
      await app.deliverWebhooks();
      await app.advanceAndDrain();
      return item;
    },
    /** Approves ONB-1 and starts its session; returns the token of its run. */
    async startSession() {
      const token = await app.runSession();
      await app.advanceAndDrain();
      return token;
    },
    /** Sends a hook of the session, and what it asks to the chat. */
    async askBySession(token: string, hook: Record<string, unknown>) {
      await app.hook(token, hook);
      await app.advanceAndDrain();
    },
    /** Exchanges as a runner, and sends what follows to the chat. */
    async exchangeAndSend(...sessions: Parameters<typeof createSession>) {
      const answer = await app.exchange(sessions.map(createSession));
      await app.advanceAndDrain();
      return answer;
    },
    /** The lines of the bot's last message that contains a text. */
    readLines: (part: string) => toPlainText(app.findMessage(part)).split("\n"),
  });
}
