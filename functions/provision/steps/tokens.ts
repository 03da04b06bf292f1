/**
 * Steps that create, renew and retire secrets: API keys of Plane, bridge tokens of agents, and Plane's webhook with its
 * secret.
 */

import { z } from "zod";
import { getErrorMessage } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { apiTokensApi, type PlaneSession, webhooksApi } from "../../../shared/plane/app/session.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneInvalidError,
  PlaneNotFoundError,
} from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import {
  callOwnWorkspace,
  findOwnWorkspace,
  getInstance,
  type ProvisionContext,
  requireFound,
  sendChange,
} from "../context.ts";
import { getBridgeTokenSetting, hashBridgeToken, renewBridgeToken } from "../files.ts";
import { createStepRefusal, explainWebhookRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep, type StepChange } from "../step.ts";

/** A kind of secret whose values can overlap: a new one is valid beside the previous one until that is retired. */
interface RotatableSecret {
  /** Name in the steps that rotate and retire it, for example `bridge token Thot`. */
  name: string;
  /** The setting with the valid values, the newest first. */
  setting: string;
  needs?: readonly string[];
  /** Prepares a new value beside the one in use. */
  rotate(context: ProvisionContext): Promise<StepChange>;
  /** The value that stays valid when the others are retired; undefined when it is unknown. Default: the first. */
  findNewest?(context: ProvisionContext): Promise<string | undefined>;
  /** Deletes the old values in Plane, after SECRETS_FILE, so that the runtime never uses a deleted one. */
  deleteOld?(context: ProvisionContext, newest: readonly string[]): Promise<unknown>;
}

/** An API key that provision creates: the setting's name, the e-mail address of its account, and its label in Plane. */
export interface ApiKeySpec {
  name: string;
  email: string;
  label: string;
}

/** Wait for the runtime to reload SECRETS_FILE: 4 s, because it checks the file every two seconds. */
const RELOAD_MS: Ms = 4_000;

/** Distinguishes provision's tokens from tokens to which people gave the same label. */
const TOKEN_DESCRIPTION = "made by provision";

const tokenListEndpoint = {
  ...apiTokensApi.list,
  answer: z.array(z.object({ id: z.string(), label: z.string(), description: z.string() })),
};

const WEBHOOK_SECRET = "PLANE_WEBHOOK_SECRET";

/** Timeout for Groundcrew's answer at the webhook's address: 10 s. */
const PROBE_TIMEOUT: Ms = 10 * SECOND;

const EVENTS = { project: true, issue: true, issue_comment: true, cycle: true } as const;

/** How a change says that rotation does not interrupt anybody. */
const PREVIOUS_STAYS = "; the previous one stays valid until the next rotation or --retire";

/** Creates a value of the secret beside the one in use. */
export function createRotateStep({ name, setting, needs = [], rotate }: RotatableSecret): ProvisionStep {
  return createStep(`rotate ${name}`, needs, async (context) => {
    if (!context.vault.isFromEnvironment(setting)) return [await rotate(context)];
    throw createStepRefusal(
      `${setting} comes from the environment, where provision cannot change it: replace it there, or remove it and run the same command again.`,
    );
  });
}

/** Makes all values of the secret but the newest invalid. */
export function createRetireStep(secret: RotatableSecret): ProvisionStep {
  const { name, setting, needs = [], findNewest, deleteOld } = secret;
  return createStep(`retire ${name}`, needs, async (context) => {
    const { vault } = context;
    const values = vault.getValues(setting);
    const count = Math.max(values.length, vault.getTokenEntries(setting).length);
    const newest = findNewest ? keepDefined([await findNewest(context)]) : values.slice(0, 1);
    if (vault.isFromEnvironment(setting) || count < 2 || (findNewest && newest.length === 0))
      return "nothing to retire";
    return change(`only the newest ${setting} stays valid`, async () => {
      await vault.storeValues(setting, newest);
      await deleteOld?.(context, newest);
    });
  });
}

export function toRotatableKey(key: ApiKeySpec): RotatableSecret {
  return {
    name: `${key.label}'s API key`,
    setting: key.name,
    needs: ["administrator"],
    async rotate(context) {
      const { vault, sessions } = context;
      const current = vault.getValues(key.name).slice(0, 1);
      const session = await sessions.signIn(key.email);
      return change(`a new ${key.name}${current.length > 0 ? PREVIOUS_STAYS : ""}`, async () => {
        await deleteOldTokens(context, session, key, current);
        await vault.storeValues(key.name, [await createApiToken(context, session, key), ...current]);
      });
    },
    deleteOld: async (context, newest) =>
      deleteOldTokens(context, await context.sessions.signIn(key.email), key, newest),
  };
}

export function toRotatableBridgeToken(agent: string): RotatableSecret {
  const setting = getBridgeTokenSetting(agent);
  return {
    name: `bridge token ${agent}`,
    setting,
    rotate: async ({ vault, newSecret, wait }) =>
      change(`a new token${PREVIOUS_STAYS}`, () => renewBridgeToken(vault, agent, newSecret, () => wait(RELOAD_MS))),
    async findNewest({ vault }) {
      const hash = await vault.readBridgeTokenHash(agent);
      return vault.getValues(setting).find((value) => value === hash);
    },
  };
}

/**
 * Creates an API key of the right account that does not expire. A key from the environment is only tested, never
 * replaced.
 */
export function createApiKeyStep(key: ApiKeySpec, needs: readonly string[], name: string): ProvisionStep {
  return createStep(name, needs, async (context) => {
    const { vault, sessions, refusedKeys } = context;
    const detail = `${key.name}, for ${key.email}`;
    async function replaceKey() {
      const session = await sessions.signIn(key.email);
      await deleteOldTokens(context, session, key, []);
      await vault.storeValues(key.name, [await createApiToken(context, session, key)]);
    }
    const value = vault.getFirstValue(key.name);
    if (value === undefined) return create(detail, replaceKey);
    const owner = await findKeyOwner(context, value);
    if (vault.isFromEnvironment(key.name)) {
      if (owner !== undefined) return `${key.name} works (from the environment)`;
      throw createStepRefusal(
        `Plane refused the ${key.name} from the environment: replace it there, or remove it to have one created.`,
      );
    }
    if (owner?.toLowerCase() === key.email.toLowerCase()) return `${key.name} works`;
    if (owner === undefined) refusedKeys.add(value);
    const fault = owner === undefined ? "Plane refused the old one" : "the old one belongs to another account";
    return change(`${detail}, because ${fault}`, replaceKey);
  });
}

/** The e-mail address of the key's account; undefined when Plane does not know the key. */
async function findKeyOwner(context: ProvisionContext, key: string): Promise<string | undefined> {
  try {
    const client = await context.getClient(key);
    return (await client.call(usersApi.me)).data.email ?? "";
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError && thrown.reason === "key")) throw thrown;
    // Plane answers 403 to an unknown key, and 401 when no key arrived.
    if (thrown.status !== 401) return undefined;
    throw createStepRefusal(
      `A proxy in front of Plane at ${context.settings.plane.url} drops the X-Api-Key header or requires its own authentication (401): let the header pass, or set PLANE_URL to Plane's own address. No key was replaced.`,
      thrown,
    );
  }
}

/**
 * Creates an agent's bridge token. The token itself is only in the agent's own file; the runtime needs just its hash.
 */
export function createBridgeTokenStep(agent: string): ProvisionStep {
  const setting = getBridgeTokenSetting(agent);
  return createStep(`bridge token ${agent}`, [], async ({ vault, newSecret }) => {
    if (vault.isFromEnvironment(setting)) return `${setting} comes from the environment`;
    const file = vault.getTokenPath(agent);
    const hash = await vault.readBridgeTokenHash(agent);
    if (hash === undefined)
      return create(`${file}, its hash as ${setting}`, async () => {
        const created = newSecret();
        // The file is written first, because a hash without its token would be useless.
        await vault.storeBridgeToken(agent, created);
        await vault.storeValues(setting, [await hashBridgeToken(created)]);
      });
    if (vault.getValues(setting).includes(hash)) return file;
    return change(`store the hash of ${file} as ${setting}`, () => vault.storeValues(setting, [hash]));
  });
}

/**
 * Creates a token that does not expire and records its id, before the caller stores the token itself. The record of a
 * token that an interrupted run never stored lets `deleteOldTokens` delete it later.
 */
export async function createApiToken(
  { vault }: ProvisionContext,
  session: PlaneSession,
  { name, label }: ApiKeySpec,
): Promise<string> {
  const { data: token } = await session.call(apiTokensApi.create, { json: { label, description: TOKEN_DESCRIPTION } });
  const entry = { id: token.id, hash: await hashTokenMark(token.token) };
  await vault.storeTokenEntries(name, [entry, ...vault.getTokenEntries(name)]);
  return token.token;
}

/** Hash by which provision's own file identifies a token without storing the token itself. */
async function hashTokenMark(token: string): Promise<string> {
  return (await sha256Hex(token)).slice(0, 32);
}

/**
 * Deletes this key's tokens in Plane, except those with these values. Deletes nothing when the record does not show
 * which token has one of the values, because a token that is in use could be deleted.
 */
export async function deleteOldTokens(
  { vault }: ProvisionContext,
  session: PlaneSession,
  { name, label }: ApiKeySpec,
  keptValues: readonly string[],
) {
  const entries = vault.getTokenEntries(name);
  const marks = await Promise.all(keptValues.map(hashTokenMark));
  if (!marks.every((mark) => entries.some(({ hash }) => hash === mark))) return;
  const keptEntries = entries.filter(({ hash }) => marks.includes(hash));
  const { data: allTokens } = await session.call(tokenListEndpoint);
  const ownTokens = allTokens.filter((token) => token.label === label && token.description === TOKEN_DESCRIPTION);
  for (const { id } of ownTokens.filter((token) => !keptEntries.some((entry) => entry.id === token.id)))
    await sendChange(session, apiTokensApi.remove, { params: { token: id } }).catch((thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    });
  if (keptEntries.length < entries.length) await vault.storeTokenEntries(name, keptEntries);
}

/**
 * Creates the webhook, enables it once Groundcrew answers at its address, and stores its secret. One that is enabled
 * stays so. Never changes other webhooks of the workspace.
 */
export const webhookStep = createStep("webhook", ["workspace"], async (context) => {
  const { vault, settings } = context;
  const { webhookTarget: url } = settings;
  if (url === undefined)
    return "none: set PUBLIC_URL or PLANE_WEBHOOK_TARGET; until then changes are detected by polling";
  const found = await findWebhook(context);
  const secrets = vault.getValues(WEBHOOK_SECRET);
  const isGiven = vault.isFromEnvironment(WEBHOOK_SECRET);
  if (isGiven && (!found || !secrets.includes(found.secret_key)))
    throw createStepRefusal(
      `${WEBHOOK_SECRET} in the environment differs from the webhook's secret in Plane: remove it from the environment, and provision stores the right one in SECRETS_FILE.`,
    );
  const send = (json: Record<string, unknown>) => async () => {
    const endpoint = found ? webhooksApi.update : webhooksApi.create;
    const sent = callOwnWorkspace(context, endpoint, { params: { webhook: found?.id ?? "" }, json });
    await recordWebhook(context, await sent.catch((thrown: unknown) => refuse(context, thrown)), found !== undefined);
  };
  const mustWait = found?.is_active && found.url === url ? undefined : await findObstacle(context, url);
  const inactive =
    mustWait === undefined ? "" : `, inactive: ${mustWait} → Start Groundcrew, then run this command again.`;
  if (!found) return create(`${url}${inactive}`, send({ url, ...EVENTS, module: false, is_active: !mustWait }));
  const store = async () => recordWebhook(context, requireFound(await findWebhook(context), "The webhook"), true);
  const missing = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => !found[event]);
  const changes = keepDefined([
    found.url !== url
      ? change(`change its address to ${url}${inactive}`, send({ url, ...(mustWait && { is_active: false }) }))
      : undefined,
    missing.length > 0 ? change(`add the events ${missing.join(", ")}`, send(EVENTS)) : undefined,
    found.is_active || mustWait ? undefined : change("enable it again", send({ is_active: true })),
    isGiven || secrets[0] === found.secret_key ? undefined : change(`store its secret as ${WEBHOOK_SECRET}`, store),
  ]);
  return changes.length > 0 ? changes : [`${found.url}${found.is_active ? ", enabled" : inactive}`];
});

/**
 * Returns why the webhook must not be enabled yet; undefined when Groundcrew answers at its address. An unsigned
 * request is refused there with a text that no other program has.
 */
async function findObstacle({ fetch }: ProvisionContext, url: string): Promise<string | undefined> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(PROBE_TIMEOUT);
  try {
    const response = await fetch(url, { method: "POST", headers, body: "{}", redirect: "manual", signal });
    const text = response.status === 401 || response.status === 429 ? await response.text() : "";
    return text.includes("signature") || text.includes("X-Plane-Signature")
      ? undefined
      : `another program answers there (${response.status})`;
  } catch (thrown) {
    return `Groundcrew does not answer there (${getErrorMessage(thrown)})`;
  }
}

/** The secret of the webhook. Plane signs with a new one at once, but deliveries under way with the previous one. */
export const webhookSecret: RotatableSecret = {
  name: "webhook",
  setting: WEBHOOK_SECRET,
  needs: ["administrator"],
  async rotate(context) {
    const found = await findWebhook(context);
    if (!found)
      throw createStepRefusal(
        "Plane has no webhook for Groundcrew, so there is no secret to rotate: run provision without --rotate first.",
      );
    return change(`a new secret${PREVIOUS_STAYS}`, async () => {
      const options = { params: { webhook: found.id }, json: {} };
      const { secret_key } = await callOwnWorkspace(context, webhooksApi.regenerate, options);
      await context.vault.storeValues(WEBHOOK_SECRET, [secret_key, found.secret_key]);
    });
  },
};

/** Notes the webhook and stores its secret. Deliveries to an old one may still be signed with the previous secret. */
async function recordWebhook(
  { vault }: ProvisionContext,
  { id, secret_key }: { id: string; secret_key: string },
  isOld: boolean,
) {
  await vault.updateNotes({ webhook: id });
  const stored = vault.getValues(WEBHOOK_SECRET);
  if (stored[0] === secret_key || vault.isFromEnvironment(WEBHOOK_SECRET)) return;
  const previous = isOld ? stored.filter((secret) => secret !== secret_key).slice(0, 1) : [];
  await vault.storeValues(WEBHOOK_SECRET, [secret_key, ...previous]);
}

/**
 * Provision's webhook: the one with the configured address, or the one that an earlier run created with another
 * address.
 */
async function findWebhook(context: ProvisionContext) {
  const workspace = await findOwnWorkspace(context);
  if (!workspace) return undefined;
  const { data: all } = await workspace.session.call(webhooksApi.list, { params: workspace.params });
  const { webhook: id } = context.vault.getNotes();
  return all.find(({ url }) => url === context.settings.webhookTarget) ?? all.find((webhook) => webhook.id === id);
}

/** Throws what a refused webhook means: another run at the same time, or an address that Plane does not accept. */
async function refuse(context: ProvisionContext, thrown: unknown): Promise<never> {
  const { webhookTarget: target = "", plane } = context.settings;
  if (thrown instanceof PlaneConflictError)
    throw createStepRefusal(
      `Another program is creating the webhook to ${target} at the same time: run the same command again.`,
    );
  const planeMessage = thrown instanceof PlaneInvalidError ? thrown.fields["url"]?.join(" ") : undefined;
  if (planeMessage === undefined) throw thrown;
  const { current_version: version } = await getInstance(context);
  throw createStepRefusal(explainWebhookRefusal(planeMessage, { target, plane: plane.url, version }));
}
