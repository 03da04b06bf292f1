import { readParts, type Settings } from "../config.ts";
import { type Agent, parseFile } from "./file.ts";
import { localUrl } from "./local-url.ts";
import { type Problem, shown } from "./problem.ts";
import { besideSecrets, PROVISION_LOCK, PROVISION_ONLY, type ProvisionChoice, provisionSchema } from "./provision.ts";
import { type Files, givenSecrets, type Secrets } from "./secrets.ts";
import { settle } from "./settle.ts";

/** What provision is to bring about, and where it keeps what it makes. */
export interface ProvisionSettings extends Omit<ProvisionChoice, "domain" | "workspace" | "human"> {
  plane: { url: string; workspace: string; workspaceName: string; rateLimit: number };
  admin: {
    email: string;
    name: string;
    /** Absent: the one in provision's own file, or a new one when nobody has set this Plane up. */
    password?: string;
  };
  human: { email: string; name: string; role: "admin" | "member" };
  agents: Agent[];
  /** The JSON file to write the default agents into, when it names none; absent: it names some. */
  configFile?: { path: string; exists: boolean };
  /** Absent: Plane has nowhere to send its webhooks to. */
  webhookTarget?: string;
  /** Where agents reach Groundcrew. */
  address: string;
  states: Settings["states"];
  telegram?: Settings;
  secretsFile: string;
  /** From the environment and the files it names: these win over what is kept, and are never changed. */
  given: Secrets;
}

export type ParsedProvision = { ok: true; settings: ProvisionSettings } | { ok: false; problems: Problem[] };

/** The ten of the first team; each gets the address `<name>@<domain>`. */
const TEAM = [
  { name: "Concierge", role: "concierge", about: "Talks with the human, plans the work and hands it out." },
  ...["Imhotep", "Thot", "Basquiat", "R2D2", "Shuri", "Piccolo", "CFO", "Maintainer", "Hermes"].map((name) => ({
    name,
  })),
];

/** What provision itself keeps beside SECRETS_FILE. */
const OWN_FILES = ["provision-secrets.json", PROVISION_LOCK, "groundcrew.json"];

const NEEDED = ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"];

/** Reads what provision needs: neither an API key nor Telegram nor PUBLIC_URL. Problems as `parseSettings` tells them. */
export function parseProvision(given: Record<string, string | undefined>, files: Files): ParsedProvision {
  const { env, plain, secrets, file, problems, unknown } = readParts(given, files);
  const password = adminPassword(env, files, problems);
  for (const name of NEEDED) {
    if (!env[name]) problems.push({ name, given: "nothing", wanted: "a value, because provision needs it" });
  }
  if (!plain || !file || problems.length > 0) return { ok: false, problems: [...problems, ...unknown] };
  const { PLANE_URL: url = "", PLANE_WORKSPACE: workspace = "", PLANE_ADMIN_EMAIL: email = "" } = plain;
  const {
    domain,
    workspace: workspaceName = workspace,
    human,
    ...choice
  } = file.provision ?? provisionSchema.parse({});
  const agents = file.agents.length > 0 ? file.agents : team(domain, plain.OPENCLAW_URL !== undefined);
  const wrong = misfits({ workspace, email, human: human.email ?? email, agents, secretsFile: plain.SECRETS_FILE });
  if (wrong.length > 0) return { ok: false, problems: wrong };
  const path = env["GROUNDCREW_CONFIG"] ?? besideSecrets(plain.SECRETS_FILE, "groundcrew.json");
  const webhookTarget = plain.PLANE_WEBHOOK_TARGET ?? (plain.PUBLIC_URL && `${plain.PUBLIC_URL}/webhooks/plane`);
  const hasBot = secrets.has("TELEGRAM_BOT_TOKEN");
  const isAdmin = human.email === undefined || human.email === email;
  const settings: ProvisionSettings = {
    ...choice,
    plane: { url, workspace, workspaceName, rateLimit: plain.PLANE_RATE_LIMIT },
    admin: { email, name: (isAdmin && human.name) || nameIn(email), ...(password && { password }) },
    human: { email: human.email ?? email, name: human.name ?? nameIn(human.email ?? email), role: human.role },
    agents,
    ...(file.agents.length === 0 && { configFile: { path, exists: files.read(path) !== undefined } }),
    ...(webhookTarget && { webhookTarget }),
    address: plain.PUBLIC_URL ?? localUrl({ host: plain.HOST, port: plain.PORT }),
    states: file.states,
    ...(hasBot && { telegram: settle(plain, secrets, file, { plane: true, telegram: true }) }),
    secretsFile: plain.SECRETS_FILE,
    given: givenSecrets(env, plain.SECRETS_FILE, files),
  };
  return { ok: true, settings };
}

interface Wanted {
  workspace: string;
  email: string;
  human: string;
  agents: readonly Agent[];
  secretsFile: string;
}

/** What each part allows and Plane, or another part, does not. */
function misfits({ workspace, email, human, agents, secretsFile }: Wanted): Problem[] {
  const problems: Problem[] = [];
  if (workspace.length > 48)
    problems.push({
      name: "PLANE_WORKSPACE",
      given: `${workspace.length} characters`,
      wanted: "at most 48, as Plane takes",
    });
  // Plane takes every path with this word in it for its administrators' pages, and asks for their cookie there.
  if (workspace.includes("instances"))
    problems.push({
      name: "PLANE_WORKSPACE",
      given: shown(workspace),
      wanted: 'a name without "instances" in it, which Plane\'s pages cannot serve',
    });
  const file = secretsFile.slice(secretsFile.lastIndexOf("/") + 1);
  if (OWN_FILES.includes(file))
    problems.push({
      name: "SECRETS_FILE",
      given: shown(secretsFile),
      wanted: `a name other than ${OWN_FILES.join(", ")}`,
    });
  for (const agent of agents) {
    const name = "GROUNDCREW_CONFIG agents";
    const wanted = "an account of its own for each agent";
    if (agent.email.toLowerCase() === human)
      problems.push({ name, given: `${agent.name} with the human's address`, wanted });
    else if (agent.email.toLowerCase() === email && agent.role !== "concierge")
      problems.push({ name, given: `${agent.name} with the address of PLANE_ADMIN_EMAIL, an admin`, wanted });
  }
  return problems;
}

function adminPassword(env: Record<string, string>, files: Files, problems: Problem[]): string | undefined {
  const [name = ""] = PROVISION_ONLY;
  const path = env[`${name}_FILE`];
  if (path === undefined || env[name] !== undefined) return env[name];
  try {
    const text = files.read(path)?.text.trim();
    if (text) return text;
  } catch {
    // Told below, like a file that is not there.
  }
  problems.push({ name: `${name}_FILE`, given: path, wanted: "a file that holds the password and this user may read" });
  return undefined;
}

function team(domain: string, openclaw: boolean): Agent[] {
  const agents = TEAM.map((agent) => ({
    ...agent,
    email: `${agent.name.toLowerCase()}@${domain}`,
    ...(openclaw && { wake: "openclaw" }),
  }));
  // The file's own reader fills in what is left out.
  return parseFile(JSON.stringify({ agents })).settings?.agents ?? [];
}

/** `ada.lovelace@…` is called Ada Lovelace until somebody says otherwise. */
function nameIn(email: string): string {
  const words = email
    .replace(/@.*$/, "")
    .split(/[._+-]+/)
    .filter(Boolean);
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ") || "Admin";
}
