import { getTexts } from "../../shared/i18n/texts/get-texts.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";

/** A sample task with its owner; `after` is the id of the task that blocks it. */
export interface SampleTask {
  id: string;
  title: string;
  /** HTML. */
  description: string;
  owner: "first worker" | "second worker" | "human";
  after?: string;
}

const OWNERS = { hello: "first worker", report: "second worker", look: "human" } as const;

/** Three sample tasks, the second blocked by the first; in French for `fr`, otherwise in English. */
export function getSampleTasks(language: string): SampleTask[] {
  const texts = getTexts("auto", language).sampleTasks;
  return (["hello", "report", "look"] as const).map((id) => ({
    id,
    title: texts[id].title,
    description: `<p>${texts[id].text}</p>`,
    owner: OWNERS[id],
    ...omitUndefined({ after: id === "report" ? "hello" : undefined }),
  }));
}
