import { cleanLine, cleanText } from "../clean-text.ts";
import { sha256Hex } from "../hashing/sha256-hex.ts";
import { toMarkdown } from "../markdown/to-markdown.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { Ticket, TicketCause, TicketContent, TicketVersion } from "./ticket.ts";

/** Limit of a title in UTF-16 units. */
const MAX_TITLE_LENGTH = 500;
/** Limit of a description or a comment in UTF-16 units: 50,000; the text of a session's ticket file. */
const MAX_TEXT_LENGTH = 50_000;

/** Creates a version of a ticket from its content, whose texts are cleaned of control and direction characters. */
export async function createVersion(
  cause: TicketCause,
  { title, description, comment }: TicketContent,
): Promise<TicketVersion> {
  const content: TicketContent = {
    title: cleanLine(title, MAX_TITLE_LENGTH),
    description: cleanText(description, MAX_TEXT_LENGTH),
    ...(comment === undefined ? {} : { comment: cleanText(comment, MAX_TEXT_LENGTH) }),
  };
  return { cause, content, hash: await hashContent(content) };
}

/** Reads the content of a stored work item. The comment that requested the ticket stays the same. */
export async function readContent({ snapshot }: KeptItem, comment: string | undefined): Promise<TicketContent> {
  return {
    title: snapshot.name,
    description: await toMarkdown(snapshot.description),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** The text that a session reads from its ticket file. Everything in it comes from people: the heading says so. */
export function renderTicketFile({ key, shown, item }: Pick<Ticket, "key" | "shown" | "item">): string {
  const { title, description, comment } = shown.content;
  const parts = [
    `# ${key}: ${title}`,
    `Priority: ${item.priority}. The following text was written by people in Plane.`,
    description === "" ? "(no description)" : description,
    ...(comment === undefined ? [] : ["## Comment", comment]),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Sixteen hex characters suffice to tell the versions of one ticket apart, and people can compare them. */
async function hashContent({ title, description, comment }: TicketContent): Promise<string> {
  return (await sha256Hex(JSON.stringify([title, description, comment ?? null]))).slice(0, 16);
}
