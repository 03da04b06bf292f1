import type { KeptProject } from "../../../shared/observe/kept.ts";
import { data } from "../../../shared/telegram/data.ts";
import { gatherWake } from "../../../shared/wake/gather.ts";
import { createTask } from "../../../shared/work/create.ts";
import { actingFor, type Command, type Heard, type Outcome } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { folded, matching } from "../match.ts";
import { ask, type Option } from "../pick.ts";
import { firstAndRest } from "../words.ts";
import { projectsOf } from "./known.ts";
import { nameOf } from "./lines.ts";
import { usage } from "./one.ts";

/** What a wake carries of a request. */
const LONGEST = 1_000;
/** As long as an update may come again. */
const ASKED_MS = 3 * 86_400_000;
/** Says in the arguments of a pressed button that the Concierge is meant. */
const CONCIERGE = "@concierge";

/** Makes a task as the human; what names no project is handed to the Concierge, who plans it. */
export const make: Command = {
  name: "new",
  also: ["nouveau", "nouvelle", "add", "create"],
  async run(heard, args) {
    const { first, rest } = firstAndRest(args);
    if (first === "") return usage(heard, "new");
    if (first === CONCIERGE) return handOver(heard, rest);
    const projects = await projectsOf(heard);
    const named = begunWith(args, projects);
    if (named) return named.title === "" ? usage(heard, "new") : made(heard, named.project, named.title);
    const match = rest === "" ? undefined : matching(first, projects, ({ identifier, name }) => [identifier, name]);
    if (match === undefined || match.kind === "none") return handOver(heard, args);
    // A word that is only part of a project's name may be the first of the request as well.
    const some = match.kind === "one" ? [match.one] : match.some;
    const options: Option[] = some.map(({ identifier, name }) => ({
      label: filled(heard.look.texts.answers.inProject, { project: `${name} (${identifier})` }).text,
      command: "new",
      args: `${identifier} ${rest}`,
    }));
    const concierge: Option = {
      label: heard.look.texts.answers.forConcierge,
      command: "new",
      args: `${CONCIERGE} ${args}`,
    };
    return ask(heard, heard.look.texts.answers.which.project, [...options, concierge]);
  },
};

/** The project whose identifier or whole name the arguments begin with, in quotation marks or not. */
function begunWith(
  args: string,
  projects: readonly KeptProject[],
): { project: KeptProject; title: string } | undefined {
  const { first, rest } = firstAndRest(args);
  const whole = projects.find(({ identifier, name }) => [identifier, name].map(folded).includes(folded(first)));
  if (whole) return { project: whole, title: rest };
  const ends = [...args.matchAll(/\s+|$/g)].map(({ index }) => index);
  for (const end of ends.reverse()) {
    const begun = folded(args.slice(0, end));
    const project = projects.find(({ name }) => folded(name) === begun);
    if (project) return { project, title: args.slice(end).trim() };
  }
  return undefined;
}

/** The first line is the title, what follows the description. */
async function made(heard: Heard, project: KeptProject, text: string): Promise<Outcome> {
  const [title = "", ...more] = text.split("\n");
  const description = more.join("\n").trim();
  const given = { project: project.id, title: title.trim(), ...(description !== "" && { description }) };
  const task = await createTask(actingFor(heard), given);
  return { say: { rich: filled(`🆕 ${heard.look.texts.answers.done.made}`, { task: nameOf(heard, task) }) } };
}

/** Wakes the Concierge with the request; once, however often this is begun. */
async function handOver(heard: Heard, text: string): Promise<Outcome> {
  const { deps, id, look } = heard;
  const { not, done } = look.texts.answers;
  const concierge = deps.settings.agents.find(({ role }) => role === "concierge");
  if (!concierge) return { say: { rich: filled(`⚠️ ${not.noConcierge}`, {}) } };
  const agent = data(concierge.name, 80);
  if (concierge.wake.kind === "none") return { say: { rich: filled(`⚠️ ${not.deafConcierge}`, { agent }) } };
  if (text.length > LONGEST) return { say: { rich: filled(`⚠️ ${not.tooLong}`, { n: String(LONGEST) }) } };
  const key = `asked-for:${id}`;
  const [kept] = await deps.store.read([key]);
  const also = { expect: [[key, 0] as [string, number]], put: [{ key, value: true, expires: ASKED_MS }] };
  if (!kept) await gatherWake(deps, concierge.name, [{ id: key, key: "new", reason: "asked_for", text }], also);
  return { say: { rich: filled(`📨 ${done.asked}`, { agent, text: data(text, 300) }) } };
}
