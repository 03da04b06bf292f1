/**
 * Secrets in what a session prints: the token of its run, and what has the form of a key. People look at screens
 * together, and pictures of them are passed on.
 */

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
