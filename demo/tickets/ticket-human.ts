import { z } from "zod";
import type { Ms } from "../../shared/time.ts";

interface TicketHumanOptions {
  /** Groundcrew's address. */
  url: string;
  narrate: (text: string) => void;
  clock: () => Ms;
  /** Time that the person watching has to answer a session first, in milliseconds. */
  answerDelay: Ms;
  /** Time that the person watching has to approve a ticket, a permission or an update first, in milliseconds. */
  approvalDelay: Ms;
  fetch?: typeof fetch;
}

const pendingSchema = z.object({ tickets: z.array(z.object({ id: z.string(), title: z.string(), hash: z.string() })) });
const questionSchema = z.object({ id: z.string(), kind: z.string(), text: z.string(), answer: z.unknown().optional() });
const sessionsSchema = z.object({
  sessions: z.array(z.object({ id: z.string(), questions: z.array(questionSchema) })),
});
const completedSchema = z.object({
  tickets: z.array(z.object({ id: z.string(), run: z.int(), state: z.string() })),
  updated: z.array(z.object({ id: z.string() })),
});

/** What the human answers to a question of a session that asks for text. */
const TEXT_ANSWER = "Yes";

/** Something that waits for a person, and what the human does about it. */
interface Task {
  /** Identifies the version that was shown: a changed ticket is looked at again. */
  id: string;
  delay: Ms;
  path: string;
  body: object;
  story: string;
}

/**
 * Creates the scripted human of tickets, who does what a person does on the page, by the same routes: approves tickets,
 * allows permissions, answers questions and approves updates, once each, and only what nobody else has done in time.
 */
export function createTicketHuman(options: TicketHumanOptions) {
  const { url, narrate, clock, answerDelay, approvalDelay, fetch: send = fetch } = options;
  const firstSeen = new Map<string, Ms>();
  const done = new Set<string>();
  /** Keys of all tickets so far, and of those that still wait or run. */
  const known = new Set<string>();
  let open = new Set<string>();

  async function read<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const response = await send(url + path);
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return schema.parse(await response.json());
  }

  async function findTasks(): Promise<Task[]> {
    const [pending, active, completed] = await Promise.all([
      read("/api/pending-tickets", pendingSchema),
      read("/api/sessions", sessionsSchema),
      read("/api/completed-tickets", completedSchema),
    ]);
    open = new Set([...pending.tickets, ...active.sessions, ...completed.tickets].map(({ id }) => id));
    for (const id of [...open, ...completed.updated.map((ticket) => ticket.id)]) known.add(id);
    return [
      ...pending.tickets.map(({ id, title, hash }) => ({
        id: `${id} ${hash}`,
        delay: approvalDelay,
        path: `/api/approve/${id}`,
        body: { hash },
        story: `Ada approves the ticket ${id} “${title}”`,
      })),
      ...active.sessions.flatMap(({ id, questions }) => questions.flatMap((question) => toTask(id, question) ?? [])),
      ...completed.tickets
        .filter(({ state }) => state === "completed")
        .map(({ id, run }) => ({
          id: `${id} update ${run}`,
          delay: approvalDelay,
          path: `/api/update-plane/${id}`,
          body: {},
          story: `Ada approves the result of ${id}, which Groundcrew writes to Plane`,
        })),
    ];
  }

  function toTask(ticket: string, { id, kind, text, answer }: z.infer<typeof questionSchema>): Task | undefined {
    if (answer !== undefined || (kind !== "permission" && kind !== "input")) return undefined;
    const [given, delay] = kind === "permission" ? ["allow", approvalDelay] : [TEXT_ANSWER, answerDelay];
    const subject = text.replaceAll(/\s+/g, " ");
    return {
      id: `${ticket} ${id}`,
      delay,
      path: `/api/sessions/${ticket}/answer`,
      body: { question: id, answer: given },
      story: kind === "permission" ? `Ada allows ${ticket}: ${subject}` : `Ada answers ${ticket}: ${given}`,
    };
  }

  return {
    /** Does what has waited long enough. Called repeatedly; rejects while Groundcrew cannot be reached. */
    async act(): Promise<void> {
      for (const { id, delay, path, body, story } of await findTasks()) {
        const seenAt = firstSeen.get(id) ?? clock();
        firstSeen.set(id, seenAt);
        if (done.has(id) || clock() - seenAt < delay) continue;
        const headers = { "content-type": "application/json" };
        const response = await send(url + path, { method: "POST", headers, body: JSON.stringify(body) });
        // A conflict: the person watching was first, or the ticket has changed and is shown again.
        if (response.ok || response.status === 409) done.add(id);
        if (response.ok) narrate(story);
        await response.body?.cancel();
      }
    },
    /** Whether the ticket of a task was requested and neither waits nor runs any more. */
    isOver: (key: string) => known.has(key) && !open.has(key),
  };
}
