interface SecretKind {
  /** Pattern of a valid value. */
  form: RegExp;
  /** The same for people: completes the sentence "wanted: …" of an error message. */
  wanted: string;
  /** What the secret is for; printed in docs/configuration.md. */
  meaning: string;
  /** Whether several values may be valid at once, as during a rotation. */
  many: boolean;
}

const PRINTABLE = /^[\x21-\x7e]+$/;
/** How to make a secret that nobody guesses: 192 random bits. */
const RECIPE = "for example from `openssl rand -hex 24`";
/**
 * Secrets that operators choose and that guard Groundcrew have at least 16 characters: that many random ones cannot be
 * guessed over a network. Secrets that others issue have the form that their issuer gives them.
 */
const TOKEN = {
  form: /^[\x21-\x7e]{16,}$/,
  wanted: `16 or more random printable characters without spaces, ${RECIPE}`,
  many: true,
};
const API_KEY = { form: PRINTABLE, wanted: "an API key as Plane shows it", many: false };

const SECRETS: Record<string, SecretKind> = {
  PLANE_API_KEY: { ...API_KEY, meaning: "API key of the Plane account that Groundcrew itself works with." },
  PLANE_WEBHOOK_SECRET: {
    form: PRINTABLE,
    wanted: "the secret Plane shows for its webhook",
    meaning: "Secret of Plane's webhook. Without it webhooks are refused and changes are found by polling only.",
    many: true,
  },
  STORE_URL: {
    form: /^(file:.+|memory:|rediss?:\/\/.+)$/,
    wanted: "file:<folder>, redis://…, rediss://… or memory:",
    meaning: "Store: an embedded file, Redis, or memory (lost at every restart). Default: file:./data.",
    many: false,
  },
  BACKUP_DATABASE_URL: {
    form: /^postgres(ql)?:\/\/[^/]+\/[^/?]+$/,
    wanted: "postgresql://<user>:<password>@<host>:<port>/<database>",
    meaning: "Plane's PostgreSQL database. Only backup and restore use it. Without it a backup contains no database.",
    many: false,
  },
  TELEGRAM_BOT_TOKEN: {
    form: /^[\w-]+:[\w-]+$/,
    wanted: "a bot's token as BotFather shows it",
    meaning: "Token of the Telegram bot. Without it no messages are sent.",
    many: false,
  },
  TELEGRAM_WEBHOOK_SECRET: {
    form: /^[\w-]{16,256}$/,
    wanted: `16 to 256 random letters, digits, '_' or '-', ${RECIPE}`,
    meaning: "Proves that an update comes from Telegram. Without it a secret is derived from the bot's token.",
    many: true,
  },
  OPENCLAW_HOOK_TOKEN: {
    form: PRINTABLE,
    wanted: "the gateway's hooks.token",
    meaning: "Token of the OpenClaw gateway at OPENCLAW_URL.",
    many: false,
  },
  ADMIN_TOKEN: {
    ...TOKEN,
    meaning: "Gives access to the page and the routes for operators. Without it they refuse every request.",
  },
  TICK_TOKEN: { ...TOKEN, meaning: "Gives access to POST /ticks/<name> only, for an external scheduler." },
  RUNNER_TOKEN: { ...TOKEN, meaning: "Gives a ticket runner access to its routes below /api/runner only." },
};

/** Secrets of which each agent has its own, by the part of the name before `_<AGENT>`. */
const AGENT_SECRETS: Record<"PLANE_API_KEY" | "AGENT_TOKEN", SecretKind> = {
  PLANE_API_KEY: {
    ...API_KEY,
    meaning: "API key of the agent's own Plane account. Without it the Concierge's key writes on the agent's behalf.",
  },
  AGENT_TOKEN: {
    form: /^(?:sha256:[0-9a-f]{64}|(?!sha256:)[\x21-\x7e]{16,})$/i,
    wanted: `${TOKEN.wanted}; or sha256: and 64 hex characters`,
    meaning: "The agent's bridge token for /mcp and /agent, or its SHA-256.",
    many: true,
  },
};

export const SECRET_NAMES: readonly string[] = Object.keys(SECRETS);

/** Name of an agent's own secret: its kind and its agent. */
const AGENT_SECRET = /^(PLANE_API_KEY|AGENT_TOKEN)_([A-Z0-9_]+)$/;

/** The `<AGENT>` in `PLANE_API_KEY_<AGENT>` and `AGENT_TOKEN_<AGENT>`; undefined for any other name. */
export function parseAgentSuffix(name: string): string | undefined {
  return AGENT_SECRET.exec(name)?.[2];
}

/** Whether a name is that of an agent's own secret. */
export function isAgentSecret(name: string): boolean {
  return AGENT_SECRET.test(name);
}

/** The kind of a secret; its name must be known or that of an agent's own secret. */
export function getSecretKind(name: string): SecretKind {
  return SECRETS[name] ?? AGENT_SECRETS[name.startsWith("AGENT_TOKEN_") ? "AGENT_TOKEN" : "PLANE_API_KEY"];
}

/** Lists every secret that the runtime reads, for the documentation. */
export function listSecretKinds(): ({ name: string } & Pick<SecretKind, "wanted" | "meaning" | "many">)[] {
  const agentKinds = Object.entries(AGENT_SECRETS).map(([name, kind]) => [`${name}_<AGENT>`, kind] as const);
  return [...Object.entries(SECRETS), ...agentKinds].map(([name, { wanted, meaning, many }]) => ({
    name,
    wanted,
    meaning,
    many,
  }));
}
