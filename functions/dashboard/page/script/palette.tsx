/** The palette, which a key opens in every view: it finds views, actions, choices and tasks. */

import { render } from "preact";
import type { ViewName } from "../../answers.ts";
import { fetchAnswer } from "./api.ts";
import { board } from "./board.tsx";
import { findElement, findElements, findTarget, getElement } from "./find-elements.ts";
import { openPlace } from "./views.ts";

interface Command {
  id: string;
  text: string;
  run: () => void;
}

/** Number of commands that are shown at once. */
const SHOWN = 12;

/** Pause after a character before all tasks are searched: 150 ms. */
const SEARCH_PAUSE_MS = 150;

/** What is pressed to see a task, a column or another form of a view, and what belongs to the chat's messages. */
const NO_ACTIONS = ":is(:disabled, [aria-disabled=true], .card > button, .node > button, .key, [data-tab], #chat *)";

const dialog = getElement<HTMLDialogElement>("palette");
const field = getElement<HTMLInputElement>("palette-words");

/** What was found, the place of what Enter runs in it, and the tasks that the server has found. */
let found: Command[] = [];
let chosen = 0;
let searched: Command[] = [];

let searchTimer: ReturnType<typeof setTimeout> | undefined;

export function openPalette(): void {
  if (dialog.open) dialog.close();
  field.value = "";
  handleInput();
  dialog.showModal();
}

function handleInput(): void {
  chosen = 0;
  drawFound();
  clearTimeout(searchTimer);
  searchTimer = setTimeout(async () => {
    searched = await searchTasks(field.value);
    drawFound();
  }, SEARCH_PAUSE_MS);
}

function drawFound(): void {
  found = findCommands(field.value, searched);
  chosen = Math.max(0, Math.min(chosen, found.length - 1));
  const options = found.map(({ id, text }, i) => (
    <div
      key={id}
      id={`palette-${i}`}
      role="option"
      tabIndex={-1}
      aria-selected={i === chosen}
      class="written"
      dir="auto"
    >
      {text}
    </div>
  ));
  render(options, getElement("palette-list"));
  field.setAttribute("aria-activedescendant", found.length > 0 ? `palette-${chosen}` : "");
  findElement(dialog, ".empty").hidden = found.length > 0;
}

function handleKey(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined && event.key !== "Enter") return;
  event.preventDefault();
  chosen += step ?? 0;
  if (step === undefined) run(chosen);
  else drawFound();
}

function run(index: number): void {
  dialog.close();
  found[index]?.run();
}

field.addEventListener("input", handleInput);
field.addEventListener("keydown", handleKey);
getElement("palette-list").addEventListener("click", (event) => {
  const option = findTarget(event, "[role=option]");
  if (option) run(Number(option.id.replace("palette-", "")));
});

/** The commands whose text has all of these words. Tasks that are not on the board follow, once they are found. */
function findCommands(words: string, searched: Command[]): Command[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...listViews(), ...listActions(), ...listChoices(), ...listTasks(), ...searched];
  const found = all.filter(({ text }) => wanted.every((word) => text.toLowerCase().includes(word)));
  return found.filter(({ id }, i) => found.findIndex((one) => one.id === id) === i).slice(0, SHOWN);
}

/** Searches all tasks on the server, closed ones too. While it does not answer, those of the board are found. */
async function searchTasks(words: string): Promise<Command[]> {
  if (words.trim().length < 2) return [];
  const { tasks } = await fetchAnswer("/api/tasks", { text: words.trim(), status: "all" }).catch(() => ({ tasks: [] }));
  return tasks.map(({ key, title, agents = [] }) => toTaskCommand(key, title, agents.join(", ")));
}

function listViews(): Command[] {
  return findElements(document, "header a[data-view]").map((link) => {
    const view = link.dataset["view"] as ViewName;
    const text = link.querySelector("span")?.textContent ?? view;
    return { id: `view-${view}`, text, run: () => openPlace({ view }) };
  });
}

/** What can be pressed in the shown view: the buttons of requests, tasks and forms. Tasks themselves are listed as tasks. */
function listActions(): Command[] {
  return findElements(document, "header button, main :is(button, a.go)")
    .filter((el) => el.checkVisibility() && !el.matches(NO_ACTIONS))
    .map((el, i) => ({
      id: `action-${i}`,
      text: (el.ariaLabel ?? el.textContent).trim(),
      run() {
        el.focus();
        el.click();
      },
    }))
    .filter(({ text }) => text !== "");
}

/** The choices of the header: the project, the filters and the language. */
function listChoices(): Command[] {
  return findElements<HTMLSelectElement>(document, "header select").flatMap((select) =>
    [...select.options].map(({ value, text }) => ({
      id: `choice-${select.id}${select.dataset["filter"]}-${value}`,
      text: `${select.ariaLabel ?? select.previousElementSibling?.textContent}: ${text}`,
      run() {
        // A view without the filter shows nothing of it.
        if (select.dataset["filter"] && !select.checkVisibility()) openPlace({ view: "board" });
        select.value = value;
        select.dispatchEvent(new Event("change"));
      },
    })),
  );
}

function listTasks(): Command[] {
  const cards = board?.columns.flatMap((column) => column.cards) ?? [];
  return cards.map(({ key, title, agent }) => toTaskCommand(key, title, agent));
}

function toTaskCommand(key: string, title: string, agent = ""): Command {
  const text = [key, title.slice(0, 120), agent].filter(Boolean).join(" · ");
  return { id: `task-${key}`, text, run: () => openPlace({ view: "why", task: key }) };
}
