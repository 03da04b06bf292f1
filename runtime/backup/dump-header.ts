/** The versions in a dump's header, for example `17.6` and `17.6 (Debian 17.6-1)`. */
export interface DumpVersions {
  /** Version of the server that was dumped. */
  server: string;
  /** Version of pg_dump. */
  dump: string;
}

/** Length of a header's beginning that contains both versions: 4 KiB, several times what is needed. */
export const DUMP_HEADER_BYTES = 4_096;

const MAGIC = "PGDMP";
/** The only format that is written: custom, in one file. */
const CUSTOM_FORMAT = 1;
/** From this version of the archive on, the compression is one byte instead of a number (PostgreSQL 16). */
const FIRST_WITH_COMPRESSION_BYTE = [1, 15] as const;
/** Numbers of the time of the dump. */
const TIME_NUMBERS = 7;
const MAX_TEXT_BYTES = 1_000;

/**
 * Reads the header of a dump in pg_dump's custom format (ReadHead in src/bin/pg_dump/pg_backup_archiver.c). Returns
 * undefined for anything else.
 */
export function readDumpHeader(bytes: Uint8Array): DumpVersions | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  let at = MAGIC.length;
  const readByte = () => view.readUInt8(at++);
  try {
    const version = [readByte(), readByte()] as const;
    at += 1;
    const intSize = readByte();
    at += 1;
    if (readByte() !== CUSTOM_FORMAT || intSize < 1 || intSize > 6) return undefined;
    /** A sign, and the number with its lowest byte first. */
    const readNumber = () => {
      const isNegative = readByte() !== 0;
      const number = view.readUIntLE(at, intSize);
      at += intSize;
      return isNegative ? -number : number;
    };
    const readText = () => {
      const length = readNumber();
      if (length < 0 || length > MAX_TEXT_BYTES) throw new RangeError("not a text");
      const text = view.toString("utf8", at, at + length);
      if (at + length > view.length) throw new RangeError("incomplete");
      at += length;
      return text;
    };
    if (isAtLeast(version, FIRST_WITH_COMPRESSION_BYTE)) at += 1;
    else readNumber();
    for (let i = 0; i < TIME_NUMBERS; i += 1) readNumber();
    readText();
    return { server: readText(), dump: readText() };
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function isAtLeast([major, minor]: readonly [number, number], [otherMajor, otherMinor]: readonly [number, number]) {
  return major > otherMajor || (major === otherMajor && minor >= otherMinor);
}
