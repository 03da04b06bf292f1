/** Prints to a terminal in raw mode, where a line end needs its carriage return. */
export function print(text: string) {
  echo(`${text}\n`);
}

/** Prints what is typed, without a line end of its own. */
export function echo(text: string) {
  process.stdout.write(text.replaceAll("\n", "\r\n"));
}

/** Prints a line and ends the program. */
export function exitWith(stream: NodeJS.WriteStream, text: string, status: number): never {
  stream.write(`${text}\n`);
  process.exit(status);
}
