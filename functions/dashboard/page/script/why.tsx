/** Why nothing happens with a task: the sentence, and what changes that. */

import type { RenderedWhy } from "../../../../shared/tasks/why.ts";
import { fillPath, sendJson } from "./api.ts";
import { Button } from "./elements.tsx";

/** The sentence, in which each other task is a link. */
export function WhyText({ why: { text, keys = [] } }: { why: Pick<RenderedWhy, "text" | "keys"> }) {
  const words = keys.filter((key) => /^[\w-]+$/.test(key));
  if (words.length === 0) return text;
  return text.split(new RegExp(`\\b(${words.join("|")})\\b`)).map((part, i) =>
    i % 2 === 0 ? (
      part
    ) : (
      <a key={part + i} class="key" href={fillPath("/task/:key", { key: part })}>
        {part}
      </a>
    ),
  );
}

interface RemedyProps {
  subject: string;
  remedy: RenderedWhy["remedy"];
  onDone: () => Promise<void>;
}

/** What changes a state: a button that does it, or a link to where one does it. */
export function RemedyButton({ subject, remedy, onDone }: RemedyProps) {
  if (!remedy) return null;
  const { method, path, body = {} } = remedy.action;
  if (method === "GET")
    return (
      <a class="go" href={path}>
        {remedy.label}
        <span class="sr"> {subject}</span>
      </a>
    );
  const isHold = method === "DELETE";
  async function follow() {
    await sendJson(path, method === "POST" ? body : undefined, method);
    await onDone();
  }
  return (
    <Button
      class="go"
      route={isHold ? "DELETE /api/holds/:system" : "POST /api/tasks/:key/actions"}
      subject={subject}
      onPress={follow}
    >
      {remedy.label}
    </Button>
  );
}
