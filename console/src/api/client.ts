// The way to the server: typed by its OpenAPI document, the session's token on what changes something.

import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Camera = components["schemas"]["Camera"];
export type Health = components["schemas"]["Health"];
export type Trouble = components["schemas"]["Trouble"];
export type Layout = components["schemas"]["Layout"];
/** One object of the recorded view. */
export type Rendition = { stream: string; start_us: number; end_us: number; codec: string; bytes: number };
export type Session = components["schemas"]["SignedIn"];
export type ViewNow = components["schemas"]["ViewNow"];
export type Timeline = components["schemas"]["Timeline"];

/** What went wrong, as the server says it (RFC 9457), or that it does not answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly retryAfter_s: number | null = null,
  ) {
    super(detail);
  }
}

const API = new URL("/", location.href).origin;
let csrfToken = "";
let onSignedOut: () => void = () => undefined;

const middleware: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set("X-CSRF-Token", csrfToken);
  },
  onResponse({ request, response }) {
    const signingIn = request.method === "POST" && request.url.endsWith("/session");
    if (response.status === 401 && !signingIn) onSignedOut();
  },
};

export const api = createClient<paths>({ baseUrl: API, credentials: "same-origin" });
api.use(middleware);

export function setSession(token: string, signedOut: () => void): void {
  csrfToken = token;
  onSignedOut = signedOut;
}

/** The data of an answer. Errors: Problem. */
export async function ask<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let found;
  try {
    found = await answer;
  } catch {
    throw new Problem(0, "");
  }
  if (found.error === undefined && found.response.ok) return found.data as T;
  const detail = (found.error as { detail?: unknown } | undefined)?.detail;
  const retry = Number(found.response.headers.get("retry-after") ?? NaN);
  throw new Problem(
    found.response.status,
    typeof detail === "string" ? detail : "",
    Number.isFinite(retry) ? retry : null,
  );
}

/** The recorded objects of a span; none where the server keeps none. Errors: Problem. */
export async function fetchRenditions(camera: string, from_us: number, to_us: number, signal: AbortSignal): Promise<Rendition[]> {
  const span = `from_us=${String(from_us)}&to_us=${String(to_us)}`;
  let response;
  try {
    response = await fetch(`${API}/api/v1/cameras/${camera}/renditions?${span}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(0, "");
  }
  if (response.status === 404) return [];
  if (!response.ok) throw new Problem(response.status, "");
  return ((await response.json()) as { renditions: Rendition[] }).renditions;
}

/** The bytes of a recorded object. Errors: Problem. */
export async function fetchRendition(stream: string, start_us: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  let response;
  try {
    response = await fetch(`${API}/api/v1/renditions/${stream}/${String(start_us)}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(0, "");
  }
  if (!response.ok) throw new Problem(response.status, "");
  return new Uint8Array(await response.arrayBuffer());
}
