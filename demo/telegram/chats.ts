import { withFound } from "./found.ts";
import type { SeenEntity } from "./payload.ts";

/** A message as people see it now. */
export interface ShownMessage {
  id: number;
  text: string;
  /** Those that were sent and those Telegram found by itself. */
  entities: SeenEntity[];
  /** Clock time of the sending. */
  at: number;
  /** Earlier versions, oldest first. */
  edits: { text: string; at: number }[];
  previews: boolean;
}

export interface ShownChat {
  messages: ShownMessage[];
}

export type Edited = ShownMessage | "not found" | "not modified";

export function createChats(clock: () => number) {
  const chats = new Map<string, ShownChat>();
  let last = 0;

  function chat(id: number | string): ShownChat {
    const shown = chats.get(String(id)) ?? { messages: [] };
    chats.set(String(id), shown);
    return shown;
  }

  return {
    chat,
    post(id: number | string, text: string, entities: SeenEntity[], previews: boolean): ShownMessage {
      last += 1;
      const message = { id: last, text, entities: withFound(text, entities), at: clock(), edits: [], previews };
      chat(id).messages.push(message);
      return message;
    },
    edit(id: number | string, messageId: number, text: string, entities: SeenEntity[], previews: boolean): Edited {
      const message = chat(id).messages.find((one) => one.id === messageId);
      if (!message) return "not found";
      const next = withFound(text, entities);
      if (message.text === text && JSON.stringify(message.entities) === JSON.stringify(next)) return "not modified";
      message.edits.push({ text: message.text, at: clock() });
      return Object.assign(message, { text, entities: next, previews });
    },
    /** What a person does who deletes a message. */
    remove(id: number | string, messageId: number) {
      const shown = chat(id);
      shown.messages = shown.messages.filter((message) => message.id !== messageId);
    },
  };
}
