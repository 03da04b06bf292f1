import { readPreference, savePreference } from "./preferences.js";

/** @import { ChosenTask } from "./page-types.ts" */

let project = readPreference("project") ?? "";
/** @type {ChosenTask | undefined} */
let chosenTask;
/** @type {(previous: ChosenTask | undefined) => void} */
let reportChoice = () => {};

/** Identifier of the shown project; empty for all projects. */
export function getProject() {
  return project;
}

/** @param {string} identifier */
export function setProject(identifier) {
  project = identifier;
  savePreference("project", project);
}

/** The task to which the decision log is limited; undefined for all tasks. */
export function getChosenTask() {
  return chosenTask;
}

/** Chooses a task, or all tasks. Choosing the same task again chooses all. @param {ChosenTask} [task] */
export function chooseTask(task) {
  const previous = chosenTask;
  chosenTask = task && task.id !== previous?.id ? task : undefined;
  reportChoice(previous);
}

/** @param {(previous: ChosenTask | undefined) => void} show called after each choice */
export function onTaskChoice(show) {
  reportChoice = show;
}
