import { formatTemplate } from "../../shared/i18n/localize.ts";
import type { AgentWords } from "../workspace-texts.ts";

/** What a scripted Concierge knows about an agent to which it can give work. */
export interface TeamMember {
  name: string;
  role: string;
  /** Its strengths, as the settings describe them. */
  about?: string | undefined;
  open: number;
}

interface PlannedStep {
  id: string;
  title: string;
  description: string;
  assignee?: string;
  priority: "high";
  blocked_by?: string[];
  estimate: { minutes: number; cost: number };
}

/** The input of `plan_project`. */
export interface WishPlan {
  project: string;
  identifier?: string;
  description: string;
  tasks: PlannedStep[];
}

/** The steps of every plan, in their order. */
const STEPS = ["design", "build", "test"] as const;

/** Estimate of a step; the cost is the one that the scripted agents report. */
const ESTIMATE = { minutes: 5, cost: 0.12 };
/** Limit of the words of a wish in a title, so that a title fits on a card. */
const TITLE_LENGTH = 60;
/** Words after which a wish says what it is for, in English and French. */
const PURPOSE = /\s(to|for|on|in|into|of|au|aux|à|pour|sur|dans|en)\s/i;
/** Characters that Plane refuses in the name of a project. */
const NAME_CHARACTERS = /[^\p{L}\p{N} '-]+/gu;

/** Whether a wish says what it is for; if not, the Concierge asks. */
export function isWishClear(wish: string): boolean {
  return PURPOSE.test(` ${wish} `);
}

/**
 * Plans design, building and testing for a wish, each for the agent whose description names the skill.
 * `note` is what a person wants changed. `projects` are those that exist.
 */
export function planWish(
  words: AgentWords,
  wish: string,
  team: readonly TeamMember[],
  projects: readonly { project: string; name: string }[],
  note?: string,
): WishPlan {
  const subject = wish.replace(/\s+/g, " ").trim().slice(0, TITLE_LENGTH);
  const change = note === undefined ? "" : `\n\n${formatTemplate(words.change, { note })}`;
  const description = formatTemplate(words.wishedFor, { wish }) + change;
  const identifier = chooseIdentifier(subject);
  const isFree = !projects.some(({ project }) => project === identifier);
  return {
    project: chooseProjectName(
      subject,
      projects.map(({ name }) => name),
    ),
    ...(isFree && identifier.length > 1 ? { identifier } : {}),
    description,
    tasks: STEPS.map((id, i) => {
      const { verb, skill } = words.steps[id];
      const assignee = chooseAgent(team, skill);
      const blocker = STEPS[i - 1];
      return {
        id,
        title: `${verb}: ${subject}`,
        description,
        ...(assignee === undefined ? {} : { assignee }),
        priority: "high",
        ...(blocker === undefined ? {} : { blocked_by: [blocker] }),
        estimate: ESTIMATE,
      };
    }),
  };
}

function chooseProjectName(subject: string, names: readonly string[]): string {
  const plain = subject.replace(NAME_CHARACTERS, " ").replace(/\s+/g, " ").trim() || "Wish";
  const name = plain.charAt(0).toUpperCase() + plain.slice(1);
  const taken = new Set(names.map((other) => other.toLowerCase()));
  for (let n = 1; ; n += 1) {
    const numbered = n === 1 ? name : `${name} ${n}`;
    if (!taken.has(numbered.toLowerCase())) return numbered;
  }
}

/** The initials of the words that say something, which have at least four letters: `CFW` for a contact form. */
function chooseIdentifier(subject: string): string {
  const words = subject.normalize("NFD").match(/[A-Za-z]{4,}/g) ?? [];
  return words
    .map((word) => word.charAt(0).toUpperCase())
    .join("")
    .slice(0, 5);
}

/** Chooses the agent with this skill that has the fewest open tasks; without one, any agent. */
function chooseAgent(team: readonly TeamMember[], skill: string): string | undefined {
  const workers = team.filter(({ role }) => role === "worker").toSorted((a, b) => a.open - b.open);
  return (workers.find(({ about = "" }) => about.includes(skill)) ?? workers[0])?.name;
}
