/** Steps that create, renew and retire tokens: API keys of Plane and bridge tokens of agents. */

import { z } from "zod";
import { sha256Hex } from "../../../shared/hashing.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { apiTokensApi } from "../../../shared/plane/app/session.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import type { Ms } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import { getBridgeTokenSetting, hashBridgeToken, renewBridgeToken } from "../files.ts";
import { createStepRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep, type StepChange } from "../step.ts";
import { sendChange } from "./plane-state.ts";

/** A kind of secret whose values can overlap: a new one is valid beside the previous one until that is retired. */
export interface RotatableSecret {
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

/** How a change says that rotation does not interrupt anybody. */
export const PREVIOUS_STAYS = "; the previous one stays valid until the next rotation or --retire";

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
      return ["nothing to retire"];
    return [
      change(`only the newest ${setting} stays valid`, async () => {
        await vault.storeValues(setting, newest);
        await deleteOld?.(context, newest);
      }),
    ];
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
    if (value === undefined) return [create(detail, replaceKey)];
    const owner = await findKeyOwner(context, value);
    if (vault.isFromEnvironment(key.name)) {
      if (owner !== undefined) return [`${key.name} works (from the environment)`];
      throw createStepRefusal(
        `Plane refused the ${key.name} from the environment: replace it there, or remove it to have one created.`,
      );
    }
    if (owner?.toLowerCase() === key.email.toLowerCase()) return [`${key.name} works`];
    if (owner === undefined) refusedKeys.add(value);
    const fault = owner === undefined ? "Plane refused the old one" : "the old one belongs to another account";
    return [change(`${detail}, because ${fault}`, replaceKey)];
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
    if (vault.isFromEnvironment(setting)) return [`${setting} comes from the environment`];
    const file = vault.getTokenPath(agent);
    const hash = await vault.readBridgeTokenHash(agent);
    if (hash === undefined)
      return [
        create(`${file}, its hash as ${setting}`, async () => {
          const created = newSecret();
          // The file is written first, because a hash without its token would be useless.
          await vault.storeBridgeToken(agent, created);
          await vault.storeValues(setting, [await hashBridgeToken(created)]);
        }),
      ];
    if (vault.getValues(setting).includes(hash)) return [file];
    return [change(`store the hash of ${file} as ${setting}`, () => vault.storeValues(setting, [hash]))];
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
