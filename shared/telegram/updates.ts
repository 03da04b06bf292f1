import { z } from "zod";

const user = z.object({ id: z.int(), language_code: z.string().optional(), first_name: z.string().optional() });
const chat = z.object({ id: z.int(), type: z.string().optional(), username: z.string().optional() });

const message = z.object({
  message_id: z.int(),
  /** Absent in channels and for anonymous administrators. */
  from: user.optional(),
  chat,
  message_thread_id: z.int().optional(),
  text: z.string().optional(),
  reply_to_message: z.object({ message_id: z.int() }).optional(),
});

const callback = z.object({
  id: z.string(),
  from: user,
  /** Absent for messages that are too old. */
  message: z.object({ message_id: z.int(), chat, message_thread_id: z.int().optional() }).optional(),
  data: z.string().max(64).optional(),
});

/** As much of an update as is looked at; others than these kinds are not asked for. */
export const updateSchema = z.object({
  update_id: z.int(),
  message: message.optional(),
  callback_query: callback.optional(),
});

export type Message = z.infer<typeof message>;
export type Callback = z.infer<typeof callback>;

/** The kinds of updates the bot asks for. */
export const ALLOWED_UPDATES = ["message", "callback_query"] as const;
