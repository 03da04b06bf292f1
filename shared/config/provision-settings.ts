/**
 * The settings of the command provision, which starts before Groundcrew's own are complete: Plane's admin, the people
 * and agents to create, and the files to write.
 */

import { resolveLocale } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { toLocalUrl } from "./environment.ts";
import {
  CONNECTION_FILE,
  formatConnectionFile,
  GUESSABLE_SECRET,
  isGuessableSecret,
  PROVISION_LOCK_FILE,
  PROVISION_SECRET_NAMES,
  readEnvironmentSecrets,
  SECRET_RECIPE,
  type SettingsFiles,
  toPathBesideSecrets,
} from "./secrets.ts";
import { provisionSchema } from "./sections-schema.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import { composeSettings, readSettingsParts } from "./settings.ts";
import { type AgentSettings, parseSettingsFile } from "./settings-file.ts";

/** The desired state that provision brings about, and the files it writes. */
export type ProvisionSettings = Extract<ReturnType<typeof parseProvisionSettings>, { ok: true }>["settings"];

/** Files that provision writes in the folder of SECRETS_FILE; SECRETS_FILE must not have one of these names. */
const PROVISION_FILES = ["provision-secrets.json", PROVISION_LOCK_FILE, "groundcrew.json", CONNECTION_FILE];

const REQUIRED_SETTINGS = ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"];

/**
 * Reads the settings of provision, which needs no API key, no Telegram and no PUBLIC_URL. Reports problems in the same
 * form as `parseSettings`.
 */
export function parseProvisionSettings(environment: Record<string, string | undefined>, files: SettingsFiles) {
  const { env, plain, secrets, file, problems, unknown } = readSettingsParts(environment, files);
  const password = readAdminPassword(env, files, problems);
  for (const name of REQUIRED_SETTINGS)
    if (!env[name]) problems.push({ name, given: "nothing", wanted: "a value, because provision needs it" });
  if (!plain || !file || problems.length > 0) return { ok: false as const, problems: [...problems, ...unknown] };
  const { PLANE_URL: url = "", PLANE_WORKSPACE: workspace = "", PLANE_ADMIN_EMAIL: email = "" } = plain;
  const { SECRETS_FILE: secretsFile, PUBLIC_URL: publicUrl, OPENCLAW_URL: openclawUrl, LOCALE: locale } = plain;
  const { domain, workspace: workspaceName = workspace, human, ...rest } = file.provision ?? provisionSchema.parse({});
  const language = rest.language ?? resolveLocale(locale);
  const hasAgents = file.agents.length > 0;
  const agents = hasAgents ? file.agents : createDefaultAgents(domain, language, openclawUrl !== undefined);
  const { email: humanEmail = email, name: humanName = toDisplayName(humanEmail), role } = human;
  const conflicts = findProvisionProblems(workspace, secretsFile, agents, [
    [humanEmail, "the human's address"],
    [email, "the address of PLANE_ADMIN_EMAIL, an admin"],
  ]);
  if (conflicts.length > 0) return { ok: false as const, problems: conflicts };
  const path = env["GROUNDCREW_CONFIG"] ?? toPathBesideSecrets(secretsFile, "groundcrew.json");
  const hasBot = secrets.has("TELEGRAM_BOT_TOKEN");
  const settings = {
    ...rest,
    /** Language of people's accounts, of sample tasks and of the default personas. */
    language,
    plane: { url, workspace, workspaceName, rateLimit: plain.PLANE_RATE_LIMIT },
    admin: {
      email,
      name: humanEmail === email ? humanName : toDisplayName(email),
      /** Absent: the password in provision's own file, or a generated one when this Plane is not set up yet. */
      ...omitUndefined({ password: password || undefined }),
    },
    human: { email: humanEmail, name: humanName, role },
    agents,
    /** URL at which agents reach Groundcrew. */
    address: publicUrl ?? toLocalUrl({ host: plain.HOST, port: plain.PORT }),
    ...omitUndefined({
      /** Who belongs to projects; absent: everybody who works in the workspace. */
      people: file.people,
      /** URL of the OpenClaw gateway that most agents share. */
      openclawUrl,
      /** The settings file into which the default agents are written; absent when that file names agents already. */
      configFile: hasAgents ? undefined : { path, exists: files.read(path) !== undefined },
      /** URL that Plane's webhook calls; absent when neither PLANE_WEBHOOK_TARGET nor PUBLIC_URL is set. */
      webhookTarget: plain.PLANE_WEBHOOK_TARGET ?? (publicUrl && `${publicUrl}/webhooks/plane`),
      telegram: hasBot ? composeSettings(plain, secrets, file, { plane: true, telegram: true }) : undefined,
    }),
    /** Language of Groundcrew's own messages and comments (LOCALE). */
    locale,
    /** Content of the file from which later starts read these settings; it contains no secret. */
    connectionFile: formatConnectionFile({
      // The mappings that provision writes for OpenClaw.
      ...(agents.some(({ wake }) => wake.kind === "openclaw") ? { OPENCLAW_HOOK_PATH: "/hooks/groundcrew" } : {}),
      ...{ ...env, PORT: String(plain.PORT), LOCALE: locale },
    }),
    states: file.states,
    secretsFile,
    /** Secrets from the environment and the files it names. They override stored secrets and are never changed. */
    given: readEnvironmentSecrets(env, secretsFile, files),
  };
  return { ok: true as const, settings };
}

function readAdminPassword(
  env: Record<string, string>,
  files: SettingsFiles,
  problems: SettingProblem[],
): string | undefined {
  const [name = ""] = PROVISION_SECRET_NAMES;
  const path = env[`${name}_FILE`];
  const password = env[name] ?? (path === undefined ? undefined : readPasswordFile(path, files));
  if (path !== undefined && password === undefined)
    problems.push({ name: `${name}_FILE`, given: path, wanted: "a readable file that contains the password" });
  const wanted = `the account's password, for a new Plane a random one, ${SECRET_RECIPE}`;
  if (password !== undefined && isGuessableSecret(password)) problems.push({ name, given: GUESSABLE_SECRET, wanted });
  return password;
}

/** The password in the file; undefined when it is missing, empty or cannot be read. */
function readPasswordFile(path: string, files: SettingsFiles): string | undefined {
  try {
    return files.read(path)?.text.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The ten agents of the default team, with their personas in this language. */
function createDefaultAgents(domain: string, language: string, usesOpenClaw: boolean): AgentSettings[] {
  const agents = Object.entries(getTexts("auto", language).personas).map(([name, about]) => ({
    name,
    email: `${name.toLowerCase()}@${domain}`,
    about,
    ...omitUndefined({
      role: name === "Concierge" ? "concierge" : undefined,
      wake: usesOpenClaw ? "openclaw" : undefined,
    }),
  }));
  // The parser of the settings file adds the defaults of the remaining fields.
  return parseSettingsFile(JSON.stringify({ agents })).settings?.agents ?? [];
}

/**
 * Finds values that are valid alone, but that Plane refuses or that conflict with another setting. `people`: addresses
 * that no agent may have, and what they are; the last one is the administrator's, which the Concierge may share.
 */
function findProvisionProblems(
  workspace: string,
  secretsFile: string,
  agents: readonly AgentSettings[],
  people: readonly (readonly [string, string])[],
): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const add = (name: string, given: string, wanted: string) => problems.push({ name, given, wanted });
  if (workspace.length > 48)
    add("PLANE_WORKSPACE", `${workspace.length} characters`, "at most 48, which is Plane's limit");
  // Plane treats every path with this word in it as one of its administration pages and requires that cookie there.
  const served = 'a name that does not contain "instances", which Plane\'s pages cannot serve';
  if (workspace.includes("instances")) add("PLANE_WORKSPACE", formatSettingValue(workspace), served);
  if (PROVISION_FILES.includes(secretsFile.slice(secretsFile.lastIndexOf("/") + 1)))
    add("SECRETS_FILE", formatSettingValue(secretsFile), `a name other than ${PROVISION_FILES.join(", ")}`);
  for (const { name, email, role } of agents) {
    const owner = people.find(([address]) => address === email.toLowerCase());
    if (owner && !(owner === people.at(-1) && role === "concierge"))
      add("GROUNDCREW_CONFIG agents", `${name} with ${owner[1]}`, "an account of its own for each agent");
  }
  return problems;
}

/** A display name made from an e-mail address: `ada.lovelace@…` becomes Ada Lovelace. */
function toDisplayName(email: string): string {
  const words = email.replace(/@.*$/, "").match(/[^._+-]+/g) ?? ["admin"];
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}
