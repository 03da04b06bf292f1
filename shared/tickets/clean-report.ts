/**
 * What a runner reports, made fit to be shown: without control characters, and without secrets, which are the token of
 * the run and what has the form of a key. People look at screens together, and pictures of them are passed on.
 */

import { omitUndefined } from "../omit-undefined.ts";
import { cleanLine, cleanText } from "../text.ts";
import type { Publication, SessionReport } from "./exchange.ts";

/** Characters of a secret that stay, so that people see which one it is. */
const SHOWN_LENGTH = 4;

/** What may stand within a secret on a screen: the end of a line that is too narrow, and colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with a control character.
const GAP = /(\n|\u001b\[[\d;]*m)/;

/** Forms of keys, by their issuers' documents: Anthropic, OpenAI, GitHub, GitLab, Slack, AWS, Telegram, Plane. */
const KEY_FORMS = [
  "sk-[\\w-]{20,}",
  "gh[pousr]_\\w{36,}",
  "github_pat_\\w{22,}",
  "glpat-[\\w-]{20,}",
  "xox[abeprs]-[\\w-]{10,}",
  "(?:AKIA|ASIA)[A-Z\\d]{16}",
  "\\d{8,10}:[\\w-]{35}",
  "plane_api_\\w{16,}",
];

const KEYS = new RegExp(`(?<![\\w-])(?:${KEY_FORMS.join("|")})`, "g");

/** Cleans the texts of programs and files, which are shown to people and typed into no terminal. */
export function cleanSession(session: SessionReport, token: string | undefined): SessionReport {
  const { screen, publication, attention, kept_apart, conflicts } = session;
  return {
    ...session,
    screen: maskSecrets(cleanText(screen, screen.length), token),
    branch: cleanLine(session.branch, 300),
    commits: session.commits.map(({ id, subject }) => ({ id: cleanLine(id, 64), subject: cleanLine(subject, 300) })),
    ...omitUndefined({
      publication: publication && cleanPublication(publication, token),
      attention: attention && cleanText(attention, 2_000),
      kept_apart: kept_apart && cleanText(kept_apart, 500),
      conflicts: conflicts?.map((file) => cleanLine(file, 500)),
    }),
  };
}

/** Logs of checks can have secrets. */
function cleanPublication(publication: Publication, token: string | undefined): Publication {
  const { checks, problem } = publication;
  const clean = (text: string | undefined) => text && maskSecrets(cleanText(text, text.length), token);
  const failed = checks?.failed.map((name) => cleanLine(name, 200)) ?? [];
  return {
    ...publication,
    ...omitUndefined({ problem: clean(problem) }),
    ...(checks ? { checks: { ...checks, failed, ...omitUndefined({ log: clean(checks.log) }) } } : {}),
  };
}

/**
 * Replaces secrets by dots, one for each character, so that nothing on the screen moves.
 * @param token of the session's run, which is found across the ends of lines, too
 */
export function maskSecrets(screen: string, token: string | undefined): string {
  const masked = screen.replace(KEYS, maskText);
  if (!token) return masked;
  const characters = [...token].map((character) => character.replace(/\W/, "\\$&"));
  return masked.replace(new RegExp(characters.join(`(?:${GAP.source})*`), "g"), maskText);
}

function maskText(secret: string): string {
  let shown = 0;
  const parts = secret.split(GAP).map((part = "", i) => {
    if (i % 2 === 1) return part;
    return part.replace(/./gu, (character) => (shown++ < SHOWN_LENGTH ? character : "•"));
  });
  return parts.join("");
}
