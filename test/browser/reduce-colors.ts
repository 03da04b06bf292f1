import { crc32, deflateSync } from "node:zlib";
import type { Page } from "playwright-core";

/** Of the 256 colours of a palette, those that are used most; the others are the ones that these would change most. */
const COMMON_COLORS = 160;
const MAX_COLORS = 256;

/**
 * Writes a PNG again with at most 256 colours; others become the nearest of them. Pictures of a user interface look the
 * same in a third of the bytes. A page of the browser reads the picture.
 */
export async function reduceColors(page: Page, png: Buffer): Promise<Buffer> {
  const [width, height, text] = (await page.evaluate(`(async () => {
    const answer = await fetch("data:image/png;base64,${png.toString("base64")}");
    const image = await createImageBitmap(await answer.blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    const reader = new FileReader();
    const isRead = new Promise((resolve) => reader.addEventListener("load", resolve));
    reader.readAsDataURL(new Blob([data]));
    await isRead;
    return [image.width, image.height, reader.result.split(",")[1]];
  })()`)) as [number, number, string];
  const pixels = Buffer.from(text, "base64");
  const colors = Array.from({ length: width * height }, (_, i) => pixels.readUIntBE(i * 4, 3));
  const counts = new Map<number, number>();
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = choosePalette(counts);
  const indexes = new Map([...counts.keys()].map((color) => [color, findNearest(palette, color)]));
  const lines = Buffer.alloc((width + 1) * height);
  for (const [i, color] of colors.entries())
    lines[Math.floor(i / width) * (width + 1) + 1 + (i % width)] = indexes.get(color) ?? 0;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits for the index of a colour in the palette.
  header.set([8, 3], 8);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    createChunk("IHDR", header),
    createChunk("PLTE", Buffer.from(palette.flatMap(toChannels))),
    createChunk("IDAT", deflateSync(lines, { level: 9 })),
    createChunk("IEND", Buffer.alloc(0)),
  ]);
}

function choosePalette(counts: ReadonlyMap<number, number>): number[] {
  const byUse = [...counts].sort(([, a], [, b]) => b - a);
  const palette = byUse.slice(0, COMMON_COLORS).map(([color]) => color);
  const others = byUse.slice(COMMON_COLORS).map(([color, count]) => {
    return { color, count, distance: measureDistance(palette[findNearest(palette, color)] ?? 0, color) };
  });
  while (palette.length < MAX_COLORS && others.length > 0) {
    const worst = others.reduce((most, one) => (one.distance * one.count > most.distance * most.count ? one : most));
    if (worst.distance === 0) break;
    palette.push(worst.color);
    for (const other of others) other.distance = Math.min(other.distance, measureDistance(worst.color, other.color));
  }
  return palette;
}

const toChannels = (color: number): [number, number, number] => [color >> 16, (color >> 8) & 255, color & 255];

function measureDistance(a: number, b: number): number {
  const [x, y] = [toChannels(a), toChannels(b)];
  return (x[0] - y[0]) ** 2 + (x[1] - y[1]) ** 2 + (x[2] - y[2]) ** 2;
}

function findNearest(palette: readonly number[], color: number): number {
  const distances = palette.map((candidate) => measureDistance(candidate, color));
  return distances.indexOf(Math.min(...distances));
}

function createChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
