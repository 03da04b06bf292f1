/** Headers of a response with server-sent events. X-Accel-Buffering keeps proxies from buffering the events. */
export const STREAM_HEADERS = { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" };
