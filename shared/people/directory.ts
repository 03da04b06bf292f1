/**
 * The directory of people: who may answer, sign in and be named. The setting `people` joins a person's Plane account,
 * Telegram number and language; without it, the workspace's human members are the people. What Plane says of them
 * (name, role, projects) is one record, which `shared/sync/projects.ts` keeps up to date; what the list says wins.
 * Looking somebody up makes no request.
 *
 * People also sign in to the page by one-time links, which the bot sends to the person whose number in Telegram it is.
 * The secret is in the link's fragment, which no request, preview or log contains; the page exchanges it by POST, once
 * and within 5 minutes. The store has only its hash.
 */

import { encodeBase64Url } from "hono/utils/encode";
import type { Deps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate, type Locale } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { createReplacementJob } from "../jobs/outgoing-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Put, SetName, Store, StoreKey } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import type { ChatId } from "../telegram/bot.ts";
import { toPlainText } from "../telegram/rich-text.ts";
import { cleanLine } from "../text.ts";
import { isRecent, MINUTE, type Ms } from "../time.ts";
import type { PersonRole } from "./roles.ts";

/** A member of the workspace as Plane lists them. */
export interface WorkspaceMember {
  /** Plane's id. */
  id: string;
  /** The name that Plane shows. */
  name: string;
  email: string | null;
  /** Plane's role: 20 admin, 15 member, 5 guest. */
  role: number;
}

/** The members of the workspace and of its projects, as Plane lists them. */
export interface MembersRecord {
  /** Store time of the read that found them. */
  at: Ms;
  members: WorkspaceMember[];
  /** By Plane's id of a project: its members' ids, and the number of members that Plane counted then. */
  projects: Record<string, ProjectMembers>;
  /** By a person's id the store time at which they proved, with their own API token, that they are in the workspace. */
  proved?: Record<string, Ms>;
}

/** The members of a project: their ids, and the number of members that Plane counted then. */
export interface ProjectMembers {
  count: number;
  ids: string[];
  /**
   * Store time at which Plane counted fewer members than it lists: somebody has left the project, perhaps the
   * workspace, and Plane goes on listing them.
   */
  leftAt?: Ms;
}

/** The sessions of people who are signed in to the page. */
export const personSessionSet: SetName = "person-sessions";

/** A person of the directory. */
export interface Person {
  /** Plane's id; absent for a person of the settings who is not in the workspace (or before its first read). */
  id?: string;
  /**
   * The name that Plane shows, with the e-mail address where an agent, `admin` or another person has the same one; the
   * address alone while it is unknown.
   */
  name: string;
  email?: string;
  /** The role in the workspace; absent like the id. */
  role?: PersonRole;
  /** Telegram's number of the user. */
  telegram?: number;
  language?: Locale;
  /** Plane's ids of the projects of which they are a member. */
  projects: readonly string[];
  /** Store time since which they may be who has left one of these projects: Plane does not say who. */
  doubtedAt?: Ms;
}

/** What a person is looked up by: Plane's id, the e-mail address (in any case), or Telegram's number. */
export type PersonKey = { id: string } | { email: string } | { telegram: number };

type DirectoryDeps = { store: Pick<Store, "read">; settings: Pick<Settings, "people" | "agents"> };

/** A link that was not used yet. */
interface SignInLink {
  /** Plane's id of the person. */
  person: string;
  language: Locale;
  /** Store time at which it was made. */
  at: Ms;
  message?: LinkMessage;
}

/** The message that has the link. */
interface LinkMessage {
  chat: ChatId;
  messageId: number;
}

type LinkDeps = Pick<Deps, "store" | "settings">;

/** Time in which a link must be used: 5 minutes. */
const LINK_MS: Ms = 5 * MINUTE;

/** Plane's role of a workspace's admin, and of a member. */
const [ADMIN_ROLE, MEMBER_ROLE] = [20, 15];

/** The name of whoever holds ADMIN_TOKEN. */
export const ADMIN_NAME = "admin";

/** Limit of a name with its address, in UTF-16 units. */
const NAME_LIMIT = 80;

/** The account that Plane adds to each workspace. Over an API key only its address tells that it is no person. */
const PLANE_BOT = /^bot_user_.*@plane\.so$/i;

/** Selects the members whose accounts are people's: an account is, unless it is an agent's or Plane's own. */
export function selectHumans<M extends { email: string | null }>(
  members: readonly M[],
  agents: readonly { email: string }[],
): M[] {
  const agentEmails = new Set(agents.map(({ email }) => email.toLowerCase()));
  return members.filter(({ email }) => {
    return email !== null && !PLANE_BOT.test(email) && !agentEmails.has(email.toLowerCase());
  });
}

/** Reads all people: those of the setting in its order, or the workspace's human members as Plane lists them. */
export async function readPeople({ store, settings }: DirectoryDeps): Promise<Person[]> {
  const [stored] = await store.read<MembersRecord>([observedKeys.members]);
  const humans = selectHumans(stored?.value.members ?? [], settings.agents);
  const projects = Object.entries(stored?.value.projects ?? {});
  const findDoubt = (id: string): Ms | undefined => {
    const times = projects.flatMap(([, { ids, leftAt }]) => (leftAt !== undefined && ids.includes(id) ? leftAt : []));
    const last = Math.max(0, ...times);
    return last > (stored?.value.proved?.[id] ?? 0) ? last : undefined;
  };
  const rename = createRenaming(humans, settings.agents);
  const describe = (member: WorkspaceMember): Person => ({
    id: member.id,
    name: rename(member),
    role: toPersonRole(member.role),
    projects: projects.flatMap(([project, { ids }]) => (ids.includes(member.id) ? [project] : [])),
    ...omitUndefined({ email: member.email ?? undefined, doubtedAt: findDoubt(member.id) }),
  });
  if (!settings.people) return humans.map(describe);
  const byEmail = new Map(humans.map((member) => [member.email?.toLowerCase(), member]));
  return settings.people.map(({ email, telegram, language }) => {
    const member = byEmail.get(email);
    const known = member ? describe(member) : { name: email, projects: [] };
    return { ...known, email, ...omitUndefined({ telegram, language }) };
  });
}

/** Creates what names each person in a way that nobody else can be meant: people choose their own names in Plane. */
function createRenaming(humans: readonly WorkspaceMember[], agents: readonly { name: string }[]) {
  const clean = (name: string) => cleanLine(name, NAME_LIMIT);
  const fold = (name: string) => clean(name).normalize("NFKC").toLowerCase();
  const names = [ADMIN_NAME, ...agents.map(({ name }) => name), ...humans.map(({ name }) => name)].map(fold);
  return ({ name, email }: WorkspaceMember): string => {
    const isUnique = names.filter((other) => other === fold(name)).length === 1;
    return isUnique && fold(name) !== "" ? clean(name) : clean(`${name} (${email})`);
  };
}

/** The numbers of TELEGRAM_ALLOWED_USERS that the list gives no name. */
export function findUnnamedUsers({ telegram, people = [] }: Pick<Settings, "telegram" | "people">): number[] {
  return telegram?.allowedUsers.filter((user) => !people.some((person) => person.telegram === user)) ?? [];
}

/** Finds a person; undefined for somebody whom the directory does not know. */
export async function findPerson(deps: DirectoryDeps, key: PersonKey): Promise<Person | undefined> {
  const people = await readPeople(deps);
  return people.find((person) => {
    if ("id" in key) return person.id === key.id;
    if ("telegram" in key) return person.telegram === key.telegram;
    return person.email?.toLowerCase() === key.email.toLowerCase();
  });
}

/** Records that a person signed in, in the commit of the session, which ends sooner. */
export function createSignInPut(person: string, at: Ms): Put {
  return { key: signInKey(person), value: { at } };
}

/** Reads when each of these people signed in last; undefined for those who never did. */
export async function readLastSignIns({ store }: Pick<DirectoryDeps, "store">, people: readonly Person[]) {
  const rows = await store.read<{ at: Ms }>(people.map(({ id }) => signInKey(id ?? "")));
  return rows.map((row) => row?.value.at);
}

const signInKey = (person: string): StoreKey => `signed-in:${person}`;

function toPersonRole(role: number): PersonRole {
  return role >= ADMIN_ROLE ? "admin" : role >= MEMBER_ROLE ? "member" : "guest";
}

/** Creates a secret of 32 random bytes: 43 characters that are safe in a URL. */
export function createSecret(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)).buffer).replace("=", "");
}

async function linkKey(secret: string): Promise<StoreKey> {
  return `sign-in-link:${await sha256Hex(secret)}`;
}

/** Stores a link by the hash of its secret, before the message with it is sent. */
export async function storeSignInLink(
  { store }: LinkDeps,
  secret: string,
  link: Pick<SignInLink, "person" | "language">,
): Promise<void> {
  const value: SignInLink = { ...link, at: await store.now() };
  await store.commit({ put: [{ key: await linkKey(secret), value, expires: LINK_MS }] });
}

/** Adds the message that was sent, unless the link was used already. */
export async function addLinkMessage(deps: LinkDeps, secret: string, message: LinkMessage): Promise<void> {
  const key = await linkKey(secret);
  await updateValue<SignInLink>(deps, key, (link) =>
    link ? { put: [{ key, value: { ...link, message }, expires: LINK_MS }] } : undefined,
  );
}

/**
 * Uses a link up and returns the person whose it is; undefined for anything else, also for one that was used or is
 * late. Its message then says where it was used.
 * @param place where: the browser and the address
 */
export async function redeemSignInLink(
  deps: LinkDeps,
  secret: string,
  place: string,
  correlation: string,
): Promise<Person | undefined> {
  const key = await linkKey(secret);
  const [stored] = await deps.store.read<SignInLink>([key]);
  if (!stored || !isRecent(stored.value.at, LINK_MS, await deps.store.now())) return undefined;
  const { person, language, message } = stored.value;
  const used = formatTemplate(getTexts(language).telegram.answers.signIn.used, { place });
  const show = message && { messageId: message.messageId, rich: toPlainText(used), language };
  const jobs = message && show ? [createReplacementJob(message.chat, show, key, correlation)] : [];
  const commit = { expect: [[key, stored.rev] as [StoreKey, number]], put: [{ key, value: undefined }], jobs };
  if ((await deps.store.commit(commit)) !== "committed") return undefined;
  const found = await findPerson(deps, { id: person });
  return found?.doubtedAt === undefined ? found : undefined;
}
