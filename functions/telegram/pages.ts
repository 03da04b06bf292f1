import type { Ms } from "../../shared/store/port.ts";
import { cut, join, plain, type RichText } from "../../shared/telegram/text.ts";
import { TRAIL_MS } from "../../shared/why/trail.ts";
import { type Answer, type Heard, type Outcome, type Press, shortId } from "./handler.ts";
import { filled } from "./locales/say.ts";

/** What can be read in one glance: a page is full at so many lines or UTF-16 units. */
const LINES = 24;
const UNITS = 1_800;

/** As long as messages are remembered. */
const KEPT_MS: Ms = TRAIL_MS;

interface KeptPages {
  pages: RichText[];
}

const keyOf = (id: string) => `pages:${id}`;

/** An answer of several lines; what is too long for one page is kept, and turned by buttons. */
export function paged(heard: Heard, lines: readonly RichText[]): Outcome {
  const pages = pagesOf(lines);
  const [first = plain("–")] = pages;
  if (pages.length < 2) return { say: { rich: first } };
  const id = shortId(heard);
  return {
    say: pageOf(heard, id, pages, 0),
    put: [{ key: keyOf(id), value: { pages } satisfies KeptPages, expires: KEPT_MS }],
  };
}

export const turnPage: Press = async (heard, { messageId, id, arg }) => {
  const [kept] = await heard.deps.store.read<KeptPages>([keyOf(id)]);
  const n = Number(arg);
  if (!kept?.value.pages[n]) return { toast: heard.look.texts.answers.old };
  return { show: { messageId, ...pageOf(heard, id, kept.value.pages, n) } };
};

function pageOf({ look }: Heard, id: string, pages: readonly RichText[], n: number): Answer {
  const { back, next } = look.texts.answers;
  const button = (text: string, to: number) => {
    const label = filled(text, { n: String(to + 1), total: String(pages.length) }).text;
    return { text: label, data: `page:${id}:${to}` };
  };
  const row = [...(n > 0 ? [button(back, n - 1)] : []), ...(n < pages.length - 1 ? [button(next, n + 1)] : [])];
  return { rich: pages[n] ?? plain("–"), buttons: [row] };
}

function pagesOf(lines: readonly RichText[]): RichText[] {
  const pages: RichText[][] = [];
  let units = 0;
  for (const line of lines.map((one) => cut(one, UNITS))) {
    const page = pages.at(-1);
    units += line.text.length + 1;
    if (page && page.length < LINES && units <= UNITS) page.push(line);
    else {
      pages.push([line]);
      units = line.text.length + 1;
    }
  }
  return pages.map((page) => join(page, "\n")).filter(({ text }) => text.trim() !== "");
}
