import { openRegularFile } from "./copy-files.ts";

/** Reads the beginning of a file, `length` bytes at most. */
export async function readStart(path: string, length: number): Promise<Uint8Array> {
  const file = await openRegularFile(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
