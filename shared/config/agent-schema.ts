import { z } from "zod";

/** How an agent is notified that it has work. */
const wakeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("openclaw"),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("the OpenClaw gateway's http(s) address")
      .meta({ meaning: "Gateway of this agent. Default: OPENCLAW_URL." }),
    agent: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe("OpenClaw's id of the agent")
      .meta({ meaning: "The agent's id in OpenClaw. Default: its name in lower case." }),
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    url: z
      .url({ protocol: /^https?$/ })
      .describe("an http(s) address")
      .meta({ meaning: "Address that is called when there is work, signed according to Standard Webhooks." }),
    secret: z
      .string()
      .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/)
      .describe("whsec_ and the secret in base64, as Standard Webhooks writes it")
      .meta({ meaning: "Secret that the calls are signed with." }),
  }),
  z.strictObject({ kind: z.literal("none") }),
]);

/** An agent in the settings file. */
export const agentSchema = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u)
    .describe("1 to 32 letters, digits, spaces, '.', '_' or '-'")
    .meta({ meaning: "Name of the agent. In names of settings it is written in upper case, other characters as _." }),
  email: z
    .email()
    .describe("the e-mail address of the agent's Plane account")
    .meta({ meaning: "Plane account of the agent." }),
  role: z
    .enum(["concierge", "worker"])
    .optional()
    .describe("concierge or worker")
    .meta({ meaning: "The concierge plans and assigns work; a worker does it. Default: worker." }),
  about: z
    .string()
    .max(2000)
    .optional()
    .describe("persona and strengths, at most 2000 characters")
    .meta({ meaning: "What the concierge reads when it assigns work." }),
  /** A string is short for an object with that kind and no other fields. */
  wake: z
    .union([
      z.literal("openclaw").transform((kind) => ({ kind })),
      z.literal("none").transform((kind) => ({ kind })),
      wakeSchema,
    ])
    .default({ kind: "none" })
    .describe("openclaw, none, or an object with kind openclaw, webhook or none")
    .meta({ meaning: "How the agent learns that it has work. none: it polls list_my_tasks." }),
});
