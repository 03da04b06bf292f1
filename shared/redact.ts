/**
 * Takes every occurrence of a secret out of a text. A second fence: no caller should put one in.
 * Secrets of fewer than 6 characters are left alone, or ordinary words would vanish.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const redactable = secrets.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length);
  if (redactable.length === 0) return (text) => text;
  // One search for all of them: it is made for each line of the log.
  const pattern = new RegExp(
    redactable.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"),
    "g",
  );
  return (text) => text.replace(pattern, "[secret]");
}
