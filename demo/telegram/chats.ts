import { withFound } from "./found.ts";
import type { SeenEntity, ShownButton } from "./payload.ts";

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
  buttons: ShownButton[][];
  /** The message it answers. */
  replyTo?: number;
  /** The topic of a forum it is in. */
  topic?: number;
  /** What the person wrote it is; absent: the bot did. */
  from?: number;
}

/** What is sent. */
export type Content = Pick<ShownMessage, "text" | "entities" | "previews" | "buttons" | "replyTo" | "topic" | "from">;

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
    post(id: number | string, message: Content): ShownMessage {
      last += 1;
      const { text, entities, ...more } = message;
      const shown = { id: last, text, entities: withFound(text, entities), at: clock(), edits: [], ...more };
      chat(id).messages.push(shown);
      return shown;
    },
    edit(
      id: number | string,
      messageId: number,
      next: Pick<Content, "text" | "entities" | "previews" | "buttons">,
    ): Edited {
      const message = chat(id).messages.find((one) => one.id === messageId && one.from === undefined);
      if (!message) return "not found";
      const entities = withFound(next.text, next.entities);
      const same = JSON.stringify([message.text, message.entities, message.buttons]);
      if (same === JSON.stringify([next.text, entities, next.buttons])) return "not modified";
      message.edits.push({ text: message.text, at: clock() });
      return Object.assign(message, { ...next, entities });
    },
    /** What a person does who deletes a message. */
    remove(id: number | string, messageId: number) {
      const shown = chat(id);
      shown.messages = shown.messages.filter((message) => message.id !== messageId);
    },
  };
}
