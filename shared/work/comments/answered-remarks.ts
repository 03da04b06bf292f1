import { cleanLine } from "../../clean-text.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { updateValue } from "../../store/update.ts";
import { readWake } from "../../wake/wake-store.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { type KeptRemarks, type Remark, readRemarks, toRemarksPut } from "../remarks/remark-record.ts";

/** Limit of quoted remarks: 3, the latest. */
const MAX_QUOTES = 3;
/** Limit of a quoted first line in UTF-16 units. */
const MAX_QUOTE_LENGTH = 200;

/**
 * Reads the remarks on an item that the agent has not answered and that it knows, because a wake named them or it has
 * read the task since. So a comment that was written before does not quote what it cannot answer.
 */
export async function readTakenRemarks(deps: Pick<WorkDeps, "store">, item: string, agent: string): Promise<Remark[]> {
  const { open, read } = await readRemarks(deps, item);
  const own = open.filter((remark) => remark.agent === agent);
  if (own.length === 0) return [];
  const { wake } = await readWake(deps, agent);
  const wokenAt = wake.sent?.at ?? 0;
  return own.filter(({ at, held }) => at <= (read[agent] ?? 0) || (!held && at <= wokenAt));
}

/** Renders the first lines of what people wrote, because Plane's API cannot place a comment below another one. */
export function renderQuotes(remarks: readonly Remark[]): string {
  const lines = remarks
    .slice(-MAX_QUOTES)
    .map(({ by, text }) => [cleanLine(by, 80), cleanLine(text.split("\n")[0] ?? "", MAX_QUOTE_LENGTH)].map(escapeHtml))
    .map(([by, text]) => `<p><strong>${by}</strong>: ${text}</p>`);
  return lines.length === 0 ? "" : `<blockquote>${lines.join("")}</blockquote>`;
}

/** Removes answered remarks, so that the next comment does not quote them again. */
export async function closeRemarks(
  deps: Pick<WorkDeps, "store">,
  item: string,
  answered: readonly Remark[],
): Promise<void> {
  if (answered.length === 0) return;
  await updateValue<KeptRemarks>(deps, workKeys.remarks(item), (kept) => {
    if (!kept) return undefined;
    const isAnswered = ({ id, agent, at }: Remark) =>
      answered.some((remark) => remark.id === id && remark.agent === agent && remark.at === at);
    return { put: [toRemarksPut(item, { ...kept, open: kept.open.filter((remark) => !isAnswered(remark)) })] };
  });
}
