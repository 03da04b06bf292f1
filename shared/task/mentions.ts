/** Limit of the HTML that is searched for mentions: 200,000 characters, far longer than a text that people write. */
const MAX_LENGTH = 200_000;

/**
 * Finds the Plane users that a comment or a description mentions. Plane stores a mention as
 * `<mention-component entity_identifier="<user id>" entity_name="user_mention">`, with its attributes in any order.
 */
export function findMentionedUsers(html: string): string[] {
  const ids = new Set<string>();
  for (const [, attributes = ""] of html.slice(0, MAX_LENGTH).matchAll(/<mention-component\b([^<>]{0,1000})/gi)) {
    const [, name = "user_mention"] = /\bentity_name\s*=\s*["']?(\w+)/i.exec(attributes) ?? [];
    const [, id] = /\bentity_identifier\s*=\s*["']?([0-9a-f-]{36})\b/i.exec(attributes) ?? [];
    if (id !== undefined && name === "user_mention") ids.add(id.toLowerCase());
  }
  return [...ids];
}
