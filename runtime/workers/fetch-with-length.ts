/** Workers' own stream that declares its length; a body of any other stream is sent in chunks, whatever its header says. */
declare const FixedLengthStream: new (length: number) => TransformStream<Uint8Array, Uint8Array>;

/** `fetch` that keeps the declared length of a streamed body, as Node does: storage servers refuse uploads in chunks. */
export function fetchWithLength(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { body } = init;
  const length = new Headers(init.headers).get("content-length");
  if (length === null || !(body instanceof ReadableStream)) return fetch(input, init);
  const fixed = (body as ReadableStream<Uint8Array>).pipeThrough(new FixedLengthStream(Number(length)));
  return fetch(input, { ...init, body: fixed });
}
