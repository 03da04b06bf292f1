import { z } from "zod";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { apiTokensApi } from "../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../shared/plane/app/session.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { ProvisionContext } from "./context.ts";
import { ignoreResponse } from "./ignore-response.ts";

/** An API key that provision makes: the name of the secret, whose account, and what Plane calls it. */
export interface ApiKeySpec {
  name: string;
  email: string;
  label: string;
}

/** Tells ours from those that people have given the same label. */
const TOKEN_DESCRIPTION = "made by provision";
const tokenListEndpoint = {
  ...apiTokensApi.list,
  answer: z.array(z.object({ id: z.string(), label: z.string(), description: z.string() })),
};

/** What tells tokens in provision's own file apart without being one. */
export async function hashTokenMark(token: string): Promise<string> {
  return (await sha256Hex(token)).slice(0, 32);
}

/**
 * A new token that does not expire, noted before it is kept. Ones under our label that no run has kept (it was cut off
 * in between) go first.
 */
export async function createApiToken(
  { vault }: ProvisionContext,
  session: PlaneSession,
  { name, label }: ApiKeySpec,
): Promise<string> {
  const { data: token } = await session.call(apiTokensApi.create, { json: { label, description: TOKEN_DESCRIPTION } });
  const entry = { id: token.id, hash: await hashTokenMark(token.token) };
  await vault.note(({ tokens }) => ({ tokens: { ...tokens, [name]: [entry, ...(tokens[name] ?? [])] } }));
  return token.token;
}

/**
 * Deletes this key's tokens in Plane but those that are these values. Nothing is deleted when it is not known which of
 * them a value is: then somebody else's might go.
 */
export async function deleteOldTokens(
  { vault }: ProvisionContext,
  session: PlaneSession,
  { name, label }: ApiKeySpec,
  keptValues: readonly string[],
) {
  const entries = vault.notes().tokens[name] ?? [];
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
    await vault.note(({ tokens }) => ({ tokens: { ...tokens, [name]: keptEntries } }));
}
