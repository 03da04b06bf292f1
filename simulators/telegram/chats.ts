import { addDetectedEntities } from "./detect-entities.ts";
import type { SimulatedButton, SimulatedEntity } from "./message-payload.ts";

/** A message in its current version. */
export interface SimulatedMessage {
  id: number;
  text: string;
  /** The entities that were sent and those that Telegram detected in the text. */
  entities: SimulatedEntity[];
  /** Time of sending, in milliseconds since the epoch. */
  at: number;
  /** Earlier versions, oldest first. */
  edits: { text: string; at: number }[];
  previews: boolean;
  buttons: SimulatedButton[][];
  /** Id of the message that this one replies to. */
  replyTo?: number;
  /** Id of the forum topic that contains the message. */
  topic?: number;
  /** It was sent without a sound. */
  silent?: true;
  /** It can be neither forwarded nor saved. */
  isProtected?: true;
  /** Id of the person who wrote it; absent for a message of the bot. */
  from?: number;
}

/** The content of a new message. */
export type MessageContent = Pick<
  SimulatedMessage,
  "text" | "entities" | "previews" | "buttons" | "replyTo" | "topic" | "silent" | "isProtected" | "from"
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
    /** Adds saved messages with their ids. Messages posted later get higher ids. */
    restore(id: number | string, messages: readonly SimulatedMessage[]) {
      getChat(id).messages.push(...messages);
      lastId = Math.max(lastId, ...messages.map((message) => message.id));
    },
    edit(
      id: number | string,
      messageId: number,
      next: Pick<MessageContent, "text" | "entities" | "previews" | "buttons">,
    ): EditResult {
      const message = getChat(id).messages.find(({ id: sentId, from }) => sentId === messageId && from === undefined);
      if (!message) return "not found";
      const entities = addDetectedEntities(next.text, next.entities);
      const before = JSON.stringify([message.text, message.entities, message.buttons]);
      if (before === JSON.stringify([next.text, entities, next.buttons])) return "not modified";
      message.edits.push({ text: message.text, at: clock() });
      return Object.assign(message, { ...next, entities });
    },
    /** A person deletes the message; the bot receives no update about it. */
    remove(id: number | string, messageId: number) {
      const entry = getChat(id);
      entry.messages = entry.messages.filter((message) => message.id !== messageId);
    },
  };
}
