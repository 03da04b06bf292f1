import { z } from "zod";

/** The fields of the product's log lines that the story shows. */
const logLineSchema = z.looseObject({
  message: z.string(),
  item: z.string().optional(),
  event: z.string().optional(),
  via: z.string().optional(),
  actions: z.array(z.string()).optional(),
  level: z.string().optional(),
  error: z.string().optional(),
});

type Speaker = "Plane" | "agent" | "crew" | "chat" | "page" | "demo";

const COLOURS: Record<Speaker, string> = {
  Plane: "\u001b[36m",
  agent: "\u001b[33m",
  crew: "\u001b[35m",
  chat: "\u001b[32m",
  page: "\u001b[34m",
  demo: "\u001b[2m",
};
/** Control characters, which a terminal would execute, and marks that change the direction of text. */
const CONTROL_CHARACTERS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069]/gu;

const RESET = "\u001b[0m";

export interface Story {
  /** Shows what happened outside the product. */
  narrate(who: Speaker, text: string): void;
  /** Shows a line of the product's log if it is part of the story. */
  log(json: string): void;
  /** Shows a chat message in its current version. */
  showChatMessage(text: string, edited: boolean): void;
}

/**
 * Creates the terminal's story: the changes in Plane, what Groundcrew saw and decided by which rule, and the chat's
 * messages. Titles are data from outside, so characters that control a terminal are removed.
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
      if (entry.message === "event") {
        const text = formatDecision(entry);
        if (text !== undefined) narrate("crew", text);
      } else if (entry.level === "warn" || entry.level === "error")
        narrate("crew", `${entry.message} ${entry.error ?? ""}`);
    },
    showChatMessage(text, isEdit) {
      const lines = text.split("\n").map((part) => `│ ${part}`);
      narrate("chat", [isEdit ? "edited message" : "new message", ...lines].join("\n"));
    },
  };
}

/** How Groundcrew noticed an event, by the log's `via`. */
const SOURCES: Record<string, string> = {
  read: "by poll",
  absence: "not found on read",
  relations: "by its relations",
};

/** Undefined for the steps of a ticket that nobody is notified of: they follow each other within seconds. */
function formatDecision({ item, event, via, actions }: z.infer<typeof logLineSchema>): string | undefined {
  const source = SOURCES[via ?? ""] ?? `by ${via}`;
  const subject = `${item} ${(event ?? "").replaceAll("_", " ")} (${source})`;
  // Internal follow-ups, such as updating labels or checking whether a task requests a ticket, are not part of the story.
  const notifications = (actions ?? []).filter((action) => !/^(?:work|tickets)\./.test(action));
  if (event === "ticket" && notifications.length === 0) return undefined;
  return notifications.length === 0
    ? `${subject}: no notification rule matched`
    : `${subject}: rule ${notifications.join(", ")}`;
}
