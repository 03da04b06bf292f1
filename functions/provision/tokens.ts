import { z } from "zod";
import { sha256Hex } from "../../shared/digest.ts";
import { apiTokens } from "../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../shared/plane/app/session.ts";
import { PlaneNotFoundError } from "../../shared/plane/errors.ts";
import type { Context } from "./context.ts";
import { unread } from "./unread.ts";

/** An API key that provision makes: the name of the secret, whose account, and what Plane calls it. */
export interface Key {
  name: string;
  email: string;
  label: string;
}

/** Tells ours from those that people have given the same label. */
const MADE = "made by provision";
const listed = {
  ...apiTokens.list,
  answer: z.array(z.object({ id: z.string(), label: z.string(), description: z.string() })),
};

/** What tells tokens in provision's own file apart without being one. */
export async function markOf(token: string): Promise<string> {
  return (await sha256Hex(token)).slice(0, 32);
}

/**
 * A new token that does not expire, noted before it is kept. Ones under our label that no run has kept (it was cut off
 * in between) go first.
 */
export async function makeToken({ vault }: Context, session: PlaneSession, { name, label }: Key): Promise<string> {
  const { data: made } = await session.call(apiTokens.create, { json: { label, description: MADE } });
  const entry = { id: made.id, hash: await markOf(made.token) };
  await vault.note(({ tokens }) => ({ tokens: { ...tokens, [name]: [entry, ...(tokens[name] ?? [])] } }));
  return made.token;
}

/**
 * Deletes this key's tokens in Plane but those that are these values. Nothing is deleted when it is not known which of
 * them a value is: then somebody else's might go.
 */
export async function sweepTokens(
  { vault }: Context,
  session: PlaneSession,
  { name, label }: Key,
  keep: readonly string[],
) {
  const entries = vault.notes().tokens[name] ?? [];
  const marks = await Promise.all(keep.map(markOf));
  if (!marks.every((mark) => entries.some(({ hash }) => hash === mark))) return;
  const kept = entries.filter(({ hash }) => marks.includes(hash));
  const { data: all } = await session.call(listed);
  const ours = all.filter((token) => token.label === label && token.description === MADE);
  for (const { id } of ours.filter((token) => !kept.some((entry) => entry.id === token.id)))
    await session.call(unread(apiTokens.remove), { params: { token: id } }).catch((thrown: unknown) => {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    });
  if (kept.length < entries.length) await vault.note(({ tokens }) => ({ tokens: { ...tokens, [name]: kept } }));
}
