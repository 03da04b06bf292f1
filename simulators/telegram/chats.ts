import { addDetectedEntities } from "./detect-entities.ts";
import type { SimulatedButton, SimulatedEntity } from "./message-payload.ts";

/** A message as people see it now. */
export interface SimulatedMessage {
  id: number;
  text: string;
  /** Those that were sent and those Telegram found by itself. */
  entities: SimulatedEntity[];
  /** Clock time of the sending. */
  at: number;
  /** Earlier versions, oldest first. */
  edits: { text: string; at: number }[];
  previews: boolean;
  buttons: SimulatedButton[][];
  /** The message it answers. */
  replyTo?: number;
  /** The topic of a forum it is in. */
  topic?: number;
  /** What the person wrote it is; absent: the bot did. */
  from?: number;
}

/** What is sent. */
export type MessageContent = Pick<
  SimulatedMessage,
  "text" | "entities" | "previews" | "buttons" | "replyTo" | "topic" | "from"
>;

export interface SimulatedChat {
  messages: SimulatedMessage[];
}

export type EditResult = SimulatedMessage | "not found" | "not modified";

export function createChats(clock: () => number) {
  const chats = new Map<string, SimulatedChat>();
  let lastId = 0;

  function getChat(id: number | string): SimulatedChat {
    const entry = chats.get(String(id)) ?? { messages: [] };
    chats.set(String(id), entry);
    return entry;
  }

  return {
    getChat,
    post(id: number | string, message: MessageContent): SimulatedMessage {
      lastId += 1;
      const { text, entities, ...more } = message;
      const entry = {
        id: lastId,
        text,
        entities: addDetectedEntities(text, entities),
        at: clock(),
        edits: [],
        ...more,
      };
      getChat(id).messages.push(entry);
      return entry;
    },
    /** Messages as they were; what is posted later gets higher numbers. */
    restore(id: number | string, messages: readonly SimulatedMessage[]) {
      getChat(id).messages.push(...messages);
      lastId = Math.max(lastId, ...messages.map((message) => message.id));
    },
    edit(
      id: number | string,
      messageId: number,
      next: Pick<MessageContent, "text" | "entities" | "previews" | "buttons">,
    ): EditResult {
      const message = getChat(id).messages.find((one) => one.id === messageId && one.from === undefined);
      if (!message) return "not found";
      const entities = addDetectedEntities(next.text, next.entities);
      const before = JSON.stringify([message.text, message.entities, message.buttons]);
      if (before === JSON.stringify([next.text, entities, next.buttons])) return "not modified";
      message.edits.push({ text: message.text, at: clock() });
      return Object.assign(message, { ...next, entities });
    },
    /** What a person does who deletes a message. */
    remove(id: number | string, messageId: number) {
      const entry = getChat(id);
      entry.messages = entry.messages.filter((message) => message.id !== messageId);
    },
  };
}
