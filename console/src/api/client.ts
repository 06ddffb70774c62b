// The way to the server: typed by its OpenAPI document, the session's token on what changes something.

import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Camera = components["schemas"]["Camera"];
export type Health = components["schemas"]["Health"];
export type Trouble = components["schemas"]["Trouble"];
export type ViewNow = components["schemas"]["ViewNow"];
export type Layout = components["schemas"]["Layout"];
export type HoldDraft = components["schemas"]["HoldDraft"];
export type Background = components["schemas"]["Background"];
export type Backgrounds = components["schemas"]["Backgrounds"];
export type Rendition = components["schemas"]["Rendition"];
export type Session = components["schemas"]["SignedIn"];
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

/** Recorded objects by time. Errors: Problem. */
export async function listRenditions(camera: string, from_us: number, to_us: number, signal: AbortSignal): Promise<Rendition[]> {
  const path = `cameras/${camera}/renditions?from_us=${String(from_us)}&to_us=${String(to_us)}`;
  const found = (await (await fetchPath(path, signal)).json()) as { renditions: Rendition[] };
  return found.renditions;
}

/** The bytes of a recorded object. Errors: Problem. */
export async function fetchRendition(stream: string, start_us: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetchPath(`renditions/${stream}/${String(start_us)}`, signal);
  return new Uint8Array(await response.arrayBuffer());
}

async function fetchPath(path: string, signal: AbortSignal): Promise<Response> {
  let response;
  try {
    response = await fetch(`${API}/api/v1/${path}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(0, "");
  }
  if (!response.ok) throw new Problem(response.status, "");
  return response;
}
