/**
 * Reads a choice from the browser's local storage. Browsers may forbid the storage; then nothing is remembered.
 * @param {"language" | "project" | "show"} name
 */
export function readPreference(name) {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @param {"language" | "project" | "show"} name @param {string} value */
export function savePreference(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
