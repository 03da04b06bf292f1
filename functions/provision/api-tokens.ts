import { z } from "zod";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { apiTokensApi } from "../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../shared/plane/app/session.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { ProvisionContext } from "./context.ts";
import { ignoreResponse } from "./ignore-response.ts";

/** An API key that provision creates: the setting's name, the e-mail address of its account, and its label in Plane. */
export interface ApiKeySpec {
  name: string;
  email: string;
  label: string;
}

/** Distinguishes provision's tokens from tokens to which people gave the same label. */
const TOKEN_DESCRIPTION = "made by provision";
const tokenListEndpoint = {
  ...apiTokensApi.list,
  answer: z.array(z.object({ id: z.string(), label: z.string(), description: z.string() })),
};

/** Hash by which provision's own file identifies a token without storing the token itself. */
export async function hashTokenMark(token: string): Promise<string> {
  return (await sha256Hex(token)).slice(0, 32);
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
  await vault.updateNotes(({ tokens }) => ({ tokens: { ...tokens, [name]: [entry, ...(tokens[name] ?? [])] } }));
  return token.token;
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
  const entries = vault.getNotes().tokens[name] ?? [];
  const marks = await Promise.all(keptValues.map(hashTokenMark));
  if (!marks.every((mark) => entries.some(({ hash }) => hash === mark))) return;
  const keptEntries = entries.filter(({ hash }) => marks.includes(hash));
  const { data: allTokens } = await session.call(tokenListEndpoint);
  const ownTokens = allTokens.filter((token) => token.label === label && token.description === TOKEN_DESCRIPTION);
  for (const { id } of ownTokens.filter((token) => !keptEntries.some((entry) => entry.id === token.id)))
    await session.call(ignoreResponse(apiTokensApi.remove), { params: { token: id } }).catch((thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    });
  if (keptEntries.length < entries.length)
    await vault.updateNotes(({ tokens }) => ({ tokens: { ...tokens, [name]: keptEntries } }));
}
