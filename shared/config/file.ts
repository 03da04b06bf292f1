import { z } from "zod";
import { notificationsSchema } from "../telegram/notifications.ts";
import { nearestName } from "./nearest.ts";
import { type Problem, shown } from "./problem.ts";
import { provisionSchema } from "./provision.ts";

/** The names other systems know our events by (NOTIF-03). */
export const FORWARD_EVENTS = [
  "issue.created",
  "issue.updated",
  "issue.activity.created",
  "issue.assigned",
  "issue.completed",
  "cycle.started",
  "cycle.completed",
] as const;

/** How an agent is told that there is something for it to do. */
const wakeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("openclaw"),
    /** The gateway's address, for example `http://openclaw:18789`; absent: OPENCLAW_URL. */
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("the OpenClaw gateway's http(s) address"),
    /** OpenClaw's id of the agent; absent: its name in lower case. */
    agent: z.string().min(1).max(64).optional().describe("OpenClaw's id of the agent"),
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    url: z.url({ protocol: /^https?$/ }).describe("an http(s) address"),
    secret: z
      .string()
      .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/)
      .describe("whsec_ and the secret in base64, as Standard Webhooks writes it"),
  }),
  z.strictObject({ kind: z.literal("none") }),
]);

const agentSchema = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u)
    .describe("1 to 32 letters, digits, blanks, '.', '_' or '-'"),
  email: z.email().describe("the e-mail address of the agent's Plane account"),
  role: z.enum(["concierge", "worker"]).optional().describe("concierge or worker"),
  about: z.string().max(2000).optional().describe("persona and strengths, at most 2000 characters"),
  /** A word alone stands for that kind with nothing further set. */
  wake: z
    .union([
      z.literal("openclaw").transform((kind) => ({ kind })),
      z.literal("none").transform((kind) => ({ kind })),
      wakeSchema,
    ])
    .default({ kind: "none" })
    .describe("openclaw, none, or an object with kind openclaw, webhook or none"),
});

/** What a finished task must have, whatever it says itself (OPENCLAW-18). */
const doneSchema = z.strictObject({
  summary: z.boolean().default(true).describe("true or false: a closing summary is needed"),
  deliverable: z.boolean().default(false).describe("true or false: at least one deliverable is needed"),
  commit_and_tests: z
    .enum(["code", "always", "never"])
    .default("code")
    .describe("code (tasks labelled code), always or never: commit and tests must be reported"),
  review_below: z.number().min(0).max(1).default(0.7).describe("a confidence from 0 to 1 below which a human looks"),
  dependants_wait: z
    .boolean()
    .default(true)
    .describe("true or false: dependants wait for a task that is still in review"),
});

const budgetSchema = z.strictObject({
  amount: z.number().positive().describe("the cost a calendar month may come to"),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default("EUR")
    .describe("three capital letters, for example EUR"),
});

const namesSchema = z.array(z.string().min(1)).exactOptional();

const forwardSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !URL.canParse(url) || (!new URL(url).username && !new URL(url).password))
    .describe("an http(s) address without credentials"),
  secret: z
    .string()
    .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/)
    .describe("whsec_ and the secret in base64, as Standard Webhooks writes it"),
  events: z
    .array(z.enum(FORWARD_EVENTS))
    .min(1)
    .default([...FORWARD_EVENTS])
    .describe(`some of ${FORWARD_EVENTS.join(", ")}`),
});

/** What the JSON file named by GROUNDCREW_CONFIG may hold. */
export const fileSchema = z.strictObject({
  agents: z.array(agentSchema).default([]),
  done: doneSchema.prefault({}),
  budget: budgetSchema.optional(),
  states: z
    .strictObject({
      todo: namesSchema,
      in_progress: namesSchema,
      blocked: namesSchema,
      done: namesSchema,
      cancelled: namesSchema,
    })
    .default({}),
  notifications: notificationsSchema.default([]),
  progress: z.boolean().default(true).describe("true or false: running tasks are followed in TELEGRAM_CHAT_ID"),
  forward: z.array(forwardSchema).default([]),
  provision: provisionSchema.exactOptional(),
  /** Where the hourly check of Plane's webhooks is done; absent: in the project that provision made. */
  canary: z
    .union([
      z.literal(false),
      z.strictObject({ project: z.string().min(1).max(12).describe("a project's identifier") }),
    ])
    .exactOptional()
    .describe("false, or an object with the identifier of a project"),
});

export type FileSettings = z.output<typeof fileSchema>;
export type Agent = FileSettings["agents"][number];
export type Forward = FileSettings["forward"][number];

type Parsed = { settings: FileSettings; problems: [] } | { settings: undefined; problems: Problem[] };

const shape = z.toJSONSchema(fileSchema, { io: "input", unrepresentable: "any" });

/** Reads the file's text; every problem comes with its place in the file. */
export function parseFile(text: string): Parsed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return none([{ name: "GROUNDCREW_CONFIG", given: "a file that is not JSON", wanted: "a JSON object" }]);
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) return none(parsed.error.issues.flatMap((issue) => problemsOf(issue, json)));
  const doubled = doubledAgents(parsed.data.agents);
  return doubled.length > 0 ? none(doubled) : { settings: parsed.data, problems: [] };
}

/** How an agent's name is written in a setting's name: upper case, other characters as `_`. */
export function settingName(agent: string): string {
  return agent.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

function problemsOf(issue: z.core.$ZodIssue, json: unknown): Problem[] {
  const known = keysAt(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const others = known.join(", ");
      return {
        name: placeOf([...issue.path, key]),
        given: "a name that is not known here",
        wanted: nearest ? `${nearest} (known here: ${others})` : `one of ${others}`,
      };
    });
  }
  const value = issue.path.reduce<unknown>(
    (inside, key) => (isObject(inside) ? Reflect.get(inside, key) : undefined),
    json,
  );
  return [
    {
      name: placeOf(issue.path),
      given: issue.path.at(-1) === "secret" && value !== undefined ? "a secret of another form" : shown(value),
      wanted: schemaAt(issue.path)?.description ?? issue.message,
    },
  ];
}

function doubledAgents(agents: readonly Agent[]): Problem[] {
  return agents.flatMap((agent, i) => {
    const setting = settingName(agent.name);
    const place = `agents[${i}]`;
    const found: Problem[] = [];
    if (setting === "FILE" || setting.endsWith("_FILE"))
      found.push(
        problem(`${place}.name`, agent.name, "a name that does not end in 'file', which names a secret's file"),
      );
    if (agents.findIndex((other) => settingName(other.name) === setting) < i)
      found.push(
        problem(`${place}.name`, agent.name, "a name no other agent has, also as part of PLANE_API_KEY_<AGENT>"),
      );
    if (agents.findIndex((other) => other.email.toLowerCase() === agent.email.toLowerCase()) < i)
      found.push(problem(`${place}.email`, agent.email, "an address no other agent has"));
    return found;
  });
}

function problem(place: string, given: string, wanted: string): Problem {
  return { name: `GROUNDCREW_CONFIG ${place}`, given: shown(given), wanted };
}

function none(problems: Problem[]): Parsed {
  return { settings: undefined, problems };
}

type Described = z.core.JSONSchema.BaseSchema;

function schemaAt(path: readonly PropertyKey[]): Described | undefined {
  let at: Described | undefined = shape;
  for (const key of path) {
    const next: unknown = typeof key === "number" ? at?.items : at && propertiesOf(at)[String(key)];
    at = isObject(next) ? (next as Described) : undefined;
  }
  return at;
}

function keysAt(path: readonly PropertyKey[]): string[] {
  const at = schemaAt(path);
  return at ? Object.keys(propertiesOf(at)) : [];
}

/** Of an object, or of all the objects that may stand in one place. */
function propertiesOf(at: Described): Record<string, unknown> {
  const either = [...(at.anyOf ?? []), ...(at.oneOf ?? [])].map(propertiesOf);
  return Object.assign({}, ...either, at.properties);
}

function placeOf(path: readonly PropertyKey[]): string {
  const place = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return `GROUNDCREW_CONFIG ${place.replace(/^\./, "")}`.trimEnd();
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
