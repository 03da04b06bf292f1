import { z } from "zod";
import type { Ms } from "../shared/time.ts";
import type { TelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";

interface HumanOptions {
  /** Groundcrew's address. */
  url: string;
  telegram: Pick<TelegramSimulator, "chat" | "press">;
  /** Id of the human's private chat, which in Telegram is also the human's user id. */
  chat: number;
  narrate: (where: "chat" | "page", text: string) => void;
  clock: () => Ms;
  /** Time that the person watching has to answer first, in milliseconds. */
  delay: Ms;
  fetch?: typeof fetch;
}

const requestsSchema = z.object({
  requests: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      hash: z.string(),
      subject: z.object({ key: z.string().optional(), title: z.string() }),
      answers: z.array(z.string()),
      options: z.array(z.object({ label: z.string() })).default([]),
    }),
  ),
});

type Request = z.infer<typeof requestsSchema>["requests"][number];

/** The answers that let work continue, whatever the kind of the request; without one of them, the first one. */
const WILLING_ANSWERS = ["approve", "allow", "extend", "answer"];
/** What the human answers to a question without choices. */
const OWN_WORDS = "OK";
/** Kinds of requests that the human answers in the chat, where they have buttons; the others on the page. */
const CHAT_KINDS = ["question", "review", "plan"];
/** Time after which an answer that did not arrive is given again: 5 s. */
const RETRY_MS: Ms = 5_000;
/** Time that a message may take to arrive after its request exists: 1 s. What never has one is answered on the page. */
const MESSAGE_MS: Ms = 1_000;

/**
 * Creates the scripted human, who answers every request that nobody has answered in time: those of agents in the chat
 * and those of tickets on the page, by what a person uses there.
 */
export function createScriptedHuman(options: HumanOptions) {
  const { url, telegram, chat, narrate, clock, delay, fetch: send = fetch } = options;
  /** When the human answers a version of a request. */
  const dueTimes = new Map<string, Ms>();
  /** Versions of requests whose message was looked for in the chat and had not arrived. */
  const lookedFor = new Set<string>();
  let waiting = 0;

  function findButton({ id, kind, options: choices }: Request, answer: string) {
    if (!CHAT_KINDS.includes(kind)) return undefined;
    for (const message of telegram.chat(chat).messages) {
      const own = message.buttons.flat().filter(({ callback_data }) => callback_data.startsWith(`r:${id}:`));
      const button = own.find(
        ({ text, callback_data }) => text === choices[0]?.label || callback_data.startsWith(`r:${id}:${answer}.`),
      );
      if (button) return { message: message.id, ...button };
    }
    return undefined;
  }

  async function answerRequest(request: Request): Promise<void> {
    const { id, kind, hash, subject, answers, options: choices } = request;
    const answer = WILLING_ANSWERS.find((name) => answers.includes(name)) ?? answers[0] ?? "";
    const button = findButton(request, answer);
    if (button) {
      narrate("chat", `Ada presses “${button.text}”`);
      await telegram.press(chat, chat, button.message, button.callback_data);
      return;
    }
    const version = `${id} ${hash}`;
    if (CHAT_KINDS.includes(kind) && !lookedFor.has(version)) {
      lookedFor.add(version);
      dueTimes.set(version, clock() + MESSAGE_MS);
      return;
    }
    const comment = answer === "answer" ? (choices[0]?.label ?? OWN_WORDS) : undefined;
    const response = await send(`${url}/api/requests/${encodeURIComponent(id)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ answer, hash, comment }),
    });
    await response.body?.cancel();
    // Otherwise the person watching was first, or what is judged has changed and is looked at again.
    if (response.ok)
      narrate("page", `Ada answers the ${kind} ${subject.key ?? subject.title} with “${comment ?? answer}”`);
  }

  return {
    /** Answers what has waited long enough. Called repeatedly; rejects while Groundcrew cannot be reached. */
    async act(): Promise<void> {
      const response = await send(`${url}/api/requests`);
      const { requests } = requestsSchema.parse(await response.json());
      waiting = requests.length;
      for (const request of requests) {
        const version = `${request.id} ${request.hash}`;
        const due = dueTimes.get(version) ?? clock() + delay;
        const isDue = clock() >= due;
        dueTimes.set(version, isDue ? clock() + RETRY_MS : due);
        if (isDue) await answerRequest(request);
      }
    },
    /** Number of requests that waited when the human looked last. */
    get waiting() {
      return waiting;
    },
  };
}
