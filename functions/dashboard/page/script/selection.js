import { readPreference, savePreference } from "./preferences.js";

/** @import { ChosenTask } from "./page-types.ts" */

let project = readPreference("project") ?? "";
/** @type {ChosenTask | undefined} */
let chosenTask;
/** @type {(previous: ChosenTask | undefined) => void} */
let reportChoice = () => {};

/** The identifier of the project that is shown; empty: all of them. */
export function getProject() {
  return project;
}

/** @param {string} identifier */
export function setProject(identifier) {
  project = identifier;
  savePreference("project", project);
}

/** The task whose decisions alone are shown. */
export function getChosenTask() {
  return chosenTask;
}

/** Chooses a task, or all of them; the one that is chosen already is no longer. @param {ChosenTask} [task] */
export function chooseTask(task) {
  const previous = chosenTask;
  chosenTask = task && task.id !== previous?.id ? task : undefined;
  reportChoice(previous);
}

/** @param {(previous: ChosenTask | undefined) => void} show is called after each choice */
export function onTaskChoice(show) {
  reportChoice = show;
}
