import { z } from "zod";

/** One line of the product's log, as far as the story tells it. */
const line = z.looseObject({
  message: z.string(),
  item: z.string().optional(),
  event: z.string().optional(),
  via: z.string().optional(),
  actions: z.array(z.string()).optional(),
  level: z.string().optional(),
  error: z.string().optional(),
});

type Who = "Plane" | "agent" | "crew" | "chat" | "demo";

const COLOURS: Record<Who, string> = {
  Plane: "\u001b[36m",
  agent: "\u001b[33m",
  crew: "\u001b[35m",
  chat: "\u001b[32m",
  demo: "\u001b[2m",
};
/** Controls (a terminal would obey them) and marks that reorder what is around them. */
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069]/gu;

const RESET = "\u001b[0m";

export interface Story {
  /** What happened outside, in a sentence. */
  tell(who: Who, text: string): void;
  /** A line of the product's own log. */
  log(json: string): void;
  /** A message in the chat, as it reads now. */
  chat(text: string, edited: boolean): void;
}

/**
 * Tells what happens in the terminal: what changed in Plane, what Groundcrew saw and decided and by which rule, and
 * what the chat got. Titles are data: what could steer a terminal is taken out.
 */
export function createStory({ write, colour }: { write: (text: string) => void; colour: boolean }): Story {
  const label = (who: Who) => (colour ? `${COLOURS[who]}${who.padEnd(6)}${RESET}` : who.padEnd(6));

  function tell(who: Who, text: string) {
    const [first = "", ...rest] = text.split("\n").map((part) => part.replace(STEERING, ""));
    write(`${label(who)} ${first}\n`);
    for (const more of rest) write(`${" ".repeat(6)} ${more}\n`);
  }

  return {
    tell,
    log(json) {
      const said = line.parse(JSON.parse(json));
      if (said.message === "event") tell("crew", decision(said));
      else if (said.level === "warn" || said.level === "error") tell("crew", `${said.message} ${said.error ?? ""}`);
    },
    chat(text, edited) {
      const lines = text.split("\n").map((part) => `│ ${part}`);
      tell("chat", [edited ? "the message now reads" : "a new message", ...lines].join("\n"));
    },
  };
}

function decision({ item, event, via, actions }: z.infer<typeof line>): string {
  const how = via === "webhook" ? "by webhook" : via === "read" ? "by reading" : `by its ${via}`;
  const seen = `${item} ${(event ?? "").replaceAll("_", " ")} (${how})`;
  // What Groundcrew does for itself (labels in step, dependants looked at) is no part of the story.
  const told = (actions ?? []).filter((action) => !action.startsWith("work."));
  return told.length === 0 ? `${seen}: nobody asked to hear of it` : `${seen}: rule ${told.join(", ")}`;
}
