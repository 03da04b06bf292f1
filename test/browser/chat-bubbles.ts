import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";

/** A message to draw: a copy, which later edits do not change. */
export interface ChatBubble {
  message: SimulatedMessage;
  /** The first line of the message that this one replies to. */
  quoted?: string | undefined;
}

const TAGS: Record<string, string> = { bold: "b", code: "code", text_link: "u", italic: "i" };

/** Renders messages roughly as Telegram shows them: formatted text, buttons, and the message replied to. */
export function renderBubbles(bubbles: readonly ChatBubble[]): string {
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><main>${bubbles.map(renderBubble).join("")}</main>`;
}

function renderBubble({ message, quoted }: ChatBubble): string {
  const { text, entities, buttons, from, at, edits } = message;
  const time = new Date(at).toISOString().slice(11, 16);
  const rows = buttons.map(
    (row) => `<div>${row.map((button) => `<span>${escapeHtml(button.text)}</span>`).join("")}</div>`,
  );
  return (
    `<article class="${from === undefined ? "bot" : "me"}"><section>` +
    (quoted === undefined ? "" : `<blockquote>${escapeHtml(quoted)}</blockquote>`) +
    `<p>${renderEntities(text, entities)}</p><time>${edits.length > 0 ? "edited " : ""}${time}</time></section>` +
    `<nav>${rows.join("")}</nav></article>`
  );
}

/** Entities are disjoint or nested, so of those that begin at the same offset the longest is opened first. */
function renderEntities(text: string, entities: SimulatedMessage["entities"]): string {
  const rendered = entities.filter(({ type }) => type in TAGS).sort((a, b) => b.length - a.length);
  let html = "";
  for (let i = 0; i <= text.length; i += 1) {
    for (const { type } of rendered.filter(({ offset, length }) => offset + length === i).reverse())
      html += `</${TAGS[type]}>`;
    for (const { type } of rendered.filter(({ offset }) => offset === i)) html += `<${TAGS[type]}>`;
    html += escapeHtml(text.charAt(i));
  }
  return html;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const STYLE = `
  body { margin: 0; background: #dfe7e0; font: 15px/1.4 system-ui, "DejaVu Sans", sans-serif; }
  main { width: 420px; padding: 14px; box-sizing: border-box; display: grid; gap: 10px; }
  article { max-width: 370px; min-width: 200px; width: fit-content; }
  .me { justify-self: end; min-width: 0; }
  section { background: #fff; border-radius: 12px; padding: 8px 12px; overflow-wrap: anywhere; }
  .me section { background: #e2f7cf; }
  p { margin: 0; white-space: pre-wrap; }
  b { font-weight: 600; }
  u { color: #1a6fb5; text-decoration: none; }
  code { font: 13px/1.4 "DejaVu Sans Mono", monospace; color: #7a3b69; }
  blockquote { margin: 0 0 4px; padding: 2px 8px; border-left: 3px solid #4a90c4; background: #eef5fa; border-radius: 4px;
    font-size: 13px; color: #33566f; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  time { display: block; text-align: right; font-size: 11px; color: #6b7a70; }
  nav { display: grid; gap: 4px; margin-top: 4px; }
  nav div { display: flex; gap: 4px; }
  nav span { flex: 1; padding: 7px 8px; border-radius: 8px; background: #7f998a; color: #fff; font-size: 14px;
    text-align: center; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
`;
