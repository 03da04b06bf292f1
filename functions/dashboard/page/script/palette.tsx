/** What keys open everywhere: the palette, which finds views, actions and tasks, and the list of keys. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BoardAnswer } from "../../answers.ts";
import type { ViewName } from "../addresses.ts";
import { fetchAnswer } from "./api.ts";
import { onBoard } from "./board.tsx";
import { findElements } from "./find-elements.ts";
import { translate } from "./language.ts";
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

/** Keys, and the names of the texts that say what they do. */
const KEYS = [
  ["Ctrl K", "keys.ctrl_k"],
  ["/", "keys.slash"],
  ["?", "keys.question"],
  ["j, k", "keys.j_k"],
  ["a", "keys.a"],
  ["d", "keys.d"],
  ["Esc", "keys.escape"],
] as const;

let board: BoardAnswer | undefined;

const dialog = Object.assign(document.createElement("dialog"), { className: "palette" });

/** Opens the palette, or the list of keys. */
export function openPalette(content: "palette" | "keys"): void {
  if (dialog.open) dialog.close();
  render(null, dialog);
  dialog.setAttribute("aria-label", translate(content === "keys" ? "keys" : "palette"));
  render(content === "keys" ? <KeyList /> : <Palette />, dialog);
  dialog.showModal();
}

function KeyList() {
  return (
    <>
      <h2>{translate("keys")}</h2>
      <dl class="pairs">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{translate(text)}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="go" onClick={() => dialog.close()}>
        {translate("agents.close")}
      </button>
    </>
  );
}

function Palette() {
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState(0);
  const [searched, setSearched] = useState<Command[]>([]);
  useEffect(() => {
    const timer = setTimeout(async () => setSearched(await searchTasks(words)), SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [words]);
  const found = findCommands(words, searched);
  const current = found[Math.min(chosen, found.length - 1)];
  function run(command: Command | undefined) {
    dialog.close();
    command?.run();
  }
  function handleKey(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setChosen(Math.max(0, Math.min(chosen + step, found.length - 1)));
    }
    if (event.key === "Enter") {
      event.preventDefault();
      run(current);
    }
  }
  return (
    <>
      <input
        type="text"
        role="combobox"
        aria-label={translate("palette")}
        aria-expanded="true"
        aria-controls="palette-list"
        {...(current ? { "aria-activedescendant": `palette-${found.indexOf(current)}` } : {})}
        placeholder={translate("palette.hint")}
        autocomplete="off"
        value={words}
        onKeyDown={handleKey}
        onInput={({ currentTarget }) => {
          setWords(currentTarget.value);
          setChosen(0);
        }}
      />
      <div role="listbox" id="palette-list" aria-label={translate("palette")}>
        {found.map((command, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and takes the keys.
          <div
            key={command.id}
            role="option"
            tabIndex={-1}
            id={`palette-${i}`}
            aria-selected={command === current}
            class="written"
            dir="auto"
            onClick={() => run(command)}
          >
            {command.text}
          </div>
        ))}
      </div>
      {found.length === 0 && <p class="empty">{translate("palette.none")}</p>}
    </>
  );
}

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
    return {
      id: `view-${view}`,
      text: link.querySelector("span")?.textContent ?? view,
      run: () => openPlace({ view }),
    };
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
  return { id: `task-${key}`, text, run: () => openPlace({ view: "why", key }) };
}

document.body.append(dialog);

onBoard((next: BoardAnswer) => {
  board = next;
});
