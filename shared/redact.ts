/**
 * Creates a function that replaces every occurrence of a secret in a text by `[secret]`. It is an additional safeguard:
 * callers must not put secrets into texts. Secrets of fewer than 6 characters are not replaced, because they may be
 * ordinary words.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const redactable = secrets.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length);
  if (redactable.length === 0) return (text) => text;
  // One pattern for all secrets, because it is applied to every log line.
  const pattern = new RegExp(
    redactable.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"),
    "g",
  );
  return (text) => text.replace(pattern, "[secret]");
}
