// Backgrounds and what is asked of them.

import { b64u, unhex } from "../signing/canon";
import type { Signed } from "../signing/key";
import { api, ask, type Background, type Backgrounds } from "./client";

export const LEARN_TYPE = "custodes/learn/v1";
export const BACKGROUND_TYPE = "custodes/entry/background/v1";

/** Errors: Problem. */
export function listBackgrounds(): Promise<Backgrounds> {
  return ask(api.GET("/api/v1/backgrounds"));
}

export function pictureOf(one: Background): string {
  return `./api/v1/backgrounds/${one.background}/picture`;
}

/** The body of the entry that commits a candidate. `network`: its id in hex. */
export function entryBody(one: Background, network: string): Record<string, unknown> {
  const id = (text: string): string => b64u(unhex(text));
  return {
    background: id(one.background),
    camera: id(one.camera),
    condition: one.condition,
    doubt_permille: one.doubt_permille,
    network: id(network),
    revision: one.revision,
    stream: id(one.stream),
    view: one.view,
    withheld_permille: one.withheld_permille,
  };
}

/** Errors: Problem. */
export async function propose(one: Background, statement: Signed): Promise<void> {
  await ask(api.POST("/api/v1/backgrounds/{background}/proposal", { params: { path: { background: one.background } }, body: { statement } }));
}

/** Which entry it became. Errors: Problem. */
export async function approve(one: Background, statement: Signed): Promise<number> {
  const { entry } = await ask(
    api.POST("/api/v1/backgrounds/{background}/approval", { params: { path: { background: one.background } }, body: { statement } }),
  );
  return entry;
}

/** Errors: Problem. */
export async function refuse(one: Background): Promise<void> {
  await ask(api.POST("/api/v1/backgrounds/{background}/refusal", { params: { path: { background: one.background } } }));
}

/** The body of a wish to learn, to be signed. Errors: Problem. */
export async function draftLearning(
  camera: string,
  wish: { view: string; condition: string; withhold: boolean },
): Promise<Record<string, unknown>> {
  const drawn = await ask(api.POST("/api/v1/cameras/{camera}/learning/draft", { params: { path: { camera } }, body: wish }));
  return drawn.body;
}

/** Errors: Problem. */
export async function learn(camera: string, statement: Signed): Promise<void> {
  await ask(api.POST("/api/v1/cameras/{camera}/learning", { params: { path: { camera } }, body: { statement } }));
}
