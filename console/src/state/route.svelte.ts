// Where the person is, in the address behind `#`: it reaches no server and so no server's log of what was looked at.

export type Screen = "wall" | "camera" | "map" | "health" | "backgrounds";
const SCREENS: readonly Screen[] = ["wall", "camera", "map", "health", "backgrounds"];

export type Place = { screen: Screen; id: string; at_us: number | null; cameras: string[] };

export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first = "", id = ""] = path.split("/");
  const asked = new URLSearchParams(query);
  const at = Number(asked.get("at") ?? NaN);
  return {
    screen: SCREENS.find((one) => one === first) ?? "wall",
    id: /^[0-9a-f]{32}$/.test(id) ? id : "",
    at_us: Number.isSafeInteger(at) && at > 0 ? at : null,
    cameras: (asked.get("cameras") ?? "").split(",").filter((one) => /^[0-9a-f]{32}$/.test(one)).slice(0, 16),
  };
}

export function addressOf(place: Partial<Place> & { screen: Screen }): string {
  const asked = new URLSearchParams();
  if (place.at_us) asked.set("at", String(Math.round(place.at_us)));
  if (place.cameras?.length) asked.set("cameras", place.cameras.join(","));
  const query = asked.size > 0 ? `?${asked.toString().replaceAll("%2C", ",")}` : "";
  return `#/${place.screen}${place.id ? `/${place.id}` : ""}${query}`;
}

class Route {
  place = $state<Place>(parsePlace(location.hash));

  constructor() {
    addEventListener("hashchange", () => (this.place = parsePlace(location.hash)));
  }

  go(place: Partial<Place> & { screen: Screen }): void {
    location.hash = addressOf(place);
  }
}

export const route = new Route();
