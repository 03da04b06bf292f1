import { z } from "zod";

/** One line of the product's log, as far as the story tells it. */
const logLineSchema = z.looseObject({
  message: z.string(),
  item: z.string().optional(),
  event: z.string().optional(),
  via: z.string().optional(),
  actions: z.array(z.string()).optional(),
  level: z.string().optional(),
  error: z.string().optional(),
});

type Speaker = "Plane" | "agent" | "crew" | "chat" | "demo";

const COLOURS: Record<Speaker, string> = {
  Plane: "\u001b[36m",
  agent: "\u001b[33m",
  crew: "\u001b[35m",
  chat: "\u001b[32m",
  demo: "\u001b[2m",
};
/** Controls (a terminal would obey them) and marks that reorder what is around them. */
const CONTROL_CHARACTERS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069]/gu;

const RESET = "\u001b[0m";

export interface Story {
  /** What happened outside, in a sentence. */
  narrate(who: Speaker, text: string): void;
  /** A line of the product's own log. */
  log(json: string): void;
  /** A message in the chat, as it reads now. */
  showChatMessage(text: string, edited: boolean): void;
}

/**
 * Tells what happens in the terminal: what changed in Plane, what Groundcrew saw and decided and by which rule, and
 * what the chat got. Titles are data: what could steer a terminal is taken out.
 */
export function createStory({ write, colour }: { write: (text: string) => void; colour: boolean }): Story {
  const label = (speaker: Speaker) => (colour ? `${COLOURS[speaker]}${speaker.padEnd(6)}${RESET}` : speaker.padEnd(6));

  function narrate(speaker: Speaker, text: string) {
    const [first = "", ...rest] = text.split("\n").map((part) => part.replace(CONTROL_CHARACTERS, ""));
    write(`${label(speaker)} ${first}\n`);
    for (const more of rest) write(`${" ".repeat(6)} ${more}\n`);
  }

  return {
    narrate,
    log(json) {
      const entry = logLineSchema.parse(JSON.parse(json));
      if (entry.message === "event") narrate("crew", formatDecision(entry));
      else if (entry.level === "warn" || entry.level === "error")
        narrate("crew", `${entry.message} ${entry.error ?? ""}`);
    },
    showChatMessage(text, isEdit) {
      const lines = text.split("\n").map((part) => `│ ${part}`);
      narrate("chat", [isEdit ? "the message now reads" : "a new message", ...lines].join("\n"));
    },
  };
}

function formatDecision({ item, event, via, actions }: z.infer<typeof logLineSchema>): string {
  const source = via === "webhook" ? "by webhook" : via === "read" ? "by reading" : `by its ${via}`;
  const subject = `${item} ${(event ?? "").replaceAll("_", " ")} (${source})`;
  // What Groundcrew does for itself (labels in step, dependants looked at) is no part of the story.
  const notifications = (actions ?? []).filter((action) => !action.startsWith("work."));
  return notifications.length === 0
    ? `${subject}: no notification rule matched`
    : `${subject}: rule ${notifications.join(", ")}`;
}
